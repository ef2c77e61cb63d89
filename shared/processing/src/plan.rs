//! One pass over a batch in order: what each record would do, given what is loaded.
//!
//! A pass is pure. When something was not loaded, its result is thrown away; the engine loads what was
//! missed and makes another pass.

mod marking;
mod standing;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use event_schema::Timestamp;

use self::standing::{MarkPlace, Standing, State};
use crate::batch::{Content, Entry, Fate, Skip};
use crate::decide::{Decide, OnPoison};
use crate::mark::{Fence, Mark, position_marker};
use crate::pack::fits_a_transaction;
use crate::park::{ParkedRecord, flag_key};
use crate::record::Record;
use crate::rejection::{Class, Refusal, Rejection};
use crate::store::{ItemKey, Write};
use crate::view::{Cache, Effects, Misses, View};
use crate::work::Work;

/// Load rounds that one record may ask for; reads that depend on reads take one each.
pub const ROUNDS_MAX: u32 = 4;

/// A record on its way into a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) index: usize,
    /// What becomes of it once its transaction is committed.
    pub(crate) fate: Fate,
    /// Whether a dead letter has to be sent before that.
    pub(crate) letter: bool,
    pub(crate) effects: Effects,
    pub(crate) mark: Option<Write>,
    pub(crate) fence: Option<(ItemKey, Fence)>,
    pub(crate) parking: Option<Parking>,
    /// Rows in which it was parked, which go when it is finished.
    pub(crate) unparked: Vec<Write>,
    /// What else orders it against other records: its lane, and an event id that it shares.
    pub(crate) lane: Option<String>,
    pub(crate) same_event: Option<ItemKey>,
}

/// A record's rows in the store, and the flag of its key.
#[derive(Clone, Debug)]
pub(crate) struct Parking {
    pub(crate) flag: ItemKey,
    pub(crate) rows: Vec<Write>,
}

/// What a pass found out.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) planned: Vec<Planned>,
    pub(crate) settled: Vec<(usize, Fate)>,
    pub(crate) misses: Misses,
    /// Records whose handler asked for what is not loaded.
    pub(crate) asked: Vec<usize>,
}

/// Whence records come, and so what their marks mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// From the mapping.
    Deliver,
    /// From the dead-letter queue: a record marked `dead_lettered` may become `applied`.
    Redrive,
    /// From the rows of a parked key: a record marked `parked` may become `applied`.
    Unpark,
}

/// What a batch's passes share.
pub(crate) struct Planner<'a, H: Decide> {
    pub(crate) handler: &'a H,
    pub(crate) mode: Mode,
    pub(crate) cluster: &'a str,
    pub(crate) now: Timestamp,
    /// How long marks are kept, in seconds.
    pub(crate) marks_kept_seconds: i64,
    /// The epoch of each partition's fence as this invocation knows it.
    pub(crate) epochs: &'a HashMap<ItemKey, i64>,
    /// Where events go that are too large for a row.
    pub(crate) bucket: Option<&'a str>,
}

enum Next {
    /// Something is not loaded.
    Wait,
    Settled(Fate),
    Planned(Box<Planned>),
}

impl<H: Decide> Planner<'_, H> {
    /// Decides every record without a fate, in order.
    pub(crate) fn pass(&self, entries: &[Entry<H::Event>], cache: &Cache) -> Pass {
        let mut state = State::new(cache);
        for (index, entry) in entries.iter().enumerate() {
            let next = match &entry.fate {
                Some(fate) => Next::Settled(fate.clone()),
                None => self.next(index, entry, &mut state),
            };
            match next {
                Next::Wait => {}
                Next::Settled(fate) => {
                    if let (Fate::Unfinished(_), Some(lane)) = (&fate, entry.lane(H::DEDUP)) {
                        state.blocked.insert(lane.to_owned());
                    }
                    if entry.fate.is_none() {
                        state.pass.settled.push((index, fate));
                    }
                }
                Next::Planned(planned) => state.pass.planned.push(*planned),
            }
        }
        state.pass
    }

    fn next(&self, index: usize, entry: &Entry<H::Event>, state: &mut State<'_>) -> Next {
        if entry
            .lane(H::DEDUP)
            .is_some_and(|lane| state.blocked.contains(lane))
        {
            let refusal = Refusal::new("behind_unfinished", "an earlier record of its order waits");
            return Next::Settled(Fate::Unfinished(refusal));
        }
        let standing = self.standing(entry, state);
        let (mark, fence) = match standing {
            Standing::Unknown => {
                self.look_ahead(index, entry, state);
                return Next::Wait;
            }
            Standing::Finished if entry.rows.is_empty() => {
                return Next::Settled(Fate::Duplicate);
            }
            Standing::Finished => return self.only_unpark(index, entry),
            Standing::NotToBeRedriven(refusal) => {
                return Next::Settled(Fate::Unfinished(refusal));
            }
            Standing::EpochChanged => {
                let refusal = Refusal::new("epoch_changed", "the topic was made again meanwhile");
                return Next::Settled(Fate::Unfinished(refusal));
            }
            Standing::IdReused => return self.id_reused(index, entry, state),
            Standing::Fresh { mark, fence } => (mark, fence),
        };
        if let Some((key, fence)) = &fence {
            state.fences.insert(key.clone(), *fence);
        }
        let place = Place {
            index,
            entry,
            mark,
            fence,
        };
        let parked = state.is_parked::<H>(entry, self.mode);
        if parked.is_none() {
            self.look_ahead(index, entry, state);
            return Next::Wait;
        }
        if let Some(original) = place
            .mark
            .as_ref()
            .and_then(|mark| state.seen.get(&mark.key).cloned())
        {
            return self.second_in_batch(&place, &original, state);
        }
        let next = if parked == Some(true) {
            self.behind_parked(&place, state)
        } else {
            self.next_of_fresh(&place, state)
        };
        if let (Next::Planned(_), Some(mark)) = (&next, &place.mark) {
            state
                .seen
                .insert(mark.key.clone(), entry.payload_sha256.clone());
        }
        next
    }

    /// A record whose key is parked.
    fn behind_parked(&self, place: &Place<'_, H::Event>, state: &mut State<'_>) -> Next {
        match self.mode {
            Mode::Deliver => self.park(place, None, Effects::default(), state),
            Mode::Redrive | Mode::Unpark => {
                let message = "its key is parked: the whole key has to be put back, in order";
                Next::Settled(Fate::Unfinished(Refusal::new("key_parked", message)))
            }
        }
    }

    /// A record that was applied by other means while it was parked: its rows go.
    fn only_unpark(&self, index: usize, entry: &Entry<H::Event>) -> Next {
        let place = Place {
            index,
            entry,
            mark: None,
            fence: None,
        };
        Next::Planned(Box::new(self.planned(
            &place,
            Fate::Duplicate,
            Effects::default(),
        )))
    }

    fn next_of_fresh(&self, place: &Place<'_, H::Event>, state: &mut State<'_>) -> Next {
        let nothing = Effects::default();
        if let Some(skip) = &place.entry.skip {
            return self.skip(place, skip);
        }
        match (&place.entry.condemned, &place.entry.content) {
            (Some(refusal), _) | (None, Content::Undecodable(refusal)) => {
                self.poison(place, refusal.clone(), nothing, state)
            }
            (None, Content::OtherType) => {
                Next::Planned(Box::new(self.planned(place, Fate::Ignored, nothing)))
            }
            // The engine reads it before it passes over the batch.
            (None, Content::Elsewhere) => {
                let refusal = Refusal::new("payload_unavailable", "its value is not at hand");
                Next::Settled(Fate::Unfinished(refusal))
            }
            (None, Content::Event(record)) => self.decide(place, record, state),
        }
    }

    /// A parked record that an operator gives up stays a dead letter, or becomes one.
    fn skip(&self, place: &Place<'_, H::Event>, skip: &Skip) -> Next {
        let fate = Fate::DeadLettered(Refusal::new("skipped", skip.reason.clone()));
        Next::Planned(Box::new(Planned {
            letter: !skip.has_letter,
            mark: self.mark(place, Mark::DeadLettered),
            ..self.planned(place, fate, Effects::default())
        }))
    }

    /// Runs the handler only to learn what it asks for.
    fn look_ahead(&self, index: usize, entry: &Entry<H::Event>, state: &mut State<'_>) {
        if let Some(record) = entry.record() {
            let (_, _, misses) = self.run(record, &state.view);
            state.asked(index, misses);
        }
    }

    fn run(
        &self,
        record: &Record<H::Event>,
        view: &View<'_>,
    ) -> (Result<(), Rejection>, Effects, Misses) {
        let trace = record.traceparent.as_deref();
        let mut work =
            Work::new(H::NAME, &record.source, trace, self.now, view).with_bucket(self.bucket);
        let verdict = catch_unwind(AssertUnwindSafe(|| self.handler.decide(record, &mut work)))
            .unwrap_or_else(|_payload_may_hold_private_values| {
                Err(Rejection::permanent("panic", "the handler panicked"))
            });
        work.finish(verdict)
    }

    fn decide(
        &self,
        place: &Place<'_, H::Event>,
        record: &Record<H::Event>,
        state: &mut State<'_>,
    ) -> Next {
        if place.entry.rounds > ROUNDS_MAX {
            let message = format!("its reads took more than {ROUNDS_MAX} rounds");
            let refusal = Refusal::new("too_many_rounds", message);
            return self.poison(place, refusal, Effects::default(), state);
        }
        let (verdict, mut effects, misses) = self.run(record, &state.view);
        match verdict.and_then(|()| state.view.settle(&mut effects)) {
            Ok(()) => self.accept(place, effects, state),
            Err(rejection) => match rejection.class() {
                Class::NotLoaded => {
                    state.asked(place.index, misses);
                    Next::Wait
                }
                Class::Transient => Next::Settled(Fate::Unfinished(rejection.refusal())),
                Class::Permanent => self.poison(place, rejection.refusal(), effects, state),
            },
        }
    }

    fn accept(&self, place: &Place<'_, H::Event>, effects: Effects, state: &mut State<'_>) -> Next {
        let planned = self.planned(place, Fate::Applied, effects);
        if !fits_a_transaction(&planned) {
            let refusal = Refusal::new("too_large", "its changes do not fit one transaction");
            return self.poison(place, refusal, planned.effects, state);
        }
        state.view.keep(&planned.effects);
        Next::Planned(Box::new(planned))
    }

    /// A record whose event id an earlier record of the batch has.
    fn second_in_batch(
        &self,
        place: &Place<'_, H::Event>,
        first_payload_sha256: &str,
        state: &mut State<'_>,
    ) -> Next {
        if first_payload_sha256 == place.entry.payload_sha256 {
            return Next::Planned(Box::new(self.planned(
                place,
                Fate::Duplicate,
                Effects::default(),
            )));
        }
        self.id_reused(place.index, place.entry, state)
    }

    fn id_reused(&self, index: usize, entry: &Entry<H::Event>, state: &mut State<'_>) -> Next {
        // The event's own marker belongs to the first payload.
        let mut mark = None;
        if let (OnPoison::ParkKey, Some(position)) = (H::ON_POISON, &entry.position) {
            let key = position_marker(H::NAME, self.cluster, position, entry.timestamp_ms);
            match state.standing_by_marker(key, None, self.mode) {
                Standing::Unknown => return Next::Wait,
                Standing::Finished => return Next::Settled(Fate::Duplicate),
                Standing::NotToBeRedriven(refusal) => {
                    return Next::Settled(Fate::Unfinished(refusal));
                }
                Standing::Fresh { mark: place, .. } => mark = place,
                Standing::IdReused | Standing::EpochChanged => {}
            }
        }
        let place = Place {
            index,
            entry,
            mark,
            fence: None,
        };
        if let Some(skip) = &entry.skip {
            return self.skip(&place, skip);
        }
        match state.is_parked::<H>(entry, self.mode) {
            None => Next::Wait,
            Some(true) => self.behind_parked(&place, state),
            Some(false) => {
                let message = "its event id was used for another payload";
                self.poison(
                    &place,
                    Refusal::new("event_id_reused", message),
                    Effects::default(),
                    state,
                )
            }
        }
    }

    fn poison(
        &self,
        place: &Place<'_, H::Event>,
        refusal: Refusal,
        effects: Effects,
        state: &mut State<'_>,
    ) -> Next {
        let reads = effects.into_reads();
        if self.mode == Mode::Unpark {
            return self.stay_parked(place, refusal, state);
        }
        let can_park = self.mode == Mode::Deliver
            && place.entry.ordering_key.is_some()
            && place.entry.position.is_some();
        if H::ON_POISON == OnPoison::ParkKey && can_park {
            return self.park(place, Some(refusal), reads, state);
        }
        let Ok(mark) = self.mark_put_aside(place, Mark::DeadLettered, state) else {
            return Next::Wait;
        };
        Next::Planned(Box::new(committable(Planned {
            letter: true,
            mark,
            ..self.planned(place, Fate::DeadLettered(refusal), reads)
        })))
    }

    /// A parked record that fails again stays where it is, and what is behind it too.
    fn stay_parked(
        &self,
        place: &Place<'_, H::Event>,
        refusal: Refusal,
        state: &mut State<'_>,
    ) -> Next {
        let lane = place.entry.lane(H::DEDUP);
        state.blocked.extend(lane.map(str::to_owned));
        Next::Planned(Box::new(Planned {
            letter: true,
            unparked: Vec::new(),
            ..self.planned(place, Fate::DeadLettered(refusal), Effects::default())
        }))
    }

    /// Puts the record into the store, behind the head of its key or as the head.
    fn park(
        &self,
        place: &Place<'_, H::Event>,
        head: Option<Refusal>,
        reads: Effects,
        state: &mut State<'_>,
    ) -> Next {
        let (Some(position), Some(ordering_key)) =
            (&place.entry.position, &place.entry.ordering_key)
        else {
            return Next::Settled(Fate::Unfinished(Refusal::new(
                "no_key",
                "it has no key to park",
            )));
        };
        let record = ParkedRecord {
            function: H::NAME,
            cluster: self.cluster,
            ordering_key,
            position,
            timestamp_ms: place.entry.timestamp_ms,
            raw: &place.entry.raw,
            head: head.as_ref(),
            at: self.now,
        };
        let Some(rows) = record.rows() else {
            let refusal = Refusal::new("too_large_to_park", "it is too large to be parked");
            return Next::Settled(Fate::Unfinished(refusal));
        };
        // Its mark may have another name than then: code that was changed since may read its id, or no longer.
        match rows.first().map(|row| state.loaded(&row.key)) {
            Some(None) => return Next::Wait,
            Some(Some(true)) => return Next::Settled(Fate::Duplicate),
            Some(Some(false)) | None => {}
        }
        state.parked.insert(ordering_key.clone());
        let Ok(mark) = self.mark_put_aside(place, Mark::Parked, state) else {
            return Next::Wait;
        };
        let parking = Parking {
            flag: flag_key(H::NAME, ordering_key),
            rows,
        };
        let letter = head.is_some();
        let fate = head.map_or(Fate::Parked, Fate::DeadLettered);
        Next::Planned(Box::new(committable(Planned {
            letter,
            mark,
            parking: Some(parking),
            ..self.planned(place, fate, reads)
        })))
    }

    fn planned(&self, place: &Place<'_, H::Event>, fate: Fate, effects: Effects) -> Planned {
        let mark = match fate {
            Fate::Applied => self.mark(place, Mark::Applied),
            Fate::Duplicate
            | Fate::Ignored
            | Fate::Parked
            | Fate::DeadLettered(_)
            | Fate::Unfinished(_) => None,
        };
        Planned {
            index: place.index,
            fate,
            letter: false,
            effects,
            mark,
            fence: place.fence.clone(),
            parking: None,
            unparked: place.entry.rows.clone(),
            lane: place.entry.lane(H::DEDUP).map(str::to_owned),
            same_event: place.mark.as_ref().map(|mark| mark.key.clone()),
        }
    }
}

/// A refusal with the checks of what it rests on, without them where they alone fill a transaction: a record
/// that reads so much would otherwise never be finished.
fn committable(planned: Planned) -> Planned {
    if fits_a_transaction(&planned) {
        return planned;
    }
    let effects = Effects {
        items: BTreeMap::default(),
        ..planned.effects
    };
    Planned { effects, ..planned }
}

/// A fresh record with the names of its marks.
struct Place<'a, E> {
    index: usize,
    entry: &'a Entry<E>,
    mark: Option<MarkPlace>,
    fence: Option<(ItemKey, Fence)>,
}
