//! What arrives, and what is counted, when nothing fails.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_with_its_key_value_and_headers() {
    let kafka = Kafka::with_partitions(1);
    let traced = OutgoingEvent {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ..event("o-1", 1)
    };
    let without_key = OutgoingEvent {
        key: None,
        ..event("o-2", 2)
    };
    publish(&kafka.producer(), &[traced, without_key])
        .await
        .unwrap();
    let mut records = kafka.records().await;
    records.sort_by_key(|record| record.value.clone());
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    assert_eq!(records[0].key.as_deref(), Some(b"o-1".as_slice()));
    assert_eq!(text(records[0].value.clone()), "o-1-1");
    assert_eq!(
        records[0].headers,
        [
            header("event_id", "id-o-1-1"),
            header("event_type", "order.created"),
            header("timestamp", "2026-11-21T10:15:30.123Z"),
            header(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            ),
        ]
    );
    assert_eq!(records[1].key, None);
    assert_eq!(records[1].headers.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_arrives() {
    for compression in ["gzip", "snappy", "lz4", "none"] {
        let kafka = Kafka::with_partitions(1);
        let settings = kafka.settings(&[("KAFKA_COMPRESSION", compression)]);
        let producer = KafkaProducer::new(&settings).unwrap();
        let long = OutgoingEvent {
            value: "all work and no play ".repeat(1_000),
            ..event("o-1", 1)
        };
        publish(&producer, std::slice::from_ref(&long))
            .await
            .unwrap();
        assert_eq!(kafka.values().await, [long.value], "{compression}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_key_arrive_in_order_from_several_calls() {
    let kafka = Kafka::with_partitions(4);
    let producer = kafka.producer();
    let keys = ["a", "b", "c", "d", "e"];
    for call in 0..4 {
        let numbers = call * 500..(call + 1) * 500;
        let events: Vec<_> = numbers.map(|n| event(keys[n % keys.len()], n)).collect();
        publish(&producer, &events).await.unwrap();
    }
    let values = kafka.values().await;
    for (place, key) in keys.into_iter().enumerate() {
        let of_key: Vec<_> = values
            .iter()
            .filter(|value| value.starts_with(key))
            .collect();
        let expected: Vec<_> = (0..2_000)
            .skip(place)
            .step_by(5)
            .map(|n| format!("{key}-{n}"))
            .collect();
        assert!(of_key.into_iter().eq(&expected), "key {key}");
    }
    assert_eq!(values.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_publish_is_published_without_a_broker() {
    let settings = Settings::plaintext("127.0.0.1:1").unwrap();
    let producer = KafkaProducer::new(&settings).unwrap();
    publish(&producer, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_producer_counts_what_it_sends_and_what_fails() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    publish(&producer, &[event("a", 1), event("a", 2)])
        .await
        .unwrap();
    let wrong = OutgoingEvent {
        topic: "no topic".to_owned(),
        ..event("a", 3)
    };
    publish(&producer, &[event("a", 4), wrong])
        .await
        .unwrap_err();
    let metrics = producer.metrics();
    assert_eq!((metrics.sent, metrics.failed), (2, 2));
    // Key 1, value 3; headers: event_id 8 + 6, event_type 10 + 13, timestamp 9 + 24.
    assert_eq!(metrics.bytes, 2 * (1 + 3 + 14 + 23 + 33));
    assert_eq!(metrics.latency_counts.iter().sum::<u64>(), 2);
    assert!(metrics.latency_ms_max * 2 >= metrics.latency_ms_sum);
}
