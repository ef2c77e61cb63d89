//! Puts records in the order in which they are sent: each order in its turn, what refers to it some time later.
//!
//! It does not look at what the records are.

use super::PlannedRecord;
use crate::demo::random::Random;

/// Places between two orders, for what comes in between.
const PLACES: u32 = 1_000;
/// Turns that a record comes at most before the order that it is about.
const TURNS_BEFORE_MAX: u32 = 40;

/// Records with their places.
#[derive(Debug, Default)]
pub(super) struct LineUp(Vec<(u64, PlannedRecord)>);

impl LineUp {
    /// Adds an order in its turn.
    pub(super) fn push_in_turn(&mut self, number: u32, record: PlannedRecord) {
        self.0.push((place(number), record));
    }

    /// Adds a record some time before the order of this number, or as the first of all.
    pub(super) fn push_before(&mut self, number: u32, record: PlannedRecord, random: &mut Random) {
        let turns = random.between(1, TURNS_BEFORE_MAX);
        self.0.push((place(number.saturating_sub(turns)), record));
    }

    /// Adds a record at any place among so many orders, and returns the turn in which it is.
    pub(super) fn push_anywhere(
        &mut self,
        orders: u32,
        record: PlannedRecord,
        random: &mut Random,
    ) -> u32 {
        let turns = random.between(0, orders.max(1) - 1);
        let within = u64::from(random.between(1, PLACES - 1));
        self.0.push((place(turns) + within, record));
        turns
    }

    /// Adds a record some time after the order of this number, of so many.
    pub(super) fn push_after(
        &mut self,
        number: u32,
        orders: u32,
        record: PlannedRecord,
        random: &mut Random,
    ) {
        let turns_left = orders.saturating_sub(number).max(1);
        let turns = random.between(0, turns_left - 1);
        let within = u64::from(random.between(1, PLACES - 1));
        self.0.push((place(number) + place(turns) + within, record));
    }

    /// Returns all in the order of their places.
    pub(super) fn in_order(mut self) -> Vec<PlannedRecord> {
        self.0.sort_by_key(|(place, _)| *place);
        self.0.into_iter().map(|(_, record)| record).collect()
    }
}

fn place(turns: u32) -> u64 {
    u64::from(turns) * u64::from(PLACES)
}
