//! Running the outbox relay as a Lambda function: by the stream of the `outbox` table, and by a schedule.
//!
//! What is published, in which order, and what follows from a failure is the engine's
//! ([`processing::Relay`]); how an event gets onto its topic is the publisher's. This only reads what Lambda
//! sends and answers in its words.

mod trigger;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use processing::{
    Cause, DeadLetters, Invocation, OutboxLane, Publisher, Relay, RelaySettings, Relayed, Store,
    Timer,
};
use serde::Serialize;
use serde_json::value::RawValue;

use self::trigger::{Trigger as RelayTrigger, TriggerError};
use crate::run::{RunError, chain, deadline, payloads, read_settings, variable};
use crate::settings::{Settings, SettingsError, SettingsProblem, Trigger};
use crate::telemetry::{self, RelayReport};
use crate::{DynamoStore, SqsDeadLetters, SystemTimer};

/// How old a row of the outbox has to be to count as left over, unless `OUTBOX_AGE_MS` says otherwise.
const AGE_MS_DEFAULT: u64 = 60_000;
/// The least such age, in milliseconds: a stream needs time to deliver a row.
const AGE_MS_MIN: u64 = 1_000;
/// The greatest, in milliseconds: well below the day for which a stream keeps a row.
const AGE_MS_MAX: u64 = 3_600_000;

/// Why there is no publisher.
#[derive(Debug)]
pub enum NoPublisher {
    /// Settings are missing or wrong.
    Settings(Vec<SettingsProblem>),
    /// It could not be made of them.
    Failed(Cause),
}

/// Runs the relay as a Lambda function, until Lambda ends the process.
///
/// It answers two kinds of payload: the records of a `DynamoDB` stream of the `outbox` table with new images
/// ("Using AWS Lambda with Amazon `DynamoDB`", Lambda guide), whose mapping must have `ReportBatchItemFailures`,
/// and an event of a schedule, upon which it sweeps all lanes of the catalogue.
///
/// # Errors
/// Fails if settings are missing or wrong (all are named, the publisher's too), if the publisher cannot be
/// made, or if Lambda's runtime ends.
pub async fn run_relay<P: Publisher>(
    function: &'static str,
    make_publisher: impl FnOnce() -> Result<P, NoPublisher>,
) -> Result<(), RunError> {
    let settings = read_settings(Trigger::Records, variable);
    let age = age_min(variable);
    let (settings, age_min, publisher) = together(settings, age, make_publisher())?;
    telemetry::init(&settings)?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let relay = Relay::new(
        DynamoStore::new(&dynamodb, &settings.table_prefix),
        publisher,
        SqsDeadLetters::new(&sqs, &settings.dead_letter_queue_url)
            .with_overflow(payloads(&config, &settings)),
        SystemTimer,
        RelaySettings {
            function,
            code_version: settings.code_version.clone(),
            deadline_margin: settings.deadline_margin,
            age_min,
        },
    );
    let namespace = &*settings.metrics_namespace;
    let relay = &relay;
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let (payload, context) = event.into_parts();
        let invocation = Invocation {
            request_id: context.request_id,
            deadline: deadline(context.deadline, SystemTimer.now()),
        };
        let answer = answer(relay, function, namespace, payload.get(), &invocation);
        // The runtime would catch a panic too, but puts its message into the answer.
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
        answer.unwrap_or(Err(RelayError::Panicked))
    });
    lambda_runtime::run(service)
        .await
        .map_err(RunError::Runtime)
}

/// Puts together what was read, or every problem of it.
fn together<P>(
    settings: Result<Settings, SettingsError>,
    age_min: Result<Duration, SettingsProblem>,
    publisher: Result<P, NoPublisher>,
) -> Result<(Settings, Duration, P), RunError> {
    match (settings, age_min, publisher) {
        (Ok(settings), Ok(age_min), Ok(publisher)) => Ok((settings, age_min, publisher)),
        (Ok(_), Ok(_), Err(NoPublisher::Failed(cause))) => Err(RunError::Publisher(cause)),
        (settings, age_min, publisher) => {
            let mut problems = settings.err().map_or_else(Vec::new, |error| error.problems);
            problems.extend(age_min.err());
            if let Err(NoPublisher::Settings(of_publisher)) = publisher {
                problems.extend(of_publisher);
            }
            Err(SettingsError { problems }.into())
        }
    }
}

/// `OUTBOX_AGE_MS`: how old a row has to be to count as left over.
fn age_min(lookup: impl Fn(&str) -> Option<String>) -> Result<Duration, SettingsProblem> {
    let name = "OUTBOX_AGE_MS";
    let Some(text) = lookup(name).filter(|value| !value.is_empty()) else {
        return Ok(Duration::from_millis(AGE_MS_DEFAULT));
    };
    match text.parse() {
        Ok(ms @ AGE_MS_MIN..=AGE_MS_MAX) => Ok(Duration::from_millis(ms)),
        Ok(_) | Err(_) => Err(SettingsProblem {
            name,
            found: Some(text),
            expected: format!("a whole number of milliseconds from {AGE_MS_MIN} to {AGE_MS_MAX}"),
        }),
    }
}

/// What Lambda is told. A schedule heeds none of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamResponse {
    /// From this record on they come again, those of other partition keys as well.
    batch_item_failures: Vec<StreamFailure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamFailure {
    item_identifier: String,
}

/// Why an invocation fails, so that its whole batch comes again.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the payload can not be relayed")]
    Payload(#[source] TriggerError),
    #[error("the relay panicked")]
    Panicked,
}

impl From<RelayError> for Diagnostic {
    fn from(error: RelayError) -> Self {
        let error_type = match &error {
            RelayError::Payload(_) => "malformed_event",
            RelayError::Panicked => "panic",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: chain(&error).join(": "),
        }
    }
}

async fn answer<S: Store, P: Publisher, D: DeadLetters, T: Timer>(
    relay: &Relay<S, P, D, T>,
    function: &'static str,
    namespace: &str,
    payload: &str,
    invocation: &Invocation,
) -> Result<StreamResponse, RelayError> {
    let started = Instant::now();
    let (rows, relayed, response) = match RelayTrigger::read(payload) {
        Ok(RelayTrigger::Schedule) => {
            let relayed = relay.sweep(OutboxLane::all(), invocation).await;
            (0, relayed, StreamResponse::of(None))
        }
        Ok(RelayTrigger::Rows(rows)) => {
            let (sequence_numbers, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let count = rows.len();
            let relayed = relay.publish(rows, invocation).await;
            let first = relayed.first_unfinished;
            let sequence_number = first.and_then(|index| sequence_numbers.get(index));
            let response = StreamResponse::of(sequence_number.cloned());
            (count, relayed, response)
        }
        Err(error) => {
            let error = RelayError::Payload(error);
            let causes = chain(&error).join(": ");
            tracing::error!(causes, "an invocation fails as a whole");
            return Err(error);
        }
    };
    report(function, namespace, rows, &relayed, started);
    Ok(response)
}

fn report(
    function: &'static str,
    namespace: &str,
    rows: usize,
    relayed: &Relayed,
    started: Instant,
) {
    let report = RelayReport {
        function,
        namespace,
        rows,
        relayed,
        batch_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        now: SystemTimer.now(),
    };
    report.publish();
}

impl StreamResponse {
    fn of(sequence_number: Option<String>) -> Self {
        let failure = sequence_number.map(|item_identifier| StreamFailure { item_identifier });
        Self {
            batch_item_failures: failure.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
