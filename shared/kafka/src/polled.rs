//! The reader's client, whose callbacks are served while it waits, and its errors.
//!
//! librdkafka hands over tokens and tells of refusals only to a client that is polled. What is asked lies with
//! the reader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;

use crate::client::{Context, Health, Tokens, config};
use crate::error::{Code, code_of, what_to_check};
use crate::settings::Settings;

/// How long one question waits before the callbacks are served again.
const STEP_MAX: Duration = Duration::from_millis(500);

/// Why a topic could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ReadError {
    /// Bounded; the same as the producer's.
    pub code: Code,
    /// What was wrong, and what to check.
    pub message: String,
    /// What the client library said, if it did.
    #[source]
    pub source: Option<Box<KafkaError>>,
}

/// The client.
pub(crate) struct Polled {
    pub(crate) consumer: BaseConsumer<Context>,
    pub(crate) health: Arc<Health>,
}

impl Polled {
    pub(crate) fn new(settings: &Settings, tokens: Tokens) -> Result<Self, ReadError> {
        let health = Health::new();
        let context = Context::new(Arc::clone(&health), tokens);
        // The library wants a group before it assigns a partition; nobody joins it.
        let consumer = config(settings)
            .set("group.id", format!("{}-reader", settings.client_id))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .create_with_context(context);
        let consumer = consumer.map_err(|error: KafkaError| not_created(error.to_string()))?;
        Ok(Self { consumer, health })
    }

    /// Asks the cluster about a topic until it answers, refuses, or `limit` has passed.
    pub(crate) fn metadata(
        &self,
        topic: Option<&str>,
        limit: Duration,
        what: &str,
    ) -> Result<Metadata, ReadError> {
        let deadline = Instant::now() + limit;
        loop {
            // Without an assignment there are no records; what fails is noted by the context.
            drop(self.consumer.poll(Duration::ZERO));
            let left = deadline.saturating_duration_since(Instant::now());
            match self.consumer.fetch_metadata(topic, left.min(STEP_MAX)) {
                Ok(metadata) => return Ok(metadata),
                Err(error) if left.is_zero() || self.health.access_problem().is_some() => {
                    return Err(explained(error, what, &self.health));
                }
                Err(_) => (),
            }
        }
    }
}

pub(crate) fn not_created(message: String) -> ReadError {
    ReadError {
        code: Code::ClientNotCreated,
        message,
        source: None,
    }
}

/// Puts a refusal of access, if there was one, in the place of the time-out that it leads to.
pub(crate) fn explained(error: KafkaError, what: &str, health: &Health) -> ReadError {
    let problem = health.access_problem();
    let (code, reason, source) = match problem {
        Some(problem) => (problem.code, problem.reason, problem.error),
        None => (code_of(&error), error.to_string(), error),
    };
    let hint = what_to_check(code).map_or_else(String::new, |hint| format!("; {hint}"));
    ReadError {
        code,
        message: format!("{what}: {reason}{hint}"),
        source: Some(Box::new(source)),
    }
}
