//! Order and gaps on a broker that checks sequence numbers, refuses what is too large, and dies.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use kafka::{Code, ErrorClass, Outcome, Publish};

use super::*;

/// A topic refuses batches that are larger than this.
const BATCH_BYTES_MAX: &str = "20000";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_an_event_that_is_too_large_for_its_topic() {
    let kafka = shared();
    for (name, guilty) in [("first", 0), ("second", 1), ("later", 40)] {
        let topic = format!("refused.{name}");
        create(&kafka, &topic, 1, &[("max.message.bytes", BATCH_BYTES_MAX)]).await;
        let value = |n: usize| match n {
            n if n == guilty => noise(40_000),
            n => format!("{n:04}{}", noise(2_000)),
        };
        let events: Vec<_> = (0..80).map(|n| event(&topic, "a", value(n))).collect();
        let producer = producer(&kafka);
        let error = producer.publish(&events, LIMIT).await.unwrap_err();
        assert_eq!(
            (error.code, error.index),
            (Code::EventTooLarge, Some(guilty)),
            "{error}"
        );
        assert_eq!(error.outcomes[guilty], Outcome::Refused);
        let there = values(&kafka, &topic).await;
        let before: Vec<_> = (0..guilty).map(value).collect();
        // Nothing behind the guilty event, and all that is said to be there.
        assert_eq!(there, before[..there.len()], "{name}");
        assert!(there.len() >= error.acknowledged_prefix(), "{name}");
        // Without it, the rest follows.
        let mut rest = events[error.acknowledged_prefix()..].to_vec();
        rest.retain(|event| event.value.len() < 40_000);
        producer.publish(&rest, LIMIT).await.unwrap();
        let firsts = firsts(values(&kafka, &topic).await);
        let all: Vec<_> = (0..80).filter(|n| *n != guilty).map(value).collect();
        assert_eq!(firsts, all, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_names_the_event_that_has_no_key() {
    let kafka = shared();
    create(&kafka, "compacted", 1, &[("cleanup.policy", "compact")]).await;
    let without_key = OutgoingEvent {
        key: None,
        ..event("compacted", "", "1")
    };
    let events = [
        event("compacted", "a", "0"),
        without_key,
        event("compacted", "b", "2"),
    ];
    let error = producer(&kafka).publish(&events, LIMIT).await.unwrap_err();
    assert_eq!(
        (error.code, error.index),
        (Code::InvalidRecord, Some(1)),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_an_error_until_it_is() {
    let kafka = shared();
    let producer = producer(&kafka);
    let events = [event("missing", "a", "0")];
    let start = Instant::now();
    let error = producer.publish(&events, LIMIT).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (error.code, error.class()),
        (Code::UnknownTopic, ErrorClass::Transient),
        "{error}"
    );
    create(&kafka, "missing", 1, &[]).await;
    producer.publish(&events, LIMIT).await.unwrap();
    assert_eq!(values(&kafka, "missing").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_while_it_is_written_to_loses_nothing_and_keeps_the_order() {
    const EVENTS: usize = 20_000;
    const KEYS: usize = 97;
    let mut kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    create(&kafka, "killed", 6, &[]).await;
    let producer = Arc::new(producer(&kafka));
    let events: Vec<_> = (0..EVENTS)
        .map(|n| event("killed", &format!("k-{}", n % KEYS), n.to_string()))
        .collect();
    let publishing = tokio::spawn({
        let producer = Arc::clone(&producer);
        async move {
            for chunk in events.chunks(500) {
                relay(&producer, chunk).await;
            }
        }
    });
    // In the middle of it, twice.
    for sent in [4_000, 12_000] {
        while producer.metrics().sent < sent {
            assert!(
                !publishing.is_finished(),
                "it was over before the broker was killed"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let restart = move || {
            kafka.kill().unwrap();
            kafka.restart().unwrap();
            kafka
        };
        kafka = tokio::task::spawn_blocking(restart).await.unwrap();
    }
    tokio::time::timeout(LIMIT, publishing)
        .await
        .unwrap()
        .unwrap();
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records(&kafka, "killed").await {
        by_key
            .entry(text(record.key))
            .or_default()
            .push(text(record.value));
    }
    assert_eq!(by_key.len(), KEYS);
    for (key, values) in by_key {
        let number: usize = key.trim_start_matches("k-").parse().unwrap();
        let expected: Vec<_> = (number..EVENTS)
            .step_by(KEYS)
            .map(|n| n.to_string())
            .collect();
        assert_eq!(firsts(values), expected, "{key}");
    }
}

/// Publishes again what is not acknowledged, as a relay would.
async fn relay(producer: &KafkaProducer, mut events: &[OutgoingEvent]) {
    for _ in 0..20 {
        match producer.publish(events, Duration::from_secs(30)).await {
            Ok(()) => return,
            Err(error) => {
                assert_eq!(error.class(), ErrorClass::Transient, "{error}");
                events = &events[error.acknowledged_prefix()..];
            }
        }
    }
    panic!("not published in 20 calls");
}

/// The values without their later occurrences.
fn firsts(mut values: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
    values
}
