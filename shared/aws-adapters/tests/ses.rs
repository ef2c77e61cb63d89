//! What goes to SES and what its answers become, with a server that answers as it is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_adapters::{Ses, SesFailure, SesMailer};
use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The one operation that is used ("`SendEmail`", Amazon SES API v2 reference).
const PATH: &str = "/v2/email/outbound-emails";

/// Answers every call the same; keeps paths and requests.
#[derive(Clone)]
struct LocalSes {
    address: SocketAddr,
    answer: Arc<(u16, String, Value)>,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl LocalSes {
    async fn answering(status: u16, code: &str, body: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new((status, code.to_owned(), body)),
            requests: Arc::default(),
        };
        let told = service.clone();
        let router =
            Router::new().fallback(async move |uri: Uri, body: String| told.answer(&uri, &body));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    fn answer(&self, uri: &Uri, body: &str) -> impl IntoResponse + use<> {
        let request = (uri.path().to_owned(), serde_json::from_str(body).unwrap());
        self.requests.lock().unwrap().push(request);
        let (status, code, body) = &*self.answer;
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (
                header::HeaderName::from_static("x-amzn-errortype"),
                code.clone(),
            ),
            (
                header::HeaderName::from_static("x-amzn-requestid"),
                "r-1".to_owned(),
            ),
        ];
        (
            StatusCode::from_u16(*status).unwrap(),
            headers,
            body.to_string(),
        )
    }

    fn requests(&self) -> Vec<(String, Value)> {
        self.requests.lock().unwrap().clone()
    }
}

async fn mailer(address: SocketAddr) -> SesMailer {
    let client = aws_sdk_sesv2::Client::new(&common::sdk_config(address).await);
    Ses::new(&client).from_sender("shop@example.com")
}

async fn send(address: SocketAddr) -> Result<(), SesFailure> {
    let mailer = mailer(address).await;
    mailer
        .send("ada@example.com", "주문", "감사합니다.\nZoë", "token-1")
        .await
}

/// The failure that follows from an answer, as the name of its kind and as it is logged.
async fn failure(status: u16, code: &str, message: &str) -> (&'static str, String) {
    let service = LocalSes::answering(status, code, json!({ "message": message })).await;
    let failure = send(service.address).await.unwrap_err();
    assert_eq!(
        service.requests().len(),
        1,
        "{code}: a call is not repeated unseen"
    );
    let kind = match &failure {
        SesFailure::Refused(_) => "refused",
        SesFailure::Unverified(_) => "unverified",
        SesFailure::Throttled(_) => "throttled",
        SesFailure::Unavailable(_) => "unavailable",
    };
    (kind, failure.to_string())
}

#[tokio::test]
async fn a_mail_is_sent_as_plain_text_in_utf_8_with_the_token_of_its_delivery() {
    let service = LocalSes::answering(200, "", json!({ "MessageId": "m-1" })).await;
    send(service.address).await.unwrap();
    let text = |data: &str| json!({ "Data": data, "Charset": "UTF-8" });
    let expected = json!({
        "FromEmailAddress": "shop@example.com",
        "Destination": { "ToAddresses": ["ada@example.com"] },
        "Content": { "Simple": {
            "Subject": text("주문"),
            "Body": { "Text": text("감사합니다.\nZoë") },
            "Headers": [{ "Name": "X-Tailrace-Delivery", "Value": "token-1" }],
        } },
    });
    assert_eq!(service.requests(), [(PATH.to_owned(), expected)]);
}

#[tokio::test]
async fn what_passes_is_told_from_what_does_not() {
    for (status, code, message, kind) in [
        (429, "TooManyRequestsException", "slow down", "throttled"),
        (400, "LimitExceededException", "quota", "throttled"),
        (400, "ThrottlingException", "rate", "throttled"),
        (500, "InternalFailure", "oops", "unavailable"),
        (503, "ServiceUnavailable", "later", "unavailable"),
        (403, "AccessDeniedException", "no", "unavailable"),
        (400, "SendingPausedException", "paused", "unavailable"),
        (400, "AccountSuspendedException", "suspended", "unavailable"),
        (400, "MessageRejected", "it holds a virus", "refused"),
        (400, "BadRequestException", "no address", "refused"),
        (
            400,
            "MailFromDomainNotVerifiedException",
            "domain",
            "unverified",
        ),
        (
            400,
            "MessageRejected",
            "Email address is not verified.",
            "unverified",
        ),
    ] {
        assert_eq!(failure(status, code, message).await.0, kind, "{code}");
    }
}

#[tokio::test]
async fn a_failure_names_the_code_and_the_request_and_no_address() {
    let message = "Email address is not verified. The following identities failed: ada@example.com";
    let (_, told) = failure(400, "MessageRejected", message).await;
    assert_eq!(
        told,
        "SES knows an address as not verified (MessageRejected, request r-1)"
    );
}

#[tokio::test]
async fn nobody_at_the_other_end_is_an_open_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = send(address).await.unwrap_err();
    assert!(matches!(failure, SesFailure::Unavailable(answer) if answer.code == "unreachable"));
}
