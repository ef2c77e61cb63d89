//! Consumes a Kafka topic in the mapping's group (esm-spec §9.2).
//!
//! It assigns itself all partitions instead of joining the group, and commits by group id: one poller a
//! group, no rebalance with others. Partitions added later are not seen before the next assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, Timestamp as KafkaTimestamp, TopicPartitionList};

use crate::config::{MappingConfig, StartingPosition};
use crate::ports::{CommitPosition, EndOffsets, PartitionStart, Source, SourceError};
use crate::record::{Header, Record, Timestamp};

/// Longest wait for one answer of the cluster.
const CALL_SECONDS_MAX: u64 = 10;
const CALL_LIMIT: Duration = Duration::from_secs(CALL_SECONDS_MAX);

/// A consumer over librdkafka.
pub struct KafkaSource {
    consumer: Arc<StreamConsumer>,
    bootstrap_servers: String,
    topic: String,
    starting_position: StartingPosition,
    partitions: Vec<i32>,
    /// Those that are paused: librdkafka keeps them paused through an assignment.
    paused: BTreeSet<i32>,
    /// An error that came up behind records; the next poll returns it.
    poll_error: Option<KafkaError>,
}

impl KafkaSource {
    /// Makes a consumer of the mapping's topic and group; it connects in the background.
    ///
    /// `properties` are librdkafka's (`security.protocol`, `fetch.wait.max.ms` …) and win over the defaults, but
    /// not over servers, group and manual commit.
    ///
    /// # Errors
    /// If librdkafka refuses the properties.
    pub fn new(
        bootstrap_servers: &str,
        config: &MappingConfig,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, SourceError> {
        let mut client = ClientConfig::new();
        client.set("fetch.wait.max.ms", "100");
        client.extend(properties.clone());
        let consumer: StreamConsumer = client
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", config.group_id())
            .set("client.id", format!("{}-0", config.uuid()))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", offset_reset(config.starting_position))
            .create()
            .map_err(|error| SourceError::new("cannot make the consumer", error))?;
        Ok(Self {
            consumer: Arc::new(consumer),
            bootstrap_servers: bootstrap_servers.to_owned(),
            topic: config.topic().to_owned(),
            starting_position: config.starting_position,
            partitions: Vec::new(),
            paused: BTreeSet::new(),
            poll_error: None,
        })
    }

    /// Makes a blocking call of librdkafka, away from the async threads.
    fn blocking<T, C>(
        &self,
        attempt: &'static str,
        call: C,
    ) -> impl Future<Output = Result<T, SourceError>> + Send + use<T, C>
    where
        T: Send + 'static,
        C: FnOnce(&StreamConsumer, &str) -> KafkaResult<T> + Send + 'static,
    {
        let (consumer, topic) = (Arc::clone(&self.consumer), self.topic.clone());
        let called = tokio::task::spawn_blocking(move || call(&consumer, &topic));
        async move {
            let result = called
                .await
                .map_err(|error| SourceError::new(attempt, error))?;
            result.map_err(|error| SourceError::new(attempt, error))
        }
    }

    /// Resumes what is paused, and that alone: resuming a partition that is not paused may throw away what is
    /// fetched of it.
    fn resume_all(&mut self) -> KafkaResult<()> {
        let paused = std::mem::take(&mut self.paused);
        if paused.is_empty() {
            return Ok(());
        }
        let paused = paused.into_iter().map(|number| (number, Offset::Invalid));
        self.consumer.resume(&list(&self.topic, paused)?)
    }

    async fn starts(&self) -> Result<Vec<PartitionStart>, SourceError> {
        let position = self.starting_position;
        let attempt = "cannot read the partitions and offsets of the topic";
        self.blocking(attempt, move |consumer, topic| {
            let partitions = partitions(consumer, topic)?;
            let asked = list(
                topic,
                partitions.iter().map(|number| (*number, Offset::Invalid)),
            )?;
            let committed = offsets(&consumer.committed_offsets(asked, CALL_LIMIT)?)?;
            let lows = offsets_at(consumer, topic, &partitions, Offset::Beginning)?;
            let ends = offsets_at(consumer, topic, &partitions, Offset::End)?;
            let firsts = match position {
                StartingPosition::Latest => ends.clone(),
                StartingPosition::TrimHorizon => lows.clone(),
                StartingPosition::AtTimestamp(second) => {
                    let time = Offset::Offset(second.saturating_mul(1_000));
                    offsets_at(consumer, topic, &partitions, time)?
                }
            };
            let start = |partition: i32| {
                let offset = |of: &BTreeMap<i32, i64>| of.get(&partition).copied();
                let (low, end) = (offset(&lows).unwrap_or(0), offset(&ends).unwrap_or(0));
                let first = offset(&firsts).unwrap_or(end);
                let offset = start_offset(offset(&committed), low, end, first);
                PartitionStart { partition, offset }
            };
            Ok(partitions.into_iter().map(start).collect())
        })
        .await
    }
}

/// Committed offsets win, as long as the topic still has them (esm-spec §4.2).
const fn start_offset(committed: Option<i64>, low: i64, end: i64, first: i64) -> i64 {
    match committed {
        Some(offset) if low <= offset && offset <= end => offset,
        Some(_) | None => first,
    }
}

const fn offset_reset(position: StartingPosition) -> &'static str {
    match position {
        StartingPosition::Latest => "latest",
        StartingPosition::TrimHorizon | StartingPosition::AtTimestamp(_) => "earliest",
    }
}

fn partitions(consumer: &StreamConsumer, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), CALL_LIMIT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    if let Some(error) = found.and_then(rdkafka::metadata::MetadataTopic::error) {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let partitions = found
        .into_iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions);
    Ok(partitions
        .map(rdkafka::metadata::MetadataPartition::id)
        .collect())
}

/// Asks for the beginning, the end or the first offset at a time, for all partitions in one call.
///
/// A partition without a record at that time or later is left out.
fn offsets_at(
    consumer: &StreamConsumer,
    topic: &str,
    partitions: &[i32],
    at: Offset,
) -> KafkaResult<BTreeMap<i32, i64>> {
    let asked = list(topic, partitions.iter().map(|number| (*number, at)))?;
    offsets(&consumer.offsets_for_times(asked, CALL_LIMIT)?)
}

/// Returns the real offsets of a list by partition.
fn offsets(list: &TopicPartitionList) -> KafkaResult<BTreeMap<i32, i64>> {
    let mut found = BTreeMap::new();
    for element in list.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            found.insert(element.partition(), offset);
        }
    }
    Ok(found)
}

fn list(
    topic: &str,
    positions: impl IntoIterator<Item = (i32, Offset)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in positions {
        list.add_partition_offset(topic, partition, offset)?;
    }
    Ok(list)
}

impl Source for KafkaSource {
    fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers.clone()
    }

    async fn assign(&mut self) -> Result<Vec<PartitionStart>, SourceError> {
        let starts = self.starts().await?;
        let positions = starts
            .iter()
            .map(|start| (start.partition, Offset::Offset(start.offset)));
        self.resume_all()
            .and_then(|()| list(&self.topic, positions))
            .and_then(|list| self.consumer.assign(&list))
            .map_err(|error| SourceError::new("cannot assign the partitions", error))?;
        self.partitions = starts.iter().map(|start| start.partition).collect();
        Ok(starts)
    }

    async fn poll(&mut self, records_max: usize) -> Result<Vec<Record>, SourceError> {
        let failed = |error| SourceError::new("cannot poll", error);
        if let Some(error) = self.poll_error.take() {
            return Err(failed(error));
        }
        let mut records = vec![record(&self.consumer.recv().await.map_err(failed)?)];
        // From here on nothing waits: a dropped poll cannot lose what it has taken.
        while records.len() < records_max {
            match self.consumer.recv().now_or_never() {
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(error)) => {
                    self.poll_error = Some(error);
                    break;
                }
                None => break,
            }
        }
        Ok(records)
    }

    fn set_paused(&mut self, partition: i32, paused: bool) -> Result<(), SourceError> {
        let mut one = TopicPartitionList::new();
        one.add_partition(&self.topic, partition);
        let result = if paused {
            self.consumer.pause(&one)
        } else {
            self.consumer.resume(&one)
        };
        result.map_err(|error| SourceError::new("cannot pause or resume a partition", error))?;
        if paused {
            self.paused.insert(partition);
        } else {
            self.paused.remove(&partition);
        }
        Ok(())
    }

    async fn commit(&mut self, positions: &[CommitPosition]) -> Result<(), SourceError> {
        let positions: Vec<_> = positions
            .iter()
            .map(|position| (position.partition, Offset::Offset(position.offset)))
            .collect();
        self.blocking("cannot commit offsets", move |consumer, topic| {
            consumer.commit(&list(topic, positions)?, CommitMode::Sync)
        })
        .await
    }

    fn end_offsets(&self) -> EndOffsets {
        let partitions = self.partitions.clone();
        Box::pin(
            self.blocking("cannot read the end offsets", move |consumer, topic| {
                Ok(offsets_at(consumer, topic, &partitions, Offset::End)?
                    .into_iter()
                    .collect())
            }),
        )
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        self.consumer
            .unassign()
            .map_err(|error| SourceError::new("cannot give up the partitions", error))
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let headers = headers.iter().map(|header| Header {
            name: header.key.to_owned(),
            value: header.value.map(<[u8]>::to_vec),
        });
        headers.collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: match message.timestamp() {
            KafkaTimestamp::NotAvailable => Timestamp::None,
            KafkaTimestamp::CreateTime(ms) => Timestamp::CreateTime(ms),
            KafkaTimestamp::LogAppendTime(ms) => Timestamp::LogAppendTime(ms),
        },
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_offsets_win_over_the_starting_position() {
        assert_eq!(start_offset(Some(7), 0, 10, 0), 7);
        assert_eq!(start_offset(Some(10), 0, 10, 0), 10);
        assert_eq!(start_offset(None, 0, 10, 10), 10);
    }

    #[test]
    fn a_committed_offset_the_topic_no_longer_has_does_not_count() {
        assert_eq!(start_offset(Some(3), 5, 10, 5), 5);
        assert_eq!(start_offset(Some(11), 0, 10, 0), 0);
    }
}
