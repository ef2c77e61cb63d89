//! Mail by Amazon SES (API v2), and what its answers mean.
//!
//! It tries once: when a mail is tried again is the engine's business. SES knows no idempotency token; ours goes
//! along as a header, so that who reads mail can tell two of one delivery. What SES says in words may name
//! addresses, so only its codes are kept.

use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::RequestId;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};

/// The header that names the delivery.
const TOKEN_HEADER: &str = "X-Tailrace-Delivery";
/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time of a whole call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends mail by SES from one sender.
#[derive(Clone, Debug)]
pub struct SesMailer {
    client: Client,
    sender: String,
}

/// SES before a sender is chosen.
#[derive(Clone, Debug)]
pub struct Ses(Client);

/// Why SES did not send a mail, or may not have. Neither part names an address.
#[derive(Debug, thiserror::Error)]
pub enum SesFailure {
    /// It will never accept the mail.
    #[error("SES refused the mail ({0})")]
    Refused(SesAnswer),
    /// The sender, or in a sandbox the recipient, is not verified.
    #[error("SES knows an address as not verified ({0})")]
    Unverified(SesAnswer),
    /// It asked for patience.
    #[error("SES throttled the call ({0})")]
    Throttled(SesAnswer),
    /// It could not be reached, failed, or denied access; the mail may have been sent.
    #[error("SES is unavailable ({0})")]
    Unavailable(SesAnswer),
}

/// The code of SES's answer, and the request to ask AWS about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}, request {request_id}")]
pub struct SesAnswer {
    /// The service's code, or a word for what came instead of an answer.
    pub code: String,
    /// The request's id.
    pub request_id: String,
}

impl Ses {
    /// Takes a client; of it endpoint, region, credentials and connections are kept. Retries are turned off and
    /// timeouts set.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = client.config().to_builder();
        let config = config
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        Self(Client::from_conf(config.build()))
    }

    /// Chooses the address that mail comes from.
    #[must_use]
    pub fn from_sender(self, sender: impl Into<String>) -> SesMailer {
        SesMailer {
            client: self.0,
            sender: sender.into(),
        }
    }
}

impl SesMailer {
    /// Sends a plain text to one address.
    ///
    /// # Errors
    /// See [`SesFailure`]. Called twice, it sends two mails, under one token.
    pub async fn send(
        &self,
        address: &str,
        subject: &str,
        body: &str,
        token: &str,
    ) -> Result<(), SesFailure> {
        let content = content(subject, body, token).map_err(|_incomplete| {
            SesFailure::Refused(SesAnswer {
                code: "incomplete".to_owned(),
                request_id: "none".to_owned(),
            })
        })?;
        let destination = Destination::builder().to_addresses(address);
        let call = self
            .client
            .send_email()
            .from_email_address(&self.sender)
            .destination(destination.build())
            .content(content);
        // Boxed: the SDK's futures nest so deep that a function's `main` might not compile otherwise.
        let sent = Box::pin(call.send()).await;
        sent.map(|_| ()).map_err(|error| failure(&error))
    }
}

fn content(subject: &str, body: &str, token: &str) -> Result<EmailContent, BuildError> {
    let text = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let header = MessageHeader::builder().name(TOKEN_HEADER).value(token);
    let message = Message::builder()
        .subject(text(subject)?)
        .body(Body::builder().text(text(body)?).build())
        .headers(header.build()?);
    Ok(EmailContent::builder().simple(message.build()).build())
}

fn failure(error: &SdkError<SendEmailError, HttpResponse>) -> SesFailure {
    let (kind, code) = match error {
        SdkError::ServiceError(_) => {
            let message = error.message().unwrap_or_default();
            let code = error.code().unwrap_or("no code");
            (kind(code, message), code)
        }
        SdkError::ConstructionFailure(_) => (Kind::Unavailable, "not_sent"),
        SdkError::TimeoutError(_) => (Kind::Unavailable, "timeout"),
        SdkError::DispatchFailure(_) => (Kind::Unavailable, "unreachable"),
        SdkError::ResponseError(_) => (Kind::Unavailable, "unreadable_answer"),
        // The SDK's enum may grow; a kind that is not known leaves the outcome open.
        _ => (Kind::Unavailable, "unknown"),
    };
    let answer = SesAnswer {
        code: code.to_owned(),
        request_id: error.request_id().unwrap_or("unknown").to_owned(),
    };
    match kind {
        Kind::Refused => SesFailure::Refused(answer),
        Kind::Unverified => SesFailure::Unverified(answer),
        Kind::Throttled => SesFailure::Throttled(answer),
        Kind::Unavailable => SesFailure::Unavailable(answer),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Refused,
    Unverified,
    Throttled,
    Unavailable,
}

/// Classifies SES's own errors (`SendEmail`, "Errors", Amazon SES API v2 reference).
fn kind(code: &str, message: &str) -> Kind {
    match code {
        "TooManyRequestsException" | "LimitExceededException" | "ThrottlingException" => {
            Kind::Throttled
        }
        "MailFromDomainNotVerifiedException" => Kind::Unverified,
        // The one code stands for both; only its words tell them apart.
        "MessageRejected" if message.contains("not verified") => Kind::Unverified,
        "MessageRejected" | "BadRequestException" | "ValidationException" => Kind::Refused,
        // A server's error; access denied, sending paused, an account suspended: that passes, or an
        // operator can mend it, and the mail is right.
        _other => Kind::Unavailable,
    }
}
