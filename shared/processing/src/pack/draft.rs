//! A transaction that is being filled: what all its records do, folded item by item.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;

use super::Packing;
use crate::batch::Fate;
use crate::mark::Fence;
use crate::outbox::{Lane, LaneRows};
use crate::park::FLAG_COUNT;
use crate::plan::Planned;
use crate::store::{
    Addition, Body, Change, Expect, ItemKey, TRANSACTION_BYTES_MAX, TRANSACTION_WRITES_MAX, Write,
    body_bytes, key_bytes,
};
use crate::view::{ItemEffect, StagedAddition};

/// What a fence or a flag takes, from above.
const FENCE_AND_FLAG_BYTES: usize = 1_024;

/// A transaction that is being filled.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) planned: Vec<Planned>,
    items: BTreeMap<ItemKey, FoldedItem>,
    marks: Vec<Write>,
    fences: BTreeMap<ItemKey, Fence>,
    flags: BTreeMap<ItemKey, u32>,
    lanes: BTreeMap<Lane, LaneRows>,
    lane_rows: usize,
    bytes: usize,
}

/// What all records of a transaction do to one item.
#[derive(Clone, Debug, Default)]
struct FoldedItem {
    depends: bool,
    put: Option<Body>,
    additions: Vec<Addition>,
}

impl Draft {
    pub(super) fn has_changes(&self) -> bool {
        self.planned
            .iter()
            .any(|planned| matches!(planned.fate, Fate::Applied))
    }

    fn writes_count(&self) -> usize {
        self.items.len() + self.marks.len() + self.fences.len() + self.flags.len() + self.lane_rows
    }

    pub(super) fn has_room_for(&self, planned: &Planned) -> bool {
        let known = |key: &ItemKey| self.items.contains_key(key);
        let new_items = planned
            .effects
            .items
            .keys()
            .filter(|key| !known(key))
            .count();
        let published = &planned.effects.published;
        let lanes: BTreeSet<&Lane> = published.iter().map(|outgoing| &outgoing.lane).collect();
        let new_rows: usize = lanes
            .into_iter()
            .map(|lane| {
                let of_lane = published.iter().filter(|outgoing| outgoing.lane == *lane);
                self.lanes.get(lane).map_or_else(
                    || LaneRows::default().new_rows_for(of_lane.clone()),
                    |rows| rows.new_rows_for(of_lane.clone()),
                )
            })
            .sum();
        let parking = planned.parking.as_ref().map_or(0, |parking| {
            parking.rows.len() + usize::from(!self.flags.contains_key(&parking.flag))
        });
        let fence = planned
            .fence
            .as_ref()
            .is_some_and(|(key, _)| !self.fences.contains_key(key));
        let count = self.writes_count()
            + new_rows
            + new_items
            + parking
            + usize::from(fence)
            + usize::from(planned.mark.is_some())
            + planned.unparked.len();
        count <= TRANSACTION_WRITES_MAX && self.bytes + bytes_of(planned) <= TRANSACTION_BYTES_MAX
    }

    /// Whether all of another draft fits, with which this one shares nothing but outbox lanes.
    pub(super) fn has_room_for_draft(&self, other: &Self) -> bool {
        self.writes_count() + other.writes_count() <= TRANSACTION_WRITES_MAX
            && self.bytes + other.bytes <= TRANSACTION_BYTES_MAX
    }

    pub(super) fn push(&mut self, planned: Planned) {
        self.bytes += bytes_of(&planned);
        for (key, effect) in &planned.effects.items {
            self.items.entry(key.clone()).or_default().fold(effect);
        }
        self.marks.extend(planned.mark.clone());
        self.marks.extend(planned.unparked.iter().cloned());
        self.fences.extend(planned.fence.clone());
        if let Some(parking) = &planned.parking {
            self.marks.extend(parking.rows.iter().cloned());
            *self.flags.entry(parking.flag.clone()).or_default() += 1;
        }
        for outgoing in &planned.effects.published {
            let rows = self.lanes.entry(outgoing.lane.clone()).or_default();
            self.lane_rows += usize::from(rows.push(outgoing.clone()));
        }
        self.planned.push(planned);
    }

    /// The writes, each under the version that the item has once the chain's earlier ones are committed.
    pub(super) fn writes(
        &self,
        packing: &Packing<'_>,
        versions: &mut HashMap<ItemKey, Option<u64>>,
        order: &str,
    ) -> Vec<Write> {
        let mut versioned = |key: &ItemKey, depends: bool, change: Change| {
            let loaded = packing.cache.items.get(key);
            let known = versions
                .get(key)
                .copied()
                .or_else(|| loaded.map(|stored| stored.as_ref().map(|stored| stored.version)));
            let expect = match known {
                _ if !depends => Expect::Anything,
                Some(Some(version)) => Expect::Version(version),
                // Nothing depends on what is not loaded; should it, absence is the safe expectation.
                Some(None) | None => Expect::Absent,
            };
            if let (Some(version), false) = (known, change == Change::Check) {
                versions.insert(key.clone(), Some(version.unwrap_or(0) + 1));
            }
            Write {
                key: key.clone(),
                expect,
                change,
            }
        };
        let mut writes = self.marks.clone();
        for (key, fence) in &self.fences {
            writes.push(versioned(key, true, Change::Put(fence.body(packing.now))));
        }
        for (key, count) in &self.flags {
            let addition = Addition {
                field: FLAG_COUNT.to_owned(),
                amount: Decimal::from(*count),
                at_least: None,
            };
            writes.push(versioned(key, true, Change::Add(vec![addition])));
        }
        for (key, item) in &self.items {
            writes.push(versioned(key, item.depends, item.change()));
        }
        writes.extend(
            self.lanes
                .iter()
                .flat_map(|(lane, rows)| rows.writes(lane, order)),
        );
        writes
    }
}

impl FoldedItem {
    fn fold(&mut self, effect: &ItemEffect) {
        self.depends |= effect.depends;
        if effect.put.is_some() || self.put.is_some() {
            // Whoever puts an item has it loaded, so that its whole state after each record is known.
            if effect.changes() {
                self.put = effect.after.clone().or_else(|| effect.put.clone());
                self.additions.clear();
            }
            return;
        }
        effect
            .additions
            .iter()
            .for_each(|addition| self.add(addition));
    }

    fn add(&mut self, staged: &StagedAddition) {
        let known = self
            .additions
            .iter_mut()
            .find(|addition| addition.field == staged.field);
        let (total, needed) = known.as_ref().map_or((Decimal::ZERO, None), |addition| {
            (addition.amount, addition.at_least)
        });
        let amount = total + staged.amount;
        // What the field must hold before all additions for this floor to hold after this one.
        let at_least = staged.floor.map(|floor| floor - amount).max(needed);
        let folded = Addition {
            field: staged.field.clone(),
            amount,
            at_least,
        };
        match known {
            Some(addition) => *addition = folded,
            None => self.additions.push(folded),
        }
    }

    fn change(&self) -> Change {
        match &self.put {
            Some(body) => Change::Put(body.clone()),
            None if self.additions.is_empty() => Change::Check,
            None => Change::Add(self.additions.clone()),
        }
    }
}

/// The bytes that a record adds to its transaction, from above: an item that several records change is
/// counted for each.
fn bytes_of(planned: &Planned) -> usize {
    let items = planned.effects.items.iter().map(|(key, effect)| {
        key_bytes(key)
            + effect
                .put
                .as_ref()
                .map_or(48 * effect.additions.len(), body_bytes)
    });
    let mut lanes: BTreeMap<&Lane, LaneRows> = BTreeMap::new();
    for outgoing in &planned.effects.published {
        lanes
            .entry(&outgoing.lane)
            .or_default()
            .push(outgoing.clone());
    }
    let rows = planned.parking.iter().flat_map(|parking| &parking.rows);
    let marks = rows
        .chain(&planned.mark)
        .chain(&planned.unparked)
        .map(Write::bytes);
    items
        .chain(marks)
        .chain(lanes.values().map(LaneRows::bytes))
        .sum::<usize>()
        + FENCE_AND_FLAG_BYTES
}

#[cfg(test)]
mod tests;
