//! The engine's publisher over the Kafka producer.
//!
//! It retries nothing: the producer does within its limits, and what is left then comes again with the stream.

use std::time::Duration;

use kafka::{ErrorClass, KafkaProducer, OutgoingEvent, Publish, Settings, SettingsError};
use processing::{Cause, OutboxEvent, PublishError, PublishFailure, Publisher};

/// How long one call may take; the engine cuts it off earlier where its invocation ends.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// Publishes events by a producer.
#[derive(Debug)]
pub struct KafkaPublisher<P = KafkaProducer>(P);

/// Why there is no publisher.
#[derive(Debug, thiserror::Error)]
pub enum NotMadeError {
    /// Kafka settings are missing or wrong; all of them are named.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The producer could not be made of them.
    #[error("the producer could not be made")]
    Producer(#[from] kafka::PublishError),
}

impl KafkaPublisher {
    /// Makes the publisher of the process from its environment variables.
    ///
    /// # Errors
    /// Fails with every Kafka setting that cannot be used, or if the producer cannot be made.
    pub fn from_environment() -> Result<Self, NotMadeError> {
        let variable =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let settings = Settings::read(variable)?;
        Ok(Self(KafkaProducer::new(&settings)?))
    }
}

impl<P: Publish> KafkaPublisher<P> {
    /// Publishes by this producer.
    pub fn new(producer: P) -> Self {
        Self(producer)
    }

    async fn attempt(&self, events: &[OutgoingEvent]) -> Result<(), kafka::PublishError> {
        if events.is_empty() {
            return Ok(());
        }
        self.0.publish(events, CALL_LIMIT).await
    }
}

impl<P: Publish> Publisher for KafkaPublisher<P> {
    async fn publish(&self, topic: &str, events: &[OutboxEvent]) -> Result<(), PublishError> {
        let events: Vec<_> = events.iter().map(|event| outgoing(topic, event)).collect();
        let Err(error) = self.attempt(&events).await else {
            return Ok(());
        };
        let refused = error
            .index
            .filter(|_| error.class() == ErrorClass::Event)
            .and_then(|index| Some((index, events.get(..index)?)));
        let Some((index, before)) = refused else {
            return Err(unavailable(error));
        };
        // An event that is refused ends the call, with those before it on their way or not even sent. They are
        // published before it is said of them that they are: the engine goes on behind the refused one.
        if error.acknowledged_prefix() < index
            && let Err(error) = self.attempt(before).await
        {
            return Err(unavailable(error));
        }
        Err(PublishError {
            published: index,
            failure: PublishFailure::Refused {
                code: error.code.as_str(),
                cause: Cause::from(error),
            },
        })
    }
}

fn unavailable(error: kafka::PublishError) -> PublishError {
    PublishError {
        published: error.acknowledged_prefix(),
        failure: PublishFailure::Unavailable(error.into()),
    }
}

fn outgoing(topic: &str, event: &OutboxEvent) -> OutgoingEvent {
    OutgoingEvent {
        topic: topic.to_owned(),
        key: event.key.clone(),
        value: event.value.clone(),
        event_id: event.event_id.clone(),
        event_type: event.event_type.clone(),
        timestamp: event.timestamp.clone(),
        traceparent: event.traceparent.clone(),
    }
}
