//! A topic seen by a producer and by an operator: records in, offsets out.
//!
//! It consumes nothing; that is the mapping's work.

use std::collections::BTreeMap;
use std::time::Duration;

use local_platform::LocalKafka;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

/// One record to produce: partition, key, value.
pub type Produced = (i32, String, Option<String>);

/// How long Kafka may take to answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Where a record was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// Produces records in their order and returns where each is.
pub async fn produce(kafka: &LocalKafka, topic: &str, records: Vec<Produced>) -> Vec<Position> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers());
    let producer: FutureProducer = config.set("enable.idempotence", "true").create().unwrap();
    let mut sent = Vec::new();
    for (partition, key, value) in &records {
        let mut record = FutureRecord::to(topic).partition(*partition).key(key);
        record.payload = value.as_ref();
        let queued = producer.send_result(record);
        sent.push(queued.unwrap_or_else(|(error, _)| panic!("not queued: {error}")));
    }
    let mut positions = Vec::new();
    for delivery in sent {
        let delivered = delivery
            .await
            .unwrap()
            .unwrap_or_else(|(error, _)| panic!("{error}"));
        let (partition, offset) = (delivered.partition, delivered.offset);
        positions.push(Position { partition, offset });
    }
    positions
}

/// Returns the offset that each partition's next record will get.
#[must_use]
pub fn ends(kafka: &LocalKafka, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let consumer = consumer(kafka, "onlooker");
    let end = |partition| {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, CALL_LIMIT)
            .unwrap();
        (partition, end)
    };
    (0..partitions).map(end).collect()
}

/// Returns the offset of each partition's oldest record: above 0, Kafka has dropped some.
#[must_use]
pub fn beginnings(kafka: &LocalKafka, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let consumer = consumer(kafka, "onlooker");
    let beginning = |partition| {
        let (beginning, _) = consumer
            .fetch_watermarks(topic, partition, CALL_LIMIT)
            .unwrap();
        (partition, beginning)
    };
    (0..partitions).map(beginning).collect()
}

/// Returns the offsets that a group has committed; a partition without one is left out.
#[must_use]
pub fn committed(
    kafka: &LocalKafka,
    topic: &str,
    group: &str,
    partitions: i32,
) -> BTreeMap<i32, i64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions - 1);
    let committed = consumer(kafka, group)
        .committed_offsets(asked, CALL_LIMIT)
        .unwrap();
    let elements = committed.elements();
    let offsets = elements.iter().filter_map(|one| match one.offset() {
        Offset::Offset(offset) => Some((one.partition(), offset)),
        _ => None,
    });
    offsets.collect()
}

fn consumer(kafka: &LocalKafka, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers());
    config.set("group.id", group).create().unwrap()
}
