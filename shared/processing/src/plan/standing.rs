//! What the marks say of a record, and what a pass knows so far.

use std::collections::{HashMap, HashSet};

use msk_event::Position;

use super::{Mode, Pass, Planner};
use crate::batch::{Content, Entry};
use crate::decide::{Decide, Dedup, OnPoison};
use crate::mark::{
    Fence, Mark, Passage, event_marker, fence_key, marker_has_payload, position_marker, stored_mark,
};
use crate::park::flag_key;
use crate::rejection::Refusal;
use crate::store::{Expect, ItemKey};
use crate::view::{Cache, Misses, View};

/// What the marks say of a record.
pub(super) enum Standing {
    Unknown,
    Finished,
    /// It cannot be put back this way.
    NotToBeRedriven(Refusal),
    /// Its event id was used before, for another payload.
    IdReused,
    /// Its partition was made again while this invocation was running.
    EpochChanged,
    Fresh {
        mark: Option<MarkPlace>,
        fence: Option<(ItemKey, Fence)>,
    },
}

/// Where a record's mark goes, and what has to be there before.
#[derive(Clone, Debug)]
pub(super) struct MarkPlace {
    pub(super) key: ItemKey,
    pub(super) expect: Expect,
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
        mode: Mode,
    ) -> Standing {
        let fresh = |expect| Standing::Fresh {
            mark: Some(MarkPlace {
                key: key.clone(),
                expect,
            }),
            fence: None,
        };
        let marker = match self.view.cache().items.get(&key) {
            None => {
                self.pass.misses.keys.insert(key);
                return Standing::Unknown;
            }
            Some(None) => return fresh(Expect::Absent),
            Some(Some(marker)) => marker,
        };
        if payload_sha256.is_some_and(|hash| !marker_has_payload(marker, hash)) {
            return Standing::IdReused;
        }
        match (mode, stored_mark(marker)) {
            (Mode::Deliver, _) | (_, Some(Mark::Applied) | None) => Standing::Finished,
            (Mode::Redrive | Mode::Unpark, Some(Mark::DeadLettered))
            | (Mode::Unpark, Some(Mark::Parked)) => fresh(Expect::Version(marker.version)),
            (Mode::Redrive, Some(Mark::Parked)) => {
                let message = "it is parked: its whole key has to be put back, in order";
                Standing::NotToBeRedriven(Refusal::new("parked", message))
            }
        }
    }

    /// Whether the record's key is parked; `None` while that is not loaded.
    pub(super) fn is_parked<H: Decide>(
        &mut self,
        entry: &Entry<H::Event>,
        mode: Mode,
    ) -> Option<bool> {
        let (OnPoison::ParkKey, Some(key)) = (H::ON_POISON, &entry.ordering_key) else {
            return Some(false);
        };
        // Nothing waits for what is of another type, and it waits for nothing.
        if mode == Mode::Unpark || matches!(entry.content, Content::OtherType) {
            return Some(false);
        }
        if self.parked.contains(key) {
            return Some(true);
        }
        let flag = flag_key(H::NAME, key);
        self.loaded(&flag)
    }

    /// Whether an item of the engine's own is there; `None` while that is not loaded.
    pub(super) fn loaded(&mut self, key: &ItemKey) -> Option<bool> {
        let loaded = self.view.cache().items.get(key);
        if loaded.is_none() {
            self.pass.misses.keys.insert(key.clone());
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
            Dedup::EventId if matches!(entry.content, Content::OtherType) => Standing::Fresh {
                mark: None,
                fence: None,
            },
            Dedup::EventId => match entry.event_id() {
                Some(id) => {
                    let key = event_marker(H::NAME, id.as_ref());
                    state.standing_by_marker(key, Some(&entry.payload_sha256), self.mode)
                }
                // What cannot be decoded fails the same way each time; it needs a mark of its own only
                // where it would otherwise park its key again.
                None if H::ON_POISON == OnPoison::ParkKey => {
                    let key = position_marker(H::NAME, self.cluster, position, entry.timestamp_ms);
                    state.standing_by_marker(key, None, self.mode)
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
        let marker = position_marker(H::NAME, self.cluster, position, entry.timestamp_ms);
        match (self.mode, fence.pass(position.offset, entry.timestamp_ms)) {
            // What cannot be read has no date to tell a topic that was made again by. It fails the same way
            // each time, and its letter has the same id: better a letter twice than a record lost.
            (Mode::Deliver, Passage::Finished) if entry.is_undated_and_undecodable() => {
                match state.standing_by_marker(marker, None, self.mode) {
                    Standing::Finished => Standing::Fresh {
                        mark: None,
                        fence: None,
                    },
                    standing => standing,
                }
            }
            (Mode::Deliver, Passage::Finished) => Standing::Finished,
            (Mode::Deliver, Passage::Next(moved) | Passage::NewEpoch(moved)) => Standing::Fresh {
                mark: None,
                fence: Some((key, moved)),
            },
            (Mode::Redrive, Passage::Finished) => {
                match state.standing_by_marker(marker, None, self.mode) {
                    // Only what was put aside has a marker.
                    Standing::Fresh {
                        mark:
                            Some(MarkPlace {
                                expect: Expect::Absent,
                                ..
                            }),
                        ..
                    } => {
                        let message = "nothing says that it was put aside: it was applied, or given up \
                                       by the mapping";
                        Standing::NotToBeRedriven(Refusal::new("not_put_aside", message))
                    }
                    standing => standing,
                }
            }
            (Mode::Unpark, Passage::Finished | Passage::NewEpoch(_)) => {
                state.standing_by_marker(marker, None, self.mode)
            }
            (Mode::Redrive, Passage::Next(_) | Passage::NewEpoch(_))
            | (Mode::Unpark, Passage::Next(_)) => {
                let message = "its partition is not finished that far; it will be delivered";
                Standing::NotToBeRedriven(Refusal::new("not_delivered_yet", message))
            }
        }
    }
}
