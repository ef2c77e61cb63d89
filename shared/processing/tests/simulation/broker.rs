//! The broker: partitions with their logs, the committed offsets, and who reads what.
//!
//! It also keeps what the mapping discarded, as the on-failure destination would.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use msk_event::Position;
use testkit::KafkaRecord;

/// Where a record lies, told apart from one at the same offset of a topic that was made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) epoch: u32,
    pub(crate) offset: i64,
}

impl Place {
    pub(crate) fn of(position: &Position, epoch: u32) -> Self {
        Self {
            partition: position.partition,
            epoch,
            offset: position.offset,
        }
    }

    /// Reads what a handler wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        Some(Self {
            partition: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
            epoch: parts.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.partition, self.offset, self.epoch)
    }
}

/// What a producer meant by a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Event,
    /// Can be applied only once the function's code is mended.
    Unlucky,
    /// Can never be applied.
    Poison,
    /// Of no concern to the function.
    OtherType,
}

/// A record as it was produced.
#[derive(Clone, Debug)]
pub(crate) struct Produced {
    pub(crate) place: Place,
    pub(crate) record: KafkaRecord,
    /// The mapping delivers it with a value that is no base64.
    pub(crate) malformed: bool,
    pub(crate) kind: Kind,
    pub(crate) user: String,
    pub(crate) amount: i64,
    pub(crate) event_id: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// Every record that was ever produced, of all epochs.
    pub(crate) log: Vec<Produced>,
    pub(crate) epoch: u32,
    pub(crate) committed: i64,
    /// Where the commits of earlier epochs ended.
    pub(crate) committed_before: Vec<i64>,
    pub(crate) next_offset: i64,
    /// The poller that reads it.
    pub(crate) owner: usize,
    /// Rises when it changes hands or is made again: commits of the former holder are void.
    pub(crate) generation: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Topic {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) discarded: BTreeSet<Place>,
    pub(crate) producer_done: bool,
}

/// A handle on the broker; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broker(Arc<Mutex<Topic>>);

impl Broker {
    pub(crate) fn new(partitions: usize) -> Self {
        let topic = Topic {
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            ..Topic::default()
        };
        Self(Arc::new(Mutex::new(topic)))
    }

    pub(crate) fn topic(&self) -> MutexGuard<'_, Topic> {
        self.0.lock().unwrap()
    }
}

impl Topic {
    /// Whether nothing is left to deliver, and nothing will come.
    pub(crate) fn is_drained(&self) -> bool {
        let drained = |partition: &Partition| partition.committed >= partition.next_offset;
        self.producer_done && self.partitions.iter().all(drained)
    }

    /// The record of a position; its timestamp tells the epochs of a topic apart.
    pub(crate) fn find(
        &self,
        partition: i32,
        offset: i64,
        timestamp_ms: Option<i64>,
    ) -> Option<Place> {
        let mut records = self.produced();
        let found = records.find(|produced| {
            produced.place.partition == partition
                && produced.place.offset == offset
                && produced.record.timestamp_ms == timestamp_ms
        });
        found.map(|produced| produced.place)
    }

    /// Whether the mapping has gone past a record, as far as it told.
    pub(crate) fn is_past(&self, place: Place) -> bool {
        let index = usize::try_from(place.partition).unwrap();
        let partition = &self.partitions[index];
        place.epoch < partition.epoch || place.offset < partition.committed
    }

    pub(crate) fn produced(&self) -> impl Iterator<Item = &Produced> {
        self.partitions.iter().flat_map(|partition| &partition.log)
    }
}

impl Partition {
    /// Records that are ready to be delivered, at most so many.
    pub(crate) fn fetch(&self, records_max: usize) -> Vec<Produced> {
        let ready = self.log.iter().filter(|produced| {
            produced.place.epoch == self.epoch && produced.place.offset >= self.committed
        });
        ready.take(records_max).cloned().collect()
    }

    /// Deletes the topic's partition and makes it again, empty.
    pub(crate) fn make_again(&mut self) {
        self.epoch += 1;
        self.committed_before.push(self.committed);
        self.generation += 1;
        self.committed = 0;
        self.next_offset = 0;
    }
}
