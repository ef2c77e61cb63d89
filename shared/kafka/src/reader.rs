//! Reads what a topic holds, from its first record to its last at the time of asking.
//!
//! It joins no group, commits nothing and does not wait for records that are still to come.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Tokens, tokens};
use crate::error::{Code, code_of};
use crate::polled::{Polled, ReadError, explained, not_created};
use crate::settings::Settings;

/// How long one poll waits, so that the limit is looked at in between.
const POLL_MAX: Duration = Duration::from_millis(100);

/// A record as it lies on its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value, if it has one.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order; a header without a value has none.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Reads one topic.
pub struct TopicReader {
    client: Polled,
    topic: String,
}

impl TopicReader {
    /// Makes the client, which begins to connect in the background.
    ///
    /// # Errors
    /// [`Code::ClientNotCreated`] if the client library refuses the settings.
    pub fn new(settings: &Settings, topic: &str) -> Result<Self, ReadError> {
        let tokens = tokens(settings).map_err(not_created)?;
        Self::with_tokens(settings, topic, tokens)
    }

    /// Makes the client with tokens of another origin.
    ///
    /// # Errors
    /// As [`Self::new`].
    #[cfg(feature = "msk-iam-admin")]
    pub fn with_token_source(
        settings: &Settings,
        topic: &str,
        source: std::sync::Arc<dyn crate::TokenSource>,
    ) -> Result<Self, ReadError> {
        let tokens = Tokens::from(source);
        Self::with_tokens(settings, topic, tokens)
    }

    fn with_tokens(settings: &Settings, topic: &str, tokens: Tokens) -> Result<Self, ReadError> {
        Ok(Self {
            client: Polled::new(settings, tokens)?,
            topic: topic.to_owned(),
        })
    }

    /// Reads every record that the topic has now, partition by partition in offset order.
    ///
    /// It blocks for at most `limit`, so call it where that is allowed. All records are held in memory.
    ///
    /// # Errors
    /// [`ReadError`] if the cluster refuses, does not know the topic, or does not deliver within the limit.
    pub fn read_all(&self, limit: Duration) -> Result<Vec<ReadRecord>, ReadError> {
        let deadline = Instant::now() + limit;
        let what = format!("topic {:?} cannot be read", self.topic);
        let failed = |error| explained(error, &what, &self.client.health);
        let mut wanted = self.ends(deadline, &what)?;
        let mut assignment = TopicPartitionList::new();
        for end in &wanted {
            let start = Offset::Offset(end.low);
            let added = assignment.add_partition_offset(&self.topic, end.partition, start);
            added.map_err(failed)?;
        }
        self.client.consumer.assign(&assignment).map_err(failed)?;
        let mut records = Vec::new();
        while !wanted.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let open = wanted.len();
                let message =
                    format!("{what}: {open} partition(s) are not read to their ends in {limit:?}");
                return Err(ReadError {
                    code: Code::DeadlinePassed,
                    message,
                    source: None,
                });
            }
            let Some(record) = self.poll(POLL_MAX.min(left)).map_err(failed)? else {
                continue;
            };
            wanted.retain(|end| end.partition != record.partition || record.offset + 1 < end.high);
            records.push(record);
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    /// Asks what the partitions hold now, leaving out what is empty.
    fn ends(&self, deadline: Instant, what: &str) -> Result<Vec<Ends>, ReadError> {
        let left = || deadline.saturating_duration_since(Instant::now());
        let metadata = self.client.metadata(Some(&self.topic), left(), what)?;
        let topics = metadata.topics().iter();
        let mut ends = Vec::new();
        for topic in topics {
            if let Some(code) = topic.error() {
                let error = KafkaError::MetadataFetch(code.into());
                return Err(explained(error, what, &self.client.health));
            }
            for partition in topic.partitions().iter().map(MetadataPartition::id) {
                let consumer = &self.client.consumer;
                let marks = consumer.fetch_watermarks(&self.topic, partition, left());
                let marks = marks.map_err(|error| explained(error, what, &self.client.health));
                let (low, high) = marks?;
                ends.push(Ends {
                    partition,
                    low,
                    high,
                });
            }
        }
        ends.retain(|end| end.low < end.high);
        Ok(ends)
    }

    /// Polls once; a failure that may pass counts as no record, since the limit ends the reading.
    fn poll(&self, within: Duration) -> Result<Option<ReadRecord>, KafkaError> {
        match self.client.consumer.poll(within) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(copied(&message))),
            Some(Err(error)) if code_of(&error) == Code::BrokerUnavailable => Ok(None),
            Some(Err(error)) => Err(error),
        }
    }
}

/// What a partition holds: from its first record to behind its last.
struct Ends {
    partition: i32,
    low: i64,
    high: i64,
}

fn copied(message: &BorrowedMessage<'_>) -> ReadRecord {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    ReadRecord {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.collect(),
    }
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
