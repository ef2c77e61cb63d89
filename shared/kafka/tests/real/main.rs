//! The clients against real Apache Kafka: `make test-real`. It needs Java 17 with its tools, and Maven.
//!
//! What the mock cluster can show is tested there.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod admin;
mod groups;
mod iam;
mod order;
mod refused;
mod witnesses;

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use kafka::{
    Admin, AdminCode, KafkaProducer, Mode, NewTopic, OutgoingEvent, ReadRecord, Settings,
    TopicReader,
};
use real_servers::{Kafka, KafkaOptions};

const LIMIT: Duration = Duration::from_mins(1);

/// The broker that tests share which do not harm it; it ends with the last of them that holds it.
fn shared() -> Arc<Kafka> {
    static SHARED: Mutex<Weak<Kafka>> = Mutex::new(Weak::new());
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let kafka = Arc::new(Kafka::start(&KafkaOptions::default()).unwrap());
        *shared = Arc::downgrade(&kafka);
        kafka
    })
}

fn settings(servers: &str, set: &[(&str, &str)]) -> Settings {
    let find = |name: &str| set.iter().find(|(set, _)| *set == name);
    Settings::read(|name| match name {
        "KAFKA_BOOTSTRAP_SERVERS" => Some(servers.to_owned()),
        name => find(name).map(|(_, value)| (*value).to_owned()),
    })
    .unwrap()
}

fn plain(kafka: &Kafka) -> Settings {
    settings(&kafka.plain(), &[])
}

fn producer(kafka: &Kafka) -> KafkaProducer {
    KafkaProducer::new(&plain(kafka)).unwrap()
}

async fn create(kafka: &Kafka, name: &str, partitions: i32, set: &[(&str, &str)]) {
    let set = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replicas: Some(1),
        settings: set.collect(),
    };
    let admin = Admin::new(&plain(kafka)).unwrap();
    admin.create_topic(&topic, Mode::Apply).await.unwrap();
}

async fn records(kafka: &Kafka, topic: &str) -> Vec<ReadRecord> {
    let (settings, topic) = (plain(kafka), topic.to_owned());
    let read = move || TopicReader::new(&settings, &topic)?.read_all(LIMIT);
    tokio::task::spawn_blocking(read).await.unwrap().unwrap()
}

async fn values(kafka: &Kafka, topic: &str) -> Vec<String> {
    let records = records(kafka, topic).await.into_iter();
    records.map(|record| text(record.value)).collect()
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn event(topic: &str, key: &str, value: impl Into<String>) -> OutgoingEvent {
    let value = value.into();
    OutgoingEvent {
        topic: topic.to_owned(),
        key: Some(key.to_owned()),
        event_id: format!("id-{}", value.chars().take(40).collect::<String>()),
        value,
        event_type: "order.created".to_owned(),
        timestamp: "2026-11-21T10:15:30.123Z".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

/// Text that no compression makes smaller than about three quarters.
fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    (0..bytes).map(|_| next()).collect()
}
