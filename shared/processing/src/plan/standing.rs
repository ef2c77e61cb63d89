//! What the marks say of a record, and what a pass knows so far.

use std::collections::{HashMap, HashSet};

use msk_event::Position;

use super::{Pass, Planner};
use crate::batch::Entry;
use crate::decide::{Decide, Dedup, OnPoison};
use crate::mark::{Fence, Passage, event_marker, fence_key, marker_has_payload, position_marker};
use crate::park::flag_key;
use crate::store::ItemKey;
use crate::view::{Cache, Misses, View};

/// What the marks say of a record.
pub(super) enum Standing {
    Unknown,
    Finished,
    /// Its event id was used before, for another payload.
    IdReused,
    /// Its partition was made again while this invocation was running.
    EpochChanged,
    Fresh {
        mark: Option<ItemKey>,
        fence: Option<(ItemKey, Fence)>,
    },
}

/// What a pass knows so far.
pub(super) struct State<'a> {
    pub(super) view: View<'a>,
    /// Lanes in which nothing more may be finished.
    pub(super) blocked: HashSet<String>,
    /// Ordering keys that this batch parks.
    pub(super) parked: HashSet<String>,
    /// Payload hashes by marker, of the records planned so far.
    pub(super) seen: HashMap<ItemKey, String>,
    pub(super) fences: HashMap<ItemKey, Fence>,
    pub(super) pass: Pass,
}

impl<'a> State<'a> {
    pub(super) fn new(cache: &'a Cache) -> Self {
        Self {
            view: View::new(cache),
            blocked: HashSet::new(),
            parked: HashSet::new(),
            seen: HashMap::new(),
            fences: HashMap::new(),
            pass: Pass::default(),
        }
    }

    pub(super) fn asked(&mut self, index: usize, misses: Misses) {
        if !misses.is_empty() {
            self.pass.misses.extend(misses);
            self.pass.asked.push(index);
        }
    }

    pub(super) fn standing_by_marker(
        &mut self,
        key: ItemKey,
        payload_sha256: Option<&str>,
    ) -> Standing {
        match self.view.cache().items.get(&key) {
            None => {
                self.pass.misses.keys.insert(key);
                Standing::Unknown
            }
            Some(None) => Standing::Fresh {
                mark: Some(key),
                fence: None,
            },
            Some(Some(marker)) => match payload_sha256 {
                Some(hash) if !marker_has_payload(marker, hash) => Standing::IdReused,
                Some(_) | None => Standing::Finished,
            },
        }
    }

    /// Whether the record's key is parked; `None` while that is not loaded.
    pub(super) fn is_parked<H: Decide>(&mut self, entry: &Entry<H::Event>) -> Option<bool> {
        let (OnPoison::ParkKey, Some(key)) = (H::ON_POISON, &entry.ordering_key) else {
            return Some(false);
        };
        if self.parked.contains(key) {
            return Some(true);
        }
        let flag = flag_key(H::NAME, key);
        let loaded = self.view.cache().items.get(&flag);
        if loaded.is_none() {
            self.pass.misses.keys.insert(flag);
        }
        loaded.map(Option::is_some)
    }
}

impl<H: Decide> Planner<'_, H> {
    pub(super) fn standing(&self, entry: &Entry<H::Event>, state: &mut State<'_>) -> Standing {
        let Some(position) = &entry.position else {
            return Standing::Fresh {
                mark: None,
                fence: None,
            };
        };
        match H::DEDUP {
            Dedup::Position => self.standing_by_fence(entry, position, state),
            Dedup::EventId => match entry.record().and_then(|record| record.event_id.as_ref()) {
                Some(id) => {
                    let key = event_marker(H::NAME, id.as_ref());
                    state.standing_by_marker(key, Some(&entry.payload_sha256))
                }
                // What cannot be decoded fails the same way each time; it needs a mark of its own only
                // where it would otherwise park its key again.
                None if H::ON_POISON == OnPoison::ParkKey => {
                    let key = position_marker(H::NAME, self.cluster, position);
                    state.standing_by_marker(key, None)
                }
                None => Standing::Fresh {
                    mark: None,
                    fence: None,
                },
            },
        }
    }

    fn standing_by_fence(
        &self,
        entry: &Entry<H::Event>,
        position: &Position,
        state: &mut State<'_>,
    ) -> Standing {
        let key = fence_key(H::NAME, self.cluster, position);
        let fence = match (state.fences.get(&key), state.view.cache().items.get(&key)) {
            (Some(fence), _) => *fence,
            (None, Some(stored)) => match Fence::read(stored.as_ref()) {
                Some(fence)
                    if self
                        .epochs
                        .get(&key)
                        .is_none_or(|known| *known == fence.epoch) =>
                {
                    fence
                }
                Some(_) | None => return Standing::EpochChanged,
            },
            (None, None) => {
                state.pass.misses.keys.insert(key);
                return Standing::Unknown;
            }
        };
        match fence.pass(position.offset, entry.timestamp_ms) {
            Passage::Finished => Standing::Finished,
            Passage::Next(moved) | Passage::NewEpoch(moved) => Standing::Fresh {
                mark: None,
                fence: Some((key, moved)),
            },
        }
    }
}
