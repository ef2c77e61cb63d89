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

use crate::workload::Produced;

/// How long Kafka may take to answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Where a record was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Produces records in their order and returns where each is.
pub(crate) async fn produce(
    kafka: &LocalKafka,
    topic: &str,
    records: Vec<Produced>,
) -> Vec<Position> {
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
pub(crate) fn ends(kafka: &LocalKafka, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let consumer = consumer(kafka, "onlooker");
    let end = |partition| {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, CALL_LIMIT)
            .unwrap();
        (partition, end)
    };
    (0..partitions).map(end).collect()
}

/// Returns the offsets that a group has committed.
pub(crate) fn committed(
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
    let offset = |offset| match offset {
        Offset::Offset(offset) => offset,
        other => panic!("nothing is committed: {other:?}"),
    };
    let elements = committed.elements();
    elements
        .iter()
        .map(|one| (one.partition(), offset(one.offset())))
        .collect()
}

fn consumer(kafka: &LocalKafka, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers());
    config.set("group.id", group).create().unwrap()
}
