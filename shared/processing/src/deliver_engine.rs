//! A batch of deliveries: lanes by ordering key side by side, in order inside a lane.

mod delivery;

use std::collections::{HashMap, HashSet};

use event_schema::Timestamp;
use futures_util::{StreamExt, stream};
use msk_event::{EventError, KafkaEvent, Position, Redrive};

use crate::batch::{Batch, Content, Entry, Fate, read_claimed};
use crate::dead_letter::Failures;
use crate::deadline::Deadline;
use crate::decide::Dedup;
use crate::deliver::Deliver;
use crate::engine::{EngineSettings, Invocation, Processor};
use crate::lease::Standing;
use crate::loader::Loader;
use crate::mark::{event_marker, marker_has_payload};
use crate::payload::{Keeper, NotFetched};
use crate::ports::{DeadLetters, NoPayloads, Payloads, Timer};
use crate::record::{Record, sha256_hex};
use crate::rejection::Refusal;
use crate::report::{Effort, Processed, nothing_is_parked};
use crate::store::{ItemKey, Store};
use crate::view::{Cache, Misses};

/// Lanes in which deliveries are under way at once.
pub const LANES_IN_FLIGHT_MAX: usize = 16;

/// Runs a [`Deliver`] handler over a store, a dead-letter queue and a clock, and a bucket for large values where there
/// is one.
pub struct DeliverEngine<H, S, D, T, P = NoPayloads> {
    handler: H,
    store: S,
    dead_letters: D,
    timer: T,
    payloads: P,
    settings: EngineSettings,
}

/// What the lanes of an invocation share.
struct Run<'a, E> {
    batch: &'a Batch<E>,
    deadline: Deadline,
    /// Half of the margin is for writing down what was delivered in the last moment.
    closing: Deadline,
    /// When Lambda ends the invocation: no lease of it lasts longer.
    ends: Timestamp,
    id: String,
    now: Timestamp,
    /// Whether dead letters are put back.
    redrive: bool,
    cache: Cache,
}

/// A record with an id, and the item that holds its lease.
struct Delivery<'a, E> {
    entry: &'a Entry<E>,
    record: &'a Record<E>,
    position: &'a Position,
    marker: ItemKey,
    /// The version of the marker that this invocation wrote or read last.
    version: Option<u64>,
    /// Counts this invocation's writes of the marker.
    writes: u32,
}

impl<H: Deliver, S: Store, D: DeadLetters, T: Timer> DeliverEngine<H, S, D, T> {
    /// Puts an engine together.
    pub fn new(handler: H, store: S, dead_letters: D, timer: T, settings: EngineSettings) -> Self {
        Self {
            handler,
            store,
            dead_letters,
            timer,
            payloads: NoPayloads,
            settings,
        }
    }
}

impl<H: Deliver, S: Store, D: DeadLetters, T: Timer, P: Payloads> DeliverEngine<H, S, D, T, P> {
    /// The same engine over a bucket for values that are too large to travel in an event.
    #[must_use]
    pub fn with_payloads<Q: Payloads>(self, payloads: Q) -> DeliverEngine<H, S, D, T, Q> {
        DeliverEngine {
            handler: self.handler,
            store: self.store,
            dead_letters: self.dead_letters,
            timer: self.timer,
            payloads,
            settings: self.settings,
        }
    }

    async fn run(&self, event: KafkaEvent<'_>, invocation: &Invocation) -> Processed {
        let now = self.timer.now();
        let mut batch = Batch::decode(&event, Dedup::EventId, now);
        let redrive = match &event.redrive {
            Some(Redrive {
                parked_key: Some(_),
                ..
            }) => return nothing_is_parked(),
            redrive => redrive.is_some(),
        };
        let mut effort = Effort::default();
        let deadline = Deadline::new(invocation.deadline, self.settings.deadline_margin);
        let id: String = sha256_hex(invocation.request_id.as_bytes())
            .chars()
            .take(16)
            .collect();
        let loader = Loader {
            store: &self.store,
            timer: &self.timer,
            deadline,
            salt: &id,
        };
        let mut cache = Cache::default();
        let keys = batch
            .entries
            .iter()
            .filter_map(|entry| marker_key::<H>(entry))
            .collect();
        let misses = Misses {
            keys,
            ..Misses::default()
        };
        if let Err(refusal) = loader.load(misses, &mut cache, &mut effort).await {
            batch.give_up(&refusal);
        } else {
            let ends = invocation.deadline;
            let closing = Deadline::new(ends, self.settings.deadline_margin / 2);
            let run = Run {
                batch: &batch,
                deadline,
                closing,
                ends,
                id,
                now,
                redrive,
                cache,
            };
            for lane in self.run_lanes(&run).await {
                effort += lane.effort;
                for (index, fate) in lane.fates {
                    batch.set_fate(index, fate);
                }
            }
        }
        Processed::of(
            batch,
            Dedup::EventId,
            effort,
            self.settings.partial_batch_response,
        )
    }

    async fn run_lanes(&self, run: &Run<'_, H::Event>) -> Vec<LaneEnd> {
        let lanes: Vec<_> = lanes(run.batch)
            .into_iter()
            .map(|lane| self.run_lane(run, lane))
            .collect();
        stream::iter(lanes)
            .buffer_unordered(LANES_IN_FLIGHT_MAX)
            .collect()
            .await
    }

    async fn run_lane(&self, run: &Run<'_, H::Event>, lane: Vec<usize>) -> LaneEnd {
        let mut end = LaneEnd::default();
        let mut blocked = false;
        let mut finished = HashSet::new();
        for index in lane {
            let Some(entry) = run.batch.entries.get(index) else {
                continue;
            };
            let same = marker_key::<H>(entry).map(|marker| (marker, &entry.payload_sha256));
            let fate = if blocked {
                let message = "an earlier record of its order waits";
                Fate::Unfinished(Refusal::new("behind_unfinished", message))
            } else if same.as_ref().is_some_and(|same| finished.contains(same)) {
                Fate::Duplicate
            } else {
                self.finish(run, entry, &mut end.effort).await
            };
            blocked |= matches!(fate, Fate::Unfinished(_));
            finished.extend(same.filter(|_| !blocked));
            end.fates.push((index, fate));
        }
        end
    }

    async fn finish(
        &self,
        run: &Run<'_, H::Event>,
        entry: &Entry<H::Event>,
        effort: &mut Effort,
    ) -> Fate {
        let fetched;
        let content = if matches!(entry.content, Content::Elsewhere) {
            if self.is_finished(run, entry) {
                return Fate::Duplicate;
            }
            match self.fetch(run, entry).await {
                Ok(content) => fetched = content,
                Err(refusal) => return Fate::Unfinished(refusal),
            }
            &fetched
        } else {
            &entry.content
        };
        let record = match content {
            Content::Event(record) => record,
            Content::OtherType => return Fate::Ignored,
            Content::Undecodable(refusal) => {
                let failures = self.failures(1, None);
                return self
                    .bury(run, entry, refusal.clone(), failures, effort)
                    .await;
            }
            Content::Elsewhere => {
                let message = "its value is not at hand";
                return Fate::Unfinished(Refusal::new("payload_unavailable", message));
            }
        };
        let (Some(marker), Some(position)) = (marker_key::<H>(entry), &entry.position) else {
            return Fate::Unfinished(Refusal::new("missing_event_id", "it has no id"));
        };
        let stored = run.cache.items.get(&marker).cloned().flatten();
        if stored
            .as_ref()
            .is_some_and(|marker| !marker_has_payload(marker, &entry.payload_sha256))
        {
            let refusal = Refusal::new(
                "event_id_reused",
                "its event id was used for another payload",
            );
            return self
                .bury(run, entry, refusal, self.failures(1, None), effort)
                .await;
        }
        let version = stored.as_ref().map(|marker| marker.version);
        let delivery = Delivery {
            entry,
            record,
            position,
            marker,
            version,
            writes: 0,
        };
        self.deliver(run, delivery, stored.as_ref(), effort).await
    }

    /// Whether a record was finished before: its value need not be there any more.
    fn is_finished(&self, run: &Run<'_, H::Event>, entry: &Entry<H::Event>) -> bool {
        let marker = marker_key::<H>(entry).and_then(|key| run.cache.items.get(&key)?.as_ref());
        marker.is_some_and(|marker| marker_has_payload(marker, &entry.payload_sha256))
            && matches!(
                Standing::of(marker, run.redrive, self.timer.now()),
                Standing::Finished
            )
    }

    /// Gets a value that lies elsewhere, and makes of it what it is; why it cannot be had now.
    async fn fetch(
        &self,
        run: &Run<'_, H::Event>,
        entry: &Entry<H::Event>,
    ) -> Result<Content<H::Event>, Refusal> {
        let Some(claim) = &entry.claim else {
            return Err(Refusal::new("payload_unavailable", "it has no reference"));
        };
        let keeper = Keeper {
            payloads: &self.payloads,
            timer: &self.timer,
            deadline: run.deadline,
        };
        match keeper.fetch(&claim.check).await {
            Ok(value) => {
                let cluster = &run.batch.cluster;
                Ok(read_claimed(entry, value, cluster, Dedup::EventId, run.now))
            }
            Err(NotFetched::Never(refusal)) => Ok(Content::Undecodable(refusal)),
            Err(NotFetched::Unfinished(refusal)) => Err(refusal),
        }
    }

    fn failures(&self, attempts: u32, first_at: Option<Timestamp>) -> Failures {
        let now = self.timer.now();
        Failures {
            attempts,
            first_at: first_at.unwrap_or(now),
            last_at: now,
        }
    }
}

/// What became of a lane's records, and what it cost.
#[derive(Default)]
struct LaneEnd {
    fates: Vec<(usize, Fate)>,
    effort: Effort,
}

fn marker_key<H: Deliver>(entry: &Entry<H::Event>) -> Option<ItemKey> {
    let id = entry.event_id()?;
    Some(event_marker(H::NAME, id.as_ref()))
}

/// Indexes of the entries of each ordering key, in order; one lane for each record that has no key.
fn lanes<E>(batch: &Batch<E>) -> Vec<Vec<usize>> {
    let mut lanes: Vec<Vec<usize>> = Vec::new();
    let mut lane_of = HashMap::new();
    for (index, entry) in batch.entries.iter().enumerate() {
        let lane = entry.ordering_key.as_deref().map_or(lanes.len(), |key| {
            *lane_of.entry(key).or_insert(lanes.len())
        });
        match lanes.get_mut(lane) {
            Some(members) => members.push(index),
            None => lanes.push(vec![index]),
        }
    }
    lanes
}

impl<H: Deliver, S: Store, D: DeadLetters, T: Timer, P: Payloads> Processor
    for DeliverEngine<H, S, D, T, P>
{
    fn name(&self) -> &'static str {
        H::NAME
    }

    async fn process(
        &self,
        payload: &[u8],
        invocation: &Invocation,
    ) -> Result<Processed, EventError> {
        Ok(self.run(KafkaEvent::read(payload)?, invocation).await)
    }
}
