//! Embedded Kafka through the client crate: assign, commit by group id, read on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use local_platform::{KafkaError, LocalKafka, Topic};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const TOPIC: &str = "orders.v1";
const PATIENCE: Duration = Duration::from_secs(30);

async fn produce(kafka: &LocalKafka, values: &[&str]) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for value in values {
        let header = Header {
            key: "traceparent",
            value: Some(*value),
        };
        let record = FutureRecord::to(TOPIC)
            .partition(1)
            .key("key")
            .payload(*value)
            .headers(OwnedHeaders::new().insert(header));
        producer.send(record, PATIENCE).await.unwrap();
    }
}

fn consumer(kafka: &LocalKafka, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

fn at(offset: Offset) -> TopicPartitionList {
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 1, offset).unwrap();
    partitions
}

fn read(consumer: &BaseConsumer, records: usize) -> Vec<(i64, String)> {
    (0..records)
        .map(|_| {
            let record = consumer.poll(PATIENCE).unwrap().unwrap();
            let value = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
            let header = record.headers().unwrap().get(0);
            assert_eq!(header.value, Some(value.as_bytes()));
            (record.offset(), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_back_by_assignment_and_committed_by_group_id() {
    let kafka = LocalKafka::start(&[Topic::new(TOPIC, 3)]).unwrap();
    produce(&kafka, &["a", "b", "c"]).await;
    let first = consumer(&kafka, "group-1");
    first.assign(&at(Offset::Beginning)).unwrap();
    assert_eq!(read(&first, 2), [(0, "a".to_owned()), (1, "b".to_owned())]);
    first
        .commit(&at(Offset::Offset(2)), CommitMode::Sync)
        .unwrap();
    drop(first);
    let second = consumer(&kafka, "group-1");
    let committed = second
        .committed_offsets(at(Offset::Invalid), PATIENCE)
        .unwrap();
    assert_eq!(
        committed.find_partition(TOPIC, 1).unwrap().offset(),
        Offset::Offset(2)
    );
    second.assign(&at(Offset::Stored)).unwrap();
    assert_eq!(read(&second, 1), [(2, "c".to_owned())]);
    let other = consumer(&kafka, "group-2");
    let uncommitted = other
        .committed_offsets(at(Offset::Invalid), PATIENCE)
        .unwrap();
    assert_eq!(
        uncommitted.find_partition(TOPIC, 1).unwrap().offset(),
        Offset::Invalid
    );
    assert_eq!(other.fetch_watermarks(TOPIC, 1, PATIENCE).unwrap(), (0, 3));
    drop((second, other));
    kafka.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_have_the_partitions_asked_for_and_cannot_be_created_twice() {
    let kafka = LocalKafka::start(&[]).unwrap();
    kafka.create_topic(&Topic::new(TOPIC, 7)).unwrap();
    let metadata = consumer(&kafka, "group")
        .fetch_metadata(Some(TOPIC), PATIENCE)
        .unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 7);
    let twice = kafka.create_topic(&Topic::new(TOPIC, 7));
    assert!(
        matches!(twice, Err(KafkaError::CreateTopic { .. })),
        "{twice:?}"
    );
    let none = kafka.create_topic(&Topic::new("empty", 0));
    assert!(
        matches!(none, Err(KafkaError::Partitions { .. })),
        "{none:?}"
    );
}

#[test]
fn a_cluster_can_be_shared_by_threads() {
    fn shareable<T: Send + Sync>() {}
    shareable::<LocalKafka>();
}
