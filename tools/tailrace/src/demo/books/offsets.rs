//! The offsets that a consumer group has committed, asked from Kafka itself rather than from the mapping.
//!
//! The group is only named, not joined.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::platform::MappingView;

/// The longest wait for one answer of the cluster.
const CALL_SECONDS_MAX: u64 = 10;

/// Why the lag is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OffsetsError {
    #[error("Kafka does not tell the offsets of group {group}")]
    Kafka { group: String, source: KafkaError },
    #[error("the question for the offsets broke off")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// Returns how many records the group of a mapping has not committed, over all partitions.
pub(super) async fn lag(
    bootstrap_servers: &str,
    mapping: &MappingView,
) -> Result<u64, OffsetsError> {
    let (servers, group) = (bootstrap_servers.to_owned(), mapping.group.clone());
    let (topic, partitions) = (mapping.topic, mapping.partitions);
    // The client library blocks while it waits.
    let ask = move || ask(&servers, &group, topic, partitions);
    let lag = tokio::task::spawn_blocking(ask).await?;
    lag.map_err(|source| OffsetsError::Kafka {
        group: mapping.group.clone(),
        source,
    })
}

fn ask(servers: &str, group: &str, topic: &str, partitions: u32) -> KafkaResult<u64> {
    let limit = Duration::from_secs(CALL_SECONDS_MAX);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()?;
    let mut asked = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        asked.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(asked, limit)?;
    let mut lag = 0;
    for element in committed.elements() {
        let (low, end) = consumer.fetch_watermarks(topic, element.partition(), limit)?;
        let committed = match element.offset() {
            Offset::Offset(offset) => offset,
            // Nothing is committed.
            Offset::Invalid
            | Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::OffsetTail(_) => low,
        };
        lag += u64::try_from(end.saturating_sub(committed)).unwrap_or(0);
    }
    Ok(lag)
}
