//! A client that asks about topics and reads them, and whose callbacks are served while it waits.
//!
//! librdkafka hands over tokens and tells of refusals only to a client that is polled. What is asked lies with
//! the admin client and the reader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;

use crate::admin::{AdminError, explained, not_created};
use crate::client::{Context, Health, Tokens, config};
use crate::settings::Settings;

/// How long one question waits before the callbacks are served again.
const STEP_MAX: Duration = Duration::from_millis(500);

/// The client.
pub(crate) struct Polled {
    pub(crate) consumer: BaseConsumer<Context>,
    pub(crate) health: Arc<Health>,
}

impl Polled {
    pub(crate) fn new(settings: &Settings, tokens: Tokens) -> Result<Self, AdminError> {
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
    ) -> Result<Metadata, AdminError> {
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
