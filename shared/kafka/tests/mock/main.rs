//! The producer against librdkafka's mock cluster: real protocol, failures on demand.
//!
//! What only a real broker does, such as checking sequence numbers, is tested in the tier of real servers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod delivery;
mod failures;
mod partitions;

use std::time::Duration;

use kafka::{
    KafkaProducer, OutgoingEvent, Publish, PublishError, ReadRecord, Settings, TopicReader,
};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

const TOPIC: &str = "order.created";
const LIMIT: Duration = Duration::from_secs(30);

/// A cluster of one broker with one topic.
struct Kafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Kafka {
    fn with_partitions(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, partitions, 1).unwrap();
        Self { cluster }
    }

    fn settings(&self, set: &[(&str, &str)]) -> Settings {
        let servers = self.cluster.bootstrap_servers();
        let find = |name: &str| set.iter().find(|(set, _)| *set == name);
        Settings::read(|name| match name {
            "KAFKA_BOOTSTRAP_SERVERS" => Some(servers.clone()),
            name => find(name).map(|(_, value)| (*value).to_owned()),
        })
        .unwrap()
    }

    fn producer(&self) -> KafkaProducer {
        KafkaProducer::new(&self.settings(&[])).unwrap()
    }

    async fn records(&self) -> Vec<ReadRecord> {
        let settings = self.settings(&[]);
        let read = move || TopicReader::new(&settings, TOPIC)?.read_all(LIMIT);
        tokio::task::spawn_blocking(read).await.unwrap().unwrap()
    }

    /// The values of the records, partition by partition.
    async fn values(&self) -> Vec<String> {
        let records = self.records().await.into_iter();
        records.map(|record| text(record.value)).collect()
    }
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn event(key: &str, number: usize) -> OutgoingEvent {
    OutgoingEvent {
        topic: TOPIC.to_owned(),
        key: Some(key.to_owned()),
        value: format!("{key}-{number}"),
        event_id: format!("id-{key}-{number}"),
        event_type: "order.created".to_owned(),
        timestamp: "2026-11-21T10:15:30.123Z".to_owned(),
        traceparent: None,
    }
}

async fn publish(producer: &KafkaProducer, events: &[OutgoingEvent]) -> Result<(), PublishError> {
    producer.publish(events, LIMIT).await
}
