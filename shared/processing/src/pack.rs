//! Packing: whole records into as few transactions as they fit, in an order that keeps theirs.
//!
//! Records that share an item, a lane, an event or an outgoing key form a group. A group's transactions
//! run one after another as a chain; chains run side by side. Small groups share a transaction.

mod draft;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use event_schema::Timestamp;

use self::draft::Draft;
use crate::plan::Planned;
use crate::store::{ItemKey, Write};
use crate::view::Cache;

/// Transactions that have to run in this order.
pub(crate) type Chain = Vec<Step>;

/// One transaction, and the records that are finished by it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) planned: Vec<Planned>,
    /// Empty when its records leave nothing in the store.
    pub(crate) writes: Vec<Write>,
}

/// What the packing of an attempt needs to know.
pub(crate) struct Packing<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) now: Timestamp,
    /// Sorts the outbox rows of this attempt behind those of earlier ones.
    pub(crate) outbox_order: &'a str,
    /// One record a transaction, to find the one that the store refuses.
    pub(crate) isolate: bool,
}

/// Whether a record's writes fit a transaction of their own.
pub(crate) fn fits_a_transaction(planned: &Planned) -> bool {
    Draft::default().has_room_for(planned)
}

impl Packing<'_> {
    pub(crate) fn pack(&self, planned: Vec<Planned>) -> Vec<Chain> {
        let mut chains: Vec<Vec<Draft>> = Vec::new();
        // The chains of a single transaction that may still take another small group: one for
        // groups with dead letters, one for groups without, so that a letter that cannot be sent holds
        // back as little as possible.
        let mut open: [Option<usize>; 2] = [None, None];
        for group in groups(planned) {
            let mut drafts = self.split(group);
            let single = drafts.len() == 1 && !self.isolate;
            let Some(first) = drafts.first_mut().filter(|_| single) else {
                chains.push(drafts);
                continue;
            };
            let with_letters = first.planned.iter().any(|planned| planned.letter);
            let [without_slot, with_slot] = &mut open;
            let slot = if with_letters {
                with_slot
            } else {
                without_slot
            };
            let target = slot.and_then(|index| chains.get_mut(index)?.first_mut());
            if let Some(target) = target.filter(|target| target.has_room_for_draft(first)) {
                first
                    .planned
                    .drain(..)
                    .for_each(|planned| target.push(planned));
            } else {
                *slot = Some(chains.len());
                chains.push(drafts);
            }
        }
        let mut versions = HashMap::new();
        let mut number = 0_u32;
        let mut step = |draft: Draft| {
            number += 1;
            let order = format!("{}-{number:05}", self.outbox_order);
            let writes = draft.writes(self, &mut versions, &order);
            Step {
                planned: draft.planned,
                writes,
            }
        };
        chains
            .into_iter()
            .map(|drafts| drafts.into_iter().map(&mut step).collect())
            .collect()
    }

    /// Cuts a group into transactions, in order.
    fn split(&self, group: Vec<Planned>) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = Vec::new();
        for planned in group {
            let open = drafts.last_mut().filter(|draft| {
                // A letter must not be sent before that on which its refusal rests is committed.
                let too_early = planned.letter && draft.has_changes();
                !self.isolate && !too_early && draft.has_room_for(&planned)
            });
            if let Some(draft) = open {
                draft.push(planned);
            } else {
                let mut draft = Draft::default();
                draft.push(planned);
                drafts.push(draft);
            }
        }
        drafts
    }
}

/// What makes two records keep their order.
#[derive(PartialEq, Eq, Hash)]
enum Bond {
    Item(ItemKey),
    Lane(String),
    Outgoing(&'static str, String),
}

fn bonds(planned: &Planned, changed: &HashSet<ItemKey>) -> Vec<Bond> {
    let items = planned
        .effects
        .items
        .keys()
        .chain(&planned.same_event)
        .cloned();
    let peeked = planned
        .effects
        .peeked
        .iter()
        .filter(|key| changed.contains(key))
        .cloned();
    let outgoing = planned.effects.published.iter().filter_map(|outgoing| {
        Some(Bond::Outgoing(
            outgoing.lane.topic,
            outgoing.event.key.clone()?,
        ))
    });
    let lane = planned.lane.clone().map(Bond::Lane);
    items
        .chain(peeked)
        .map(Bond::Item)
        .chain(outgoing)
        .chain(lane)
        .collect()
}

/// Sets of records that share anything, each in its records' order, ordered by their first records.
fn groups(planned: Vec<Planned>) -> Vec<Vec<Planned>> {
    let changed: HashSet<ItemKey> = planned
        .iter()
        .flat_map(|planned| &planned.effects.items)
        .filter(|(_, effect)| effect.changes())
        .map(|(key, _)| key.clone())
        .collect();
    let mut sets = DisjointSets::new(planned.len());
    let mut first_with: HashMap<Bond, usize> = HashMap::new();
    for (index, record) in planned.iter().enumerate() {
        for bond in bonds(record, &changed) {
            let first = *first_with.entry(bond).or_insert(index);
            sets.join(first, index);
        }
    }
    let mut groups: BTreeMap<usize, Vec<Planned>> = BTreeMap::new();
    for (index, record) in planned.into_iter().enumerate() {
        groups.entry(sets.root(index)).or_default().push(record);
    }
    groups.into_values().collect()
}

/// Union-find in which the root of a set is its least member.
struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn root(&mut self, mut member: usize) -> usize {
        while let Some(&parent) = self.0.get(member) {
            if parent == member {
                break;
            }
            let grandparent = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(member) {
                *slot = grandparent;
            }
            member = grandparent;
        }
        member
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(parent) = self.0.get_mut(a.max(b)) {
            *parent = a.min(b);
        }
    }
}
