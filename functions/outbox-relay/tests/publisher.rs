//! What the publisher says to the engine of what the producer says to it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka::{Code, Outcome, OutgoingEvent, Publish};
use outbox_relay::KafkaPublisher;
use processing::{OutboxEvent, PublishError, PublishFailure, Publisher as _};

/// Says of each call what the real producer would, and keeps the ids that are on the topic.
#[derive(Default)]
struct Scripted {
    /// Ids that are too large.
    refused: Vec<&'static str>,
    /// Events that it takes before the brokers are gone.
    room: Option<usize>,
    topic: Arc<Mutex<Vec<String>>>,
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
    let topic = scripted.topic.clone();
    let publisher = KafkaPublisher::new(scripted);
    let result = publisher.publish("order.order.created", &events).await;
    let topic = topic.lock().unwrap().clone();
    (result, topic)
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
