//! How far a mapping is behind its topic.
//!
//! The numbers are of one look; ask the mapping again for newer ones.

use std::collections::BTreeMap;

/// The lag of a mapping at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// By partition number.
    pub partitions: BTreeMap<i32, PartitionLag>,
    /// Invocations under way.
    pub invocations_in_flight: usize,
}

/// The lag of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionLag {
    /// Offset the next produced record will get.
    pub end: i64,
    /// Committed offset, or where the partition began.
    pub committed: i64,
}

impl PartitionLag {
    /// Returns the offsets between.
    #[must_use]
    pub fn offsets(self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.committed)).unwrap_or(0)
    }
}

impl Lag {
    /// Returns `MaxOffsetLag`.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.partitions
            .values()
            .map(|lag| lag.offsets())
            .max()
            .unwrap_or(0)
    }

    /// Returns `SumOffsetLag`.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.partitions.values().map(|lag| lag.offsets()).sum()
    }

    /// Returns whether everything produced so far is committed and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.invocations_in_flight == 0 && self.sum() == 0
    }
}
