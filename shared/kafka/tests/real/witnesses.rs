//! Kafka's own tools see what these clients do: keys on the same partitions, headers, topics.

use std::collections::BTreeMap;
use std::fmt::Write;

use kafka::Publish;

use super::*;

const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_where_kafkas_own_producer_puts_them() {
    let kafka = shared();
    for topic in ["keys.java", "keys.ours"] {
        create(&kafka, topic, 12, &[]).await;
    }
    let odd = [
        "21",
        "foobar",
        "a-little-bit-long-string",
        "abc",
        "Zoë",
        "日本",
        "🦀",
    ];
    let numbered = (0..500).map(|n| format!("order-{n}"));
    let keys: Vec<String> = odd.into_iter().map(str::to_owned).chain(numbered).collect();

    let mut lines = String::new();
    for key in &keys {
        writeln!(lines, "{key}\tv").unwrap();
    }
    let arguments = [
        "--topic",
        "keys.java",
        "--reader-property",
        "parse.key=true",
    ];
    kafka.tool(PRODUCER, &arguments, &lines).unwrap();
    let events: Vec<_> = keys
        .iter()
        .map(|key| event("keys.ours", key, "v"))
        .collect();
    producer(&kafka).publish(&events, LIMIT).await.unwrap();

    let mut by_topic = Vec::new();
    for topic in ["keys.java", "keys.ours"] {
        let records = records(&kafka, topic).await.into_iter();
        let places: BTreeMap<_, _> = records.map(|one| (text(one.key), one.partition)).collect();
        by_topic.push(places);
    }
    assert_eq!(by_topic[0].len(), keys.len());
    assert_eq!(by_topic[0], by_topic[1]);
    assert_eq!(
        by_topic[1]
            .values()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        12
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_consumer_sees_key_value_and_headers() {
    let kafka = shared();
    create(&kafka, "seen", 1, &[]).await;
    let sent = event("seen", "o-1", r#"{"order_id":"o-1"}"#);
    producer(&kafka).publish(&[sent], LIMIT).await.unwrap();
    let arguments = [
        "--topic",
        "seen",
        "--from-beginning",
        "--max-messages",
        "1",
        "--timeout-ms",
        "30000",
        "--formatter-property",
        "print.headers=true",
        "--formatter-property",
        "print.key=true",
    ];
    let seen = kafka.tool(CONSUMER, &arguments, "").unwrap();
    assert_eq!(
        seen.trim(),
        "event_id:id-{\"order_id\":\"o-1\"},event_type:order.created,timestamp:2026-11-21T10:15:30.123Z,\
         traceparent:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\to-1\t{\"order_id\":\"o-1\"}"
    );
}
