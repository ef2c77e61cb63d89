//! The engine's publisher over the Kafka producer.
//!
//! It retries nothing: the producer does within its limits, and what is left then comes again with the stream.

use std::time::Duration;

use aws_adapters::{NoPublisher, SettingsProblem};
use kafka::{ErrorClass, KafkaProducer, OutgoingEvent, Publish, Settings};
use processing::{Cause, OutboxEvent, PublishError, PublishFailure, Publisher};

/// How long one call may take; the engine cuts it off earlier where its invocation ends.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// Publishes events by a producer.
#[derive(Debug)]
pub struct KafkaPublisher<P = KafkaProducer>(P);

impl KafkaPublisher {
    /// Makes the publisher of the process from its environment variables.
    ///
    /// # Errors
    /// Fails with every Kafka setting that cannot be used, or if the producer cannot be made.
    pub fn from_environment() -> Result<Self, NoPublisher> {
        let variable =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let settings = Settings::read(variable).map_err(|error| {
            let problems = error.problems.into_iter();
            NoPublisher::Settings(
                problems
                    .map(|problem| SettingsProblem {
                        name: problem.name,
                        found: problem.found,
                        expected: problem.expected,
                    })
                    .collect(),
            )
        })?;
        let producer = KafkaProducer::new(&settings);
        Ok(Self(
            producer.map_err(|error| NoPublisher::Failed(error.into()))?,
        ))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kafka::{Code, Outcome};

    use super::*;

    /// Says of each call what the real producer would, and keeps the ids that are on the topic.
    #[derive(Default)]
    struct Scripted {
        /// Ids that are too large.
        refused: Vec<&'static str>,
        /// Events that it takes before the brokers are gone.
        room: Option<usize>,
        topic: Mutex<Vec<String>>,
    }

    impl Publish for Scripted {
        async fn publish(
            &self,
            events: &[OutgoingEvent],
            _limit: Duration,
        ) -> Result<(), kafka::PublishError> {
            let mut outcomes = vec![Outcome::NotSent; events.len()];
            let is_refused = |event: &OutgoingEvent| self.refused.contains(&&*event.event_id);
            if let Some(index) = events.iter().position(is_refused) {
                outcomes[index] = Outcome::Refused;
                return Err(failure(Code::EventTooLarge, Some(index), outcomes));
            }
            let mut topic = self.topic.lock().unwrap();
            for (event, outcome) in events.iter().zip(&mut outcomes) {
                if self.room.is_some_and(|room| topic.len() >= room) {
                    return Err(failure(Code::BrokerUnavailable, None, outcomes));
                }
                topic.push(event.event_id.clone());
                *outcome = Outcome::Acknowledged;
            }
            Ok(())
        }
    }

    fn failure(code: Code, index: Option<usize>, outcomes: Vec<Outcome>) -> kafka::PublishError {
        kafka::PublishError {
            code,
            index,
            outcomes,
            message: "on purpose".into(),
            source: None,
        }
    }

    fn event(id: &str) -> OutboxEvent {
        OutboxEvent {
            event_id: id.into(),
            event_type: "order.created".into(),
            key: Some("o-1".into()),
            timestamp: "2026-11-21T10:15:30.123Z".into(),
            traceparent: None,
            value: "{}".into(),
        }
    }

    async fn publish(scripted: Scripted, ids: &[&str]) -> (Result<(), PublishError>, Vec<String>) {
        let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
        let publisher = KafkaPublisher::new(scripted);
        let result = publisher.publish("order.order.created", &events).await;
        (result, publisher.0.topic.into_inner().unwrap())
    }

    #[tokio::test]
    async fn what_is_before_a_refused_event_is_published_first() {
        let scripted = Scripted {
            refused: vec!["c"],
            ..Scripted::default()
        };
        let (result, topic) = publish(scripted, &["a", "b", "c", "d"]).await;
        let error = result.unwrap_err();
        assert_eq!(error.published, 2);
        let PublishFailure::Refused { code, .. } = error.failure else {
            panic!("refused")
        };
        assert_eq!(code, "event_too_large");
        assert_eq!(topic, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_refused_event_does_not_hide_that_those_before_it_are_not_published() {
        let scripted = Scripted {
            refused: vec!["c"],
            room: Some(1),
            ..Scripted::default()
        };
        let (result, topic) = publish(scripted, &["a", "b", "c"]).await;
        let error = result.unwrap_err();
        assert_eq!(error.published, 1);
        assert!(matches!(error.failure, PublishFailure::Unavailable(_)));
        assert_eq!(topic, ["a"]);
    }

    #[tokio::test]
    async fn only_acknowledged_events_count_as_published() {
        let scripted = Scripted {
            room: Some(2),
            ..Scripted::default()
        };
        let (result, _) = publish(scripted, &["a", "b", "c"]).await;
        assert_eq!(result.unwrap_err().published, 2);
        let (result, topic) = publish(Scripted::default(), &["a", "b"]).await;
        assert!(result.is_ok());
        assert_eq!(topic, ["a", "b"]);
    }
}
