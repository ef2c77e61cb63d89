//! A batch of deliveries: lanes by ordering key side by side, in order inside a lane.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use event_schema::Timestamp;
use futures_util::{FutureExt, StreamExt, stream};
use msk_event::{EventError, KafkaEvent, Position};

use crate::batch::{Batch, Content, Entry, Fate};
use crate::dead_letter::{Failures, Origin};
use crate::deadline::{Deadline, backoff};
use crate::decide::Dedup;
use crate::deliver::{Attempt, Deliver, Pause};
use crate::engine::{EngineSettings, Invocation, Processor};
use crate::lease::{Identity, Lease, Standing};
use crate::loader::Loader;
use crate::mark::{Mark, event_marker, marker_has_payload};
use crate::ports::{DeadLetters, Timer};
use crate::record::{Record, sha256_hex};
use crate::rejection::{Class, Refusal, Rejection};
use crate::report::{Effort, Processed, redrive_refused};
use crate::store::{Body, Change, Expect, ItemKey, Store, Stored, Write};
use crate::transact::{NotCommitted, Transactor};
use crate::view::{Cache, Misses};

/// Lanes in which deliveries are under way at once.
pub const LANES_IN_FLIGHT_MAX: usize = 16;

/// Runs a [`Deliver`] handler over a store, a dead-letter queue and a clock.
pub struct DeliverEngine<H, S, D, T> {
    handler: H,
    store: S,
    dead_letters: D,
    timer: T,
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
            settings,
        }
    }

    async fn run(&self, event: KafkaEvent<'_>, invocation: &Invocation) -> Processed {
        let now = self.timer.now();
        let mut batch = Batch::decode(&event, Dedup::EventId, now);
        if event.redrive.is_some() {
            return redrive_refused(batch);
        }
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
        let record = match &entry.content {
            Content::Event(record) => record,
            Content::OtherType => return Fate::Ignored,
            Content::Undecodable(refusal) => {
                let failures = self.failures(1, None);
                return self
                    .bury(run, entry, refusal.clone(), failures, effort)
                    .await;
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

    /// Takes the lease, and tries until the delivery is made, put aside, or out of time.
    async fn deliver(
        &self,
        run: &Run<'_, H::Event>,
        mut delivery: Delivery<'_, H::Event>,
        stored: Option<&Stored>,
        effort: &mut Effort,
    ) -> Fate {
        let mut lease = match Standing::of(stored, self.timer.now()) {
            Standing::Finished => return Fate::Duplicate,
            Standing::Held { until } => {
                let message = format!("another invocation delivers it until {until}");
                return Fate::Unfinished(Refusal::new("leased", message));
            }
            Standing::Free(lease) => lease,
            Standing::Fresh => Lease {
                attempts: 0,
                epoch: 0,
                until: run.ends,
                first_failed_at: None,
            },
        };
        let mut last = Refusal::new(
            "delivery_abandoned",
            "an earlier attempt did not say how it ended",
        );
        while lease.attempts < H::RETRY.attempts_max() {
            lease.attempts += 1;
            lease.until = run.ends;
            let taken = self
                .write_lease(run, run.deadline, &mut delivery, &mut lease, effort)
                .await;
            if let Err(refusal) = taken {
                return Fate::Unfinished(refusal);
            }
            match self.attempt(run, &delivery, lease.attempts).await {
                Tried::Delivered => {
                    return self.complete(run, &mut delivery, &lease, effort).await;
                }
                // What was sent, if anything, is not known: the lease runs out by itself.
                Tried::CutOff(refusal) => return Fate::Unfinished(refusal),
                Tried::Refused(refusal) => {
                    last = refusal;
                    break;
                }
                Tried::Failed(refusal) => last = refusal,
            }
            lease.first_failed_at.get_or_insert(self.timer.now());
            let again = lease.attempts < H::RETRY.attempts_max();
            if again && self.pause(run, lease.attempts).await.is_err() {
                return self
                    .release(run, &mut delivery, &mut lease, last, effort)
                    .await;
            }
        }
        self.put_aside(run, &mut delivery, &mut lease, last, effort)
            .await
    }

    async fn attempt(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &Delivery<'_, H::Event>,
        number: u32,
    ) -> Tried {
        let attempt = Attempt {
            token: delivery.record.source.derived_id(H::NAME, 0).to_string(),
            number,
            remaining: run.deadline.remaining(&self.timer),
        };
        let delivering = AssertUnwindSafe(self.handler.deliver(delivery.record, &attempt));
        let result = match run
            .deadline
            .limit(&self.timer, delivering.catch_unwind())
            .await
        {
            Err(_) => {
                let message = "no time was left to deliver it";
                return Tried::CutOff(Refusal::new("deadline", message));
            }
            Ok(Ok(result)) => result,
            Ok(Err(_payload_may_hold_private_values)) => {
                Err(Rejection::permanent("panic", "the handler panicked"))
            }
        };
        match result {
            Ok(()) => Tried::Delivered,
            Err(rejection) => match rejection.class() {
                Class::Permanent => Tried::Refused(rejection.refusal()),
                Class::Transient | Class::NotLoaded => Tried::Failed(rejection.refusal()),
            },
        }
    }

    async fn pause(&self, run: &Run<'_, H::Event>, tries: u32) -> Result<(), ()> {
        let pause = match H::RETRY.pause {
            Pause::Fixed(pause) => pause,
            Pause::Exponential { first, max } => backoff(first, max, tries, &run.id),
        };
        // A try that has no time left to be made is better made by a later invocation.
        if run.deadline.remaining(&self.timer) <= pause.saturating_add(Duration::from_millis(1)) {
            return Err(());
        }
        self.timer.sleep(pause).await;
        Ok(())
    }

    async fn write_lease(
        &self,
        run: &Run<'_, H::Event>,
        deadline: Deadline,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        lease.epoch += 1;
        let body = delivery.identity().leased(lease, self.timer.now());
        self.write_marker(run, deadline, delivery, body, effort)
            .await
    }

    async fn complete(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &Lease,
        effort: &mut Effort,
    ) -> Fate {
        let now = self.timer.now();
        let body = delivery
            .identity()
            .finished(Mark::Applied, lease.attempts, now);
        match self
            .write_marker(run, run.closing, delivery, body, effort)
            .await
        {
            Ok(()) => Fate::Applied,
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    /// Gives the lease back early, so that the next invocation need not wait for its end.
    async fn release(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        last: Refusal,
        effort: &mut Effort,
    ) -> Fate {
        lease.until = self.timer.now();
        // Should this fail, the lease ends with the invocation: the record is unfinished either way.
        match self
            .write_lease(run, run.closing, delivery, lease, effort)
            .await
        {
            Ok(()) => Fate::Unfinished(last),
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    /// Dead letter first, then the mark.
    async fn put_aside(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        refusal: Refusal,
        effort: &mut Effort,
    ) -> Fate {
        let failures = self.failures(lease.attempts, lease.first_failed_at);
        let fate = self
            .bury(run, delivery.entry, refusal, failures, effort)
            .await;
        if let Fate::Unfinished(refusal) = fate {
            return self.release(run, delivery, lease, refusal, effort).await;
        }
        let now = self.timer.now();
        let body = delivery
            .identity()
            .finished(Mark::DeadLettered, lease.attempts, now);
        match self
            .write_marker(run, run.closing, delivery, body, effort)
            .await
        {
            Ok(()) => fate,
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    async fn bury(
        &self,
        run: &Run<'_, H::Event>,
        entry: &Entry<H::Event>,
        refusal: Refusal,
        failures: Failures,
        effort: &mut Effort,
    ) -> Fate {
        let origin = Origin {
            function: H::NAME,
            cluster: &run.batch.cluster,
            code_version: &self.settings.code_version,
        };
        let letters = [origin.letter(entry, &refusal, failures)];
        effort.dead_letter_sends += 1;
        let sent = run
            .deadline
            .limit(&self.timer, self.dead_letters.send(&letters))
            .await;
        match sent.ok().and_then(|results| results.into_iter().next()) {
            Some(Ok(())) => Fate::DeadLettered(refusal),
            Some(Err(error)) => Fate::Unfinished(Refusal::of(error.code(), &error)),
            None => {
                let message = "the queue gave no answer in time";
                Fate::Unfinished(Refusal::new("dead_letter_unsent", message))
            }
        }
    }

    async fn write_marker(
        &self,
        run: &Run<'_, H::Event>,
        deadline: Deadline,
        delivery: &mut Delivery<'_, H::Event>,
        body: Body,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        let write = Write {
            key: delivery.marker.clone(),
            expect: delivery.version.map_or(Expect::Absent, Expect::Version),
            change: Change::Put(body),
        };
        delivery.writes += 1;
        let name = format!(
            "{}-{}-{}",
            run.id, delivery.marker.partition, delivery.writes
        );
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline,
        };
        match transactor.commit(&[write], &name, effort).await {
            Ok(()) => {
                delivery.version = Some(delivery.version.unwrap_or(0) + 1);
                Ok(())
            }
            Err(NotCommitted::Changed { .. }) => Err(Refusal::new(
                "lease_lost",
                "another invocation took the delivery over",
            )),
            Err(NotCommitted::Invalid(message)) => Err(Refusal::new("store_refused", message)),
            Err(NotCommitted::Unfinished(refusal)) => Err(refusal),
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

/// How an attempt ended.
enum Tried {
    Delivered,
    Failed(Refusal),
    Refused(Refusal),
    CutOff(Refusal),
}

impl<E> Delivery<'_, E> {
    fn identity(&self) -> Identity<'_> {
        Identity {
            payload_sha256: &self.entry.payload_sha256,
            position: self.position,
        }
    }
}

fn marker_key<H: Deliver>(entry: &Entry<H::Event>) -> Option<ItemKey> {
    let id = entry.record()?.event_id.as_ref()?;
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

impl<H: Deliver, S: Store, D: DeadLetters, T: Timer> Processor for DeliverEngine<H, S, D, T> {
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
