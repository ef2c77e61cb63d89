//! A topic and an on-failure destination in memory, for tests of functions and of the emulator.
//!
//! A [`MemoryTopic`] behaves like a topic with one consumer group; it keeps all records for ever and never fails.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::{MappingConfig, StartingPosition};
use crate::ports::{
    CommitPosition, EndOffsets, OnFailure, OnFailureError, OnFailureMessage, PartitionStart,
    Source, SourceError,
};
use crate::record::{Header, Record, Timestamp};

/// A topic in memory; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryTopic {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    produced: Notify,
}

#[derive(Debug)]
struct State {
    partitions: BTreeMap<i32, Vec<Record>>,
    committed: BTreeMap<i32, i64>,
}

impl MemoryTopic {
    /// Makes a topic with that many empty partitions.
    #[must_use]
    pub fn new(partitions: i32) -> Self {
        let partitions = (0..partitions).map(|number| (number, Vec::new())).collect();
        let state = Mutex::new(State {
            partitions,
            committed: BTreeMap::new(),
        });
        Self {
            shared: Arc::new(Shared {
                state,
                produced: Notify::new(),
            }),
        }
    }

    /// Appends a record without timestamp and headers and returns its offset.
    #[allow(
        clippy::must_use_candidate,
        reason = "most tests have no use for the offset"
    )]
    pub fn produce(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        self.append(partition, key, value, Vec::new(), Timestamp::None)
    }

    /// Appends a record and returns its offset; a partition that does not exist yet is made.
    #[allow(
        clippy::must_use_candidate,
        reason = "most tests have no use for the offset"
    )]
    pub fn append(
        &self,
        partition: i32,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: Vec<Header>,
        timestamp: Timestamp,
    ) -> i64 {
        let mut state = self.state();
        let records = state.partitions.entry(partition).or_default();
        let offset = end(records);
        records.push(Record {
            partition,
            offset,
            timestamp,
            key,
            value,
            headers,
        });
        drop(state);
        self.shared.produced.notify_one();
        offset
    }

    /// Returns the committed offset of a partition, `None` if nothing was committed.
    #[must_use]
    pub fn committed(&self, partition: i32) -> Option<i64> {
        self.state().committed.get(&partition).copied()
    }

    /// Makes a consumer of this topic in its one group, with the mapping's starting position.
    #[must_use]
    pub fn source(&self, config: &MappingConfig) -> MemorySource {
        MemorySource {
            topic: self.clone(),
            starting_position: config.starting_position,
            next: BTreeMap::new(),
            paused: BTreeMap::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole at every moment.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(records: &[Record]) -> i64 {
    records
        .last()
        .map_or(0, |last| last.offset.saturating_add(1))
}

/// A consumer of a [`MemoryTopic`].
#[derive(Debug)]
pub struct MemorySource {
    topic: MemoryTopic,
    starting_position: StartingPosition,
    next: BTreeMap<i32, i64>,
    paused: BTreeMap<i32, bool>,
}

impl MemorySource {
    fn start(&self, records: &[Record]) -> i64 {
        match self.starting_position {
            StartingPosition::Latest => end(records),
            StartingPosition::TrimHorizon => 0,
            StartingPosition::AtTimestamp(second) => records
                .iter()
                .find(|record| record.timestamp.milliseconds() >= second.saturating_mul(1_000))
                .map_or_else(|| end(records), |record| record.offset),
        }
    }

    fn take(&mut self, records_max: usize) -> Vec<Record> {
        let state = self.topic.state();
        let mut taken = Vec::new();
        for (number, next) in &mut self.next {
            let Some(records) = state.partitions.get(number) else {
                continue;
            };
            if self.paused.get(number) == Some(&true) {
                continue;
            }
            let room = records_max.saturating_sub(taken.len());
            let skipped = records.partition_point(|record| record.offset < *next);
            let new = records.iter().skip(skipped).take(room).cloned();
            taken.extend(new.inspect(|record| *next = record.offset.saturating_add(1)));
        }
        taken
    }
}

impl Source for MemorySource {
    fn bootstrap_servers(&self) -> String {
        "memory:9092".to_owned()
    }

    async fn assign(&mut self) -> Result<Vec<PartitionStart>, SourceError> {
        let state = self.topic.state();
        let starts = state.partitions.iter().map(|(partition, records)| {
            let committed = state.committed.get(partition).copied();
            (*partition, committed.unwrap_or_else(|| self.start(records)))
        });
        let next: BTreeMap<_, _> = starts.collect();
        drop(state);
        self.next = next;
        self.paused.clear();
        let starts = self.next.iter();
        Ok(starts
            .map(|(&partition, &offset)| PartitionStart { partition, offset })
            .collect())
    }

    async fn poll(&mut self, records_max: usize) -> Result<Vec<Record>, SourceError> {
        loop {
            let taken = self.take(records_max);
            if !taken.is_empty() {
                return Ok(taken);
            }
            self.topic.shared.produced.notified().await;
        }
    }

    fn set_paused(&mut self, partition: i32, paused: bool) -> Result<(), SourceError> {
        self.paused.insert(partition, paused);
        Ok(())
    }

    async fn commit(&mut self, positions: &[CommitPosition]) -> Result<(), SourceError> {
        let positions = positions
            .iter()
            .map(|position| (position.partition, position.offset));
        self.topic.state().committed.extend(positions);
        Ok(())
    }

    fn end_offsets(&self) -> EndOffsets {
        let state = self.topic.state();
        let ends = state
            .partitions
            .iter()
            .map(|(number, records)| (*number, end(records)));
        Box::pin(std::future::ready(Ok(ends.collect())))
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        self.next.clear();
        Ok(())
    }
}

/// Keeps on-failure documents in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryOnFailure {
    messages: Arc<Mutex<Vec<OnFailureMessage>>>,
}

impl MemoryOnFailure {
    /// Returns the documents delivered so far.
    #[must_use]
    pub fn messages(&self) -> Vec<OnFailureMessage> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl OnFailure for MemoryOnFailure {
    fn deliver(
        &self,
        message: OnFailureMessage,
    ) -> impl Future<Output = Result<(), OnFailureError>> + Send {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
        std::future::ready(Ok(()))
    }
}
