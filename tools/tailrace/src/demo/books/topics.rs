//! The topics: every record that Kafka keeps, read from the first to the last.
//!
//! It joins no group and commits nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event_schema::Timestamp;
use event_schema::catalogue::EVENTS;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};

/// The longest wait for one answer of the cluster.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// The longest that reading all topics may take.
const READ_LIMIT: Duration = Duration::from_mins(2);

/// A record as it lies in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    /// None is a tombstone.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timestamp: Timestamp,
}

/// Why the topics are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadTopicsError {
    #[error("Kafka does not hand out the records of the topics")]
    Kafka(#[from] KafkaError),
    #[error("the topics were not read after {} s", READ_LIMIT.as_secs())]
    Endless,
    #[error("reading the topics broke off")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// Returns the records of every topic of the catalogue, by partition and offset.
pub(super) async fn read(
    bootstrap_servers: &str,
) -> Result<BTreeMap<&'static str, Vec<Kept>>, ReadTopicsError> {
    let servers = bootstrap_servers.to_owned();
    // The client library blocks while it waits.
    tokio::task::spawn_blocking(move || read_all(&servers)).await?
}

/// Returns the ends of all partitions of all topics, added up.
pub(crate) async fn ends(bootstrap_servers: &str) -> Result<u64, ReadTopicsError> {
    let servers = bootstrap_servers.to_owned();
    let ask = move || -> KafkaResult<u64> {
        let consumer = consumer(&servers)?;
        let mut sum = 0;
        for (topic, partition) in partitions() {
            let (_, end) = consumer.fetch_watermarks(topic, partition, CALL_LIMIT)?;
            sum += u64::try_from(end).unwrap_or(0);
        }
        Ok(sum)
    };
    Ok(tokio::task::spawn_blocking(ask).await??)
}

fn consumer(servers: &str) -> KafkaResult<BaseConsumer> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "tailrace-demo-reader")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "50")
        .create()
}

fn partitions() -> impl Iterator<Item = (&'static str, i32)> {
    EVENTS.iter().flat_map(|event| {
        let count = i32::try_from(event.partitions).unwrap_or(i32::MAX);
        (0..count).map(|partition| (event.topic, partition))
    })
}

fn read_all(servers: &str) -> Result<BTreeMap<&'static str, Vec<Kept>>, ReadTopicsError> {
    let consumer = consumer(servers)?;
    let mut list = TopicPartitionList::new();
    let mut left = 0;
    for (topic, partition) in partitions() {
        let (first, end) = consumer.fetch_watermarks(topic, partition, CALL_LIMIT)?;
        list.add_partition_offset(topic, partition, Offset::Offset(first))?;
        left += end.saturating_sub(first);
    }
    consumer.assign(&list)?;
    let mut topics: BTreeMap<&'static str, Vec<Kept>> = EVENTS
        .iter()
        .map(|event| (event.topic, Vec::new()))
        .collect();
    let begun = Instant::now();
    while left > 0 {
        if begun.elapsed() > READ_LIMIT {
            return Err(ReadTopicsError::Endless);
        }
        let Some(message) = consumer.poll(CALL_LIMIT) else {
            continue;
        };
        let message = message?;
        if let Some(kept) = topics.get_mut(message.topic()) {
            kept.push(keep(&message));
        }
        left -= 1;
    }
    for kept in topics.values_mut() {
        kept.sort_by_key(|kept| (kept.partition, kept.offset));
    }
    Ok(topics)
}

fn keep(message: &BorrowedMessage<'_>) -> Kept {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(|headers| {
        headers.iter().map(|header| {
            (
                header.key.to_owned(),
                text(header.value.unwrap_or_default()),
            )
        })
    });
    Kept {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.collect(),
        timestamp: Timestamp::from_ms(message.timestamp().to_millis().unwrap_or(0)),
    }
}
