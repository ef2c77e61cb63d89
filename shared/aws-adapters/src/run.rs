//! Running a handler as a Lambda function: settings, telemetry, clients, engine, and the runtime's loop.
//!
//! This is all that a function's `main.rs` calls. It holds no rules about records: a payload goes to the
//! engine as it came, and the engine's answer goes back.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use aws_config::{BehaviorVersion, SdkConfig};
use event_schema::Timestamp;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use msk_event::{BatchResponse, EventError};
use processing::{
    Answer, Decide, DecideEngine, Deliver, DeliverEngine, Invocation, Processor, Timer,
};
use serde_json::value::RawValue;

use crate::settings::{Settings, SettingsError, SettingsProblem, Trigger, runtime_problems};
use crate::telemetry::{self, BatchReport};
use crate::{DynamoStore, S3Payloads, Ses, SqsDeadLetters, SystemTimer};

/// The longest time that Lambda gives an invocation, in milliseconds (5,400 s, esm-spec §2.1).
const INVOCATION_MS_MAX: u64 = 5_400_000;

/// Why a function could not start, or had to end.
///
/// Its `Debug` is for people, because that is what Rust prints of an error that `main` returns.
#[derive(thiserror::Error)]
pub enum RunError {
    /// Settings are missing or wrong; all of them are named.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Something else logs already.
    #[error("logging could not be started")]
    Logging(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// The relay's publisher could not be made.
    #[error("the publisher could not be made")]
    Publisher(#[source] processing::Cause),
    /// Lambda's runtime ended.
    #[error("the Lambda runtime ended")]
    Runtime(#[source] lambda_runtime::Error),
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self).join("\ncaused by: "))
    }
}

/// Runs a [`Decide`] handler as a Lambda function, until Lambda ends the process.
///
/// ```no_run
/// # use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
/// # struct OrderCreatedHandler;
/// # impl Decide for OrderCreatedHandler {
/// #     type Event = event_schema::events::OrderCreated;
/// #     const NAME: &'static str = "order-created";
/// #     const DEDUP: Dedup = Dedup::EventId;
/// #     const ON_POISON: OnPoison = OnPoison::Skip;
/// #     fn decide(&self, _: &Record<Self::Event>, _: &mut Work<'_>) -> Result<(), Rejection> {
/// #         Ok(())
/// #     }
/// # }
/// #[tokio::main]
/// async fn main() -> Result<(), aws_adapters::RunError> {
///     aws_adapters::run_decide(OrderCreatedHandler).await
/// }
/// ```
///
/// # Errors
/// Fails if settings are missing or wrong, or if Lambda's runtime ends.
pub async fn run_decide<H: Decide>(handler: H) -> Result<(), RunError> {
    let Started {
        settings,
        store,
        dead_letters,
        payloads,
    } = start().await?;
    let engine = DecideEngine::new(handler, store, dead_letters, SystemTimer, settings.engine())
        .with_payloads(payloads);
    serve(&engine, &settings.metrics_namespace).await
}

/// Runs a [`Deliver`] handler as a Lambda function, until Lambda ends the process.
///
/// # Errors
/// As [`run_decide`].
pub async fn run_deliver<H: Deliver>(handler: H) -> Result<(), RunError> {
    let Started {
        settings,
        store,
        dead_letters,
        payloads,
    } = start().await?;
    let engine = DeliverEngine::new(handler, store, dead_letters, SystemTimer, settings.engine())
        .with_payloads(payloads);
    serve(&engine, &settings.metrics_namespace).await
}

/// What a handler that sends mail is made of.
#[derive(Clone, Debug)]
pub struct MailPorts {
    /// The tables.
    pub store: DynamoStore,
    /// Amazon SES; it is not called before a mail is sent.
    pub ses: Ses,
}

/// Runs a [`Deliver`] handler that sends mail as a Lambda function, until Lambda ends the process.
///
/// `read` reads the handler's own settings through the environment; `make` puts the handler together.
///
/// # Errors
/// As [`run_decide`]; the problems of the handler's own settings are told together with the others.
pub async fn run_mail<H: Deliver, O>(
    read: impl FnOnce(fn(&str) -> Option<String>) -> Result<O, Vec<SettingsProblem>>,
    make: impl FnOnce(O, MailPorts) -> H,
) -> Result<(), RunError> {
    let (settings, own) = both(read_settings(Trigger::Records, variable), read(variable))?;
    telemetry::init(&settings)?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let store = DynamoStore::new(
        &aws_sdk_dynamodb::Client::new(&config),
        &settings.table_prefix,
    );
    let sqs = aws_sdk_sqs::Client::new(&config);
    let dead_letters = SqsDeadLetters::new(&sqs, &settings.dead_letter_queue_url);
    let ses = Ses::new(&aws_sdk_sesv2::Client::new(&config));
    let ports = MailPorts {
        store: store.clone(),
        ses,
    };
    let handler = make(own, ports);
    let engine = DeliverEngine::new(handler, store, dead_letters, SystemTimer, settings.engine());
    serve(&engine, &settings.metrics_namespace).await
}

/// Both settings, or every problem of either.
fn both<O>(
    settings: Result<Settings, SettingsError>,
    own: Result<O, Vec<SettingsProblem>>,
) -> Result<(Settings, O), SettingsError> {
    match (settings, own) {
        (Ok(settings), Ok(own)) => Ok((settings, own)),
        (settings, own) => {
            let mut problems = settings.err().map_or_else(Vec::new, |error| error.problems);
            problems.extend(own.err().into_iter().flatten());
            Err(SettingsError { problems })
        }
    }
}

/// What every function is made of.
struct Started {
    settings: Settings,
    store: DynamoStore,
    dead_letters: SqsDeadLetters,
    payloads: Option<S3Payloads>,
}

/// Reads settings, starts logging, and makes the clients, which all invocations share.
async fn start() -> Result<Started, RunError> {
    let settings = read_settings(Trigger::Records, variable)?;
    telemetry::init(&settings)?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let payloads = payloads(&config, &settings);
    Ok(Started {
        store: DynamoStore::new(&dynamodb, &settings.table_prefix),
        dead_letters: SqsDeadLetters::new(&sqs, &settings.dead_letter_queue_url)
            .with_overflow(payloads.clone()),
        payloads,
        settings,
    })
}

/// The bucket for large values, where one is set; without it no client is made.
pub(crate) fn payloads(config: &SdkConfig, settings: &Settings) -> Option<S3Payloads> {
    let bucket = settings.overflow_bucket.as_ref()?;
    let by_path = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .into_iter()
        .any(|name| variable(name).is_some());
    // Servers other than S3's own want the bucket in the path.
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(by_path);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    Some(S3Payloads::new(&client, bucket))
}

/// The value of an environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The function's settings and the runtime's, all problems of both in one error.
pub(crate) fn read_settings(
    trigger: Trigger,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Settings, SettingsError> {
    let runtime = runtime_problems(&lookup);
    match Settings::read_for(trigger, lookup) {
        Ok(settings) if runtime.is_empty() => Ok(settings),
        Ok(_) => Err(SettingsError { problems: runtime }),
        Err(mut error) => {
            error.problems.extend(runtime);
            Err(error)
        }
    }
}

/// Answers invocations one after another.
async fn serve<P: Processor>(processor: &P, namespace: &str) -> Result<(), RunError> {
    // The payload comes as it is: what one record holds must not fail the reading of the others.
    let service =
        service_fn(|event: LambdaEvent<Box<RawValue>>| invoke(processor, namespace, event));
    lambda_runtime::run(service)
        .await
        .map_err(RunError::Runtime)
}

/// Processes one batch, reports it, and says what Lambda is told.
async fn invoke<P: Processor>(
    processor: &P,
    namespace: &str,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<BatchResponse, InvocationError> {
    let started = Instant::now();
    let (payload, context) = event.into_parts();
    let invocation = Invocation {
        request_id: context.request_id,
        deadline: deadline(context.deadline, SystemTimer.now()),
    };
    // Boxed: the engine's future nests so deep that a function's `main` would not compile otherwise.
    let processing: BoxFuture<'_, _> =
        Box::pin(processor.process(payload.get().as_bytes(), &invocation));
    // The runtime would catch a panic too, but puts its message into the answer.
    let processed = match AssertUnwindSafe(processing).catch_unwind().await {
        Ok(Ok(processed)) => processed,
        Ok(Err(error)) => return Err(InvocationError::NotAnEvent(error).logged()),
        Err(_panic_is_logged_by_the_hook) => return Err(InvocationError::Panicked),
    };
    let report = BatchReport {
        function: processor.name(),
        namespace,
        processed: &processed,
        batch_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        now: SystemTimer.now(),
    };
    report.publish();
    match processed.answer {
        Answer::Respond(response) => Ok(response),
        Answer::Fail { unfinished, code } => Err(InvocationError::Unfinished { unfinished, code }),
    }
}

/// When the invocation ends, from the header `Lambda-Runtime-Deadline-Ms`.
///
/// It is an instant in milliseconds since 1970 ("Using the Lambda runtime API", AWS Lambda guide). `cargo
/// lambda watch` sends the time that is left instead; what no instant of today can be is read as that.
pub(crate) fn deadline(header_ms: u64, now: Timestamp) -> Timestamp {
    let ms = i64::try_from(header_ms).unwrap_or(i64::MAX);
    if header_ms <= INVOCATION_MS_MAX {
        return Timestamp::from_ms(now.as_ms().saturating_add(ms));
    }
    Timestamp::from_ms(ms)
}

/// Why an invocation fails, so that Lambda delivers its whole batch again.
#[derive(Debug, thiserror::Error)]
enum InvocationError {
    #[error("the payload is not a Kafka event")]
    NotAnEvent(#[source] EventError),
    #[error("{unfinished} records are unfinished, the first of them because of {code}")]
    Unfinished {
        unfinished: usize,
        code: &'static str,
    },
    #[error("the engine panicked")]
    Panicked,
}

impl InvocationError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotAnEvent(error) => error.code(),
            Self::Unfinished { .. } => "unfinished",
            Self::Panicked => "panic",
        }
    }

    fn logged(self) -> Self {
        let causes = chain(&self).join(": ");
        tracing::error!(code = self.code(), causes, "an invocation fails as a whole");
        self
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: chain(&error).join(": "),
        }
    }
}

/// An error's message and every cause behind it, outermost first.
pub(crate) fn chain(error: &dyn Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        messages.push(cause.to_string());
        next = cause.source();
    }
    messages
}

#[cfg(test)]
mod tests;
