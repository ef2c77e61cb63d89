//! One partition: what has arrived, what waits, who holds it, how far it may be committed.
//!
//! It knows neither batches nor retries.

use std::collections::VecDeque;

use crate::event::WrittenRecord;

/// Identifies a piece of work; ascending in the order of creation.
pub(super) type PieceId = u64;

#[derive(Debug)]
pub(super) struct Partition {
    committed: i64,
    /// Offset behind the last record that is finished together with all before it.
    position: i64,
    /// Records between `committed` and `position`.
    finished_count: u64,
    /// Every arrived offset from `position` on, ascending, and whether it is finished.
    arrived: VecDeque<(i64, bool)>,
    next_offset: i64,
    ready: VecDeque<WrittenRecord>,
    ready_bytes: usize,
    /// Pieces with records of this partition; only the first may be invoked.
    pub(super) claims: VecDeque<PieceId>,
    /// When the partition last gave records to a batch, as a count of batches.
    pub(super) served: u64,
    /// A record that can never be delivered is next; nothing behind it is read.
    pub(super) blocked: bool,
    paused: bool,
}

impl Partition {
    pub(super) const fn starting_at(offset: i64) -> Self {
        Self {
            committed: offset,
            position: offset,
            finished_count: 0,
            arrived: VecDeque::new(),
            next_offset: offset,
            ready: VecDeque::new(),
            ready_bytes: 0,
            claims: VecDeque::new(),
            served: 0,
            blocked: false,
            paused: false,
        }
    }

    pub(super) const fn committed(&self) -> i64 {
        self.committed
    }

    /// Takes note of an offset; `false` if it is known or the partition is blocked.
    pub(super) fn arrive(&mut self, offset: i64) -> bool {
        if self.blocked || offset < self.next_offset {
            return false;
        }
        self.next_offset = offset.saturating_add(1);
        self.arrived.push_back((offset, false));
        true
    }

    pub(super) fn buffer(&mut self, record: WrittenRecord) {
        self.ready_bytes += record.bytes();
        self.ready.push_back(record);
    }

    pub(super) const fn ready(&self) -> &VecDeque<WrittenRecord> {
        &self.ready
    }

    /// Returns whether records wait and no piece holds the partition.
    pub(super) fn is_eligible(&self) -> bool {
        self.claims.is_empty() && !self.ready.is_empty()
    }

    /// Takes the first waiting records.
    pub(super) fn take(&mut self, count: usize) -> Vec<WrittenRecord> {
        let taken: Vec<_> = self.ready.drain(..count.min(self.ready.len())).collect();
        self.ready_bytes -= taken.iter().map(WrittenRecord::bytes).sum::<usize>();
        taken
    }

    pub(super) fn finish(&mut self, offset: i64) {
        if let Ok(found) = self
            .arrived
            .binary_search_by_key(&offset, |(offset, _)| *offset)
            && let Some((_, finished)) = self.arrived.get_mut(found)
        {
            *finished = true;
        }
        while let Some((offset, true)) = self.arrived.front().copied() {
            self.arrived.pop_front();
            self.position = offset.saturating_add(1);
            self.finished_count += 1;
        }
    }

    /// Returns the position to commit, if it has moved.
    pub(super) const fn committable(&self) -> Option<i64> {
        if self.position > self.committed {
            Some(self.position)
        } else {
            None
        }
    }

    /// Notes a commit of `committable` and returns how many records it covers.
    pub(super) const fn commit(&mut self, offset: i64) -> u64 {
        self.committed = offset;
        std::mem::replace(&mut self.finished_count, 0)
    }

    /// Returns `Some` when fetching must stop or may go on: above the limits it stops, below half of them it goes on.
    pub(super) fn pause_change(&mut self, records_max: usize, bytes_max: usize) -> Option<bool> {
        let above = |share: usize| {
            self.ready.len() > records_max / share || self.ready_bytes > bytes_max / share
        };
        let paused = self.blocked || above(if self.paused { 2 } else { 1 });
        let changed = paused != self.paused;
        self.paused = paused;
        changed.then_some(paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_contiguous_progress_can_be_committed() {
        let mut partition = Partition::starting_at(10);
        for offset in [10, 11, 15, 16] {
            assert!(partition.arrive(offset));
        }
        partition.finish(11);
        assert_eq!(partition.committable(), None);
        partition.finish(10);
        assert_eq!(partition.committable(), Some(12));
        partition.finish(16);
        assert_eq!(partition.committable(), Some(12));
        assert_eq!(partition.commit(12), 2);
        assert_eq!(partition.committable(), None);
        partition.finish(15);
        assert_eq!(partition.committable(), Some(17));
        assert_eq!(partition.commit(17), 2);
    }

    #[test]
    fn a_record_delivered_twice_arrives_once() {
        let mut partition = Partition::starting_at(0);
        assert!(partition.arrive(0));
        assert!(!partition.arrive(0));
        assert!(partition.arrive(5));
        assert!(!partition.arrive(4));
    }
}
