//! A batch as one unit of work, for handlers that [`Decide`]: decode, load, decide, pack, commit, answer.
//!
//! The steps are in the files that they are named after. This one says in which order they run and when
//! they run again.

mod parts;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use event_schema::{Incoming, Timestamp, catalogue};
use msk_event::{EventError, KafkaEvent, Redrive};

use crate::batch::{Batch, Entry, Fate};
use crate::commit::{ChainEnd, Committer};
use crate::dead_letter::{DeadLetter, Failures, Origin};
use crate::deadline::Deadline;
use crate::decide::Decide;
use crate::loader::Loader;
use crate::mark::{Fence, is_fence};
use crate::pack::Packing;
use crate::plan::{Mode, Planned, Planner};
use crate::ports::{DeadLetters, NoPayloads, Payloads, Timer};
use crate::record::sha256_hex;
use crate::rejection::Refusal;
use crate::report::{Effort, Processed};
use crate::store::{ItemKey, Store};
use crate::transact::Transactor;
use crate::view::{Cache, Misses};

/// Times that a record is decided when others keep changing what it was decided on.
pub const ATTEMPTS_MAX: u32 = 8;
/// How long marks are kept: a topic's retention of 7 days and the 14 days in which a dead letter can be
/// put back.
pub const MARKS_KEPT_SECONDS: i64 = catalogue::MARKS_KEPT_SECONDS.cast_signed();

/// What Lambda says of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Unique to the invocation.
    pub request_id: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Whether the mapping heeds the batch response (`ReportBatchItemFailures`, provisioned pollers).
    /// Without it, anything unfinished fails the invocation: Lambda would ignore the list and commit.
    pub partial_batch_response: bool,
    /// Time that is kept free at the end of an invocation for its answer.
    pub deadline_margin: Duration,
    /// The version of the code, for dead letters.
    pub code_version: String,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            partial_batch_response: false,
            deadline_margin: Duration::from_secs(2),
            code_version: String::from("unknown"),
        }
    }
}

/// Processes an invocation's payload, from the JSON that Lambda sends to the answer that it expects.
pub trait Processor: Send + Sync + 'static {
    /// The function's name.
    fn name(&self) -> &'static str;

    /// Processes a batch. It does not fail over records: what becomes of each is in the result.
    ///
    /// # Errors
    /// Fails if the payload is not a Kafka event at all; the invocation has to fail then.
    fn process(
        &self,
        payload: &[u8],
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Processed, EventError>> + Send;
}

/// Runs a [`Decide`] handler over a store, a dead-letter queue and a clock, and a bucket for large values where there
/// is one.
pub struct DecideEngine<H, S, D, T, P = NoPayloads> {
    handler: H,
    pub(crate) store: S,
    dead_letters: D,
    pub(crate) timer: T,
    payloads: P,
    settings: EngineSettings,
}

/// One invocation's state between attempts.
pub(crate) struct Run<E> {
    pub(crate) batch: Batch<E>,
    mode: Mode,
    pub(crate) deadline: Deadline,
    now: Timestamp,
    /// Unique to the invocation, fit for a key.
    pub(crate) id: String,
    pub(crate) effort: Effort,
    /// Epochs of the fences as this invocation knows them.
    epochs: HashMap<ItemKey, i64>,
    /// Items to load although no handler asks for them: their guards failed.
    guarded: HashSet<ItemKey>,
    isolate: bool,
    /// Keys of the large events that are kept already.
    kept: HashSet<String>,
}

impl<H: Decide, S: Store, D: DeadLetters, T: Timer> DecideEngine<H, S, D, T> {
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

impl<H: Decide, S: Store, D: DeadLetters, T: Timer, P: Payloads> DecideEngine<H, S, D, T, P> {
    /// The same engine over a bucket for values that are too large to travel in an event.
    #[must_use]
    pub fn with_payloads<Q: Payloads>(self, payloads: Q) -> DecideEngine<H, S, D, T, Q> {
        DecideEngine {
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
        let mode = match &event.redrive {
            None => Mode::Deliver,
            Some(Redrive {
                parked_key: Some(key),
                skip_head,
                ..
            }) => {
                return self.unpark(key, skip_head.as_ref(), invocation).await;
            }
            Some(Redrive {
                parked_key: None, ..
            }) => Mode::Redrive,
        };
        let batch = Batch::decode(&event, H::DEDUP, now);
        let mut run = self.start(batch, mode, invocation);
        self.finish(&mut run).await;
        let partial = self.settings.partial_batch_response;
        Processed::of(run.batch, H::DEDUP, run.effort, partial)
    }

    pub(crate) fn start(
        &self,
        batch: Batch<H::Event>,
        mode: Mode,
        invocation: &Invocation,
    ) -> Run<H::Event> {
        let id = sha256_hex(invocation.request_id.as_bytes())
            .chars()
            .take(16)
            .collect();
        Run {
            batch,
            mode,
            deadline: Deadline::new(invocation.deadline, self.settings.deadline_margin),
            now: self.timer.now(),
            id,
            effort: Effort::default(),
            epochs: HashMap::new(),
            guarded: HashSet::new(),
            isolate: false,
            kept: HashSet::new(),
        }
    }

    /// Decides and commits until every record that is at hand has its fate.
    async fn finish_part(&self, run: &mut Run<H::Event>) {
        for attempt in 0..ATTEMPTS_MAX {
            if run.batch.pending().next().is_none() {
                break;
            }
            if let Err(refusal) = self.attempt(attempt, run).await {
                run.batch.give_up(&refusal);
            }
        }
        let message = format!("what it was decided on changed {ATTEMPTS_MAX} times");
        run.batch.give_up(&Refusal::new("conflict", message));
    }

    /// Decides and commits all pending records once.
    async fn attempt(&self, attempt: u32, run: &mut Run<H::Event>) -> Result<(), Refusal> {
        if attempt > 0 {
            let near = |_| Refusal::new("deadline", "no time was left to decide it again");
            run.deadline
                .pause(&self.timer, attempt, &run.id)
                .await
                .map_err(near)?;
        }
        run.batch.forget_rounds();
        let mut cache = Cache::default();
        let planned = self.plan(run, &mut cache).await?;
        let unkept = self.keep(run, &planned).await;
        // Stamped after the load: what was committed before it was seen has an earlier stamp.
        let stamp_ms = self.timer.now().as_ms();
        let packing = Packing {
            cache: &cache,
            now: run.now,
            outbox_order: &format!("{stamp_ms:015}-{}-{attempt:02}", run.id),
            isolate: run.isolate,
        };
        let chains = packing.pack(planned);
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
        };
        let name = format!("{}-{attempt}", run.id);
        let committer = Committer {
            transactor,
            dead_letters: &self.dead_letters,
            unkept: &unkept,
            name,
        };
        let cluster = run.batch.cluster.clone();
        let letter = |planned: &Planned, entry: &Entry<H::Event>| {
            self.dead_letter(planned, entry, &cluster, run.now)
        };
        let ends = committer
            .commit_all(chains, &run.batch.entries, letter)
            .await;
        for end in ends {
            run.settle(end);
        }
        Ok(())
    }

    /// Keeps the large events, before anything tells of them; those that could not be kept, by their keys.
    async fn keep(&self, run: &mut Run<H::Event>, planned: &[Planned]) -> HashMap<String, Refusal> {
        let overflows = planned
            .iter()
            .flat_map(|planned| planned.effects.overflows());
        let new: Vec<_> = overflows
            .filter(|overflow| !run.kept.contains(overflow.check.key()))
            .collect();
        let unkept = self.keeper(run).keep(new.iter().copied()).await;
        let keys = new.iter().map(|overflow| overflow.check.key());
        let kept = keys.filter(|key| !unkept.contains_key(*key));
        run.kept.extend(kept.map(str::to_owned));
        unkept
    }

    /// Passes over the batch until nothing is missing.
    async fn plan(
        &self,
        run: &mut Run<H::Event>,
        cache: &mut Cache,
    ) -> Result<Vec<Planned>, Refusal> {
        let loader = Loader {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
            salt: &run.id.clone(),
        };
        if !run.guarded.is_empty() {
            let misses = Misses {
                keys: run.guarded.clone(),
                ..Misses::default()
            };
            loader.load(misses, cache, &mut run.effort).await?;
        }
        loop {
            let planner = Planner {
                handler: &self.handler,
                mode: run.mode,
                cluster: &run.batch.cluster,
                now: run.now,
                marks_kept_seconds: MARKS_KEPT_SECONDS,
                epochs: &run.epochs,
                bucket: self.payloads.bucket(),
            };
            let pass = planner.pass(&run.batch.entries, cache);
            if pass.misses.is_empty() {
                for (index, fate) in pass.settled {
                    run.batch.set_fate(index, fate);
                }
                run.note_epochs(cache);
                return Ok(pass.planned);
            }
            run.batch.count_rounds(&pass.asked);
            loader.load(pass.misses, cache, &mut run.effort).await?;
        }
    }

    fn dead_letter(
        &self,
        planned: &Planned,
        entry: &Entry<H::Event>,
        cluster: &str,
        now: Timestamp,
    ) -> Option<DeadLetter> {
        let Fate::DeadLettered(refusal) = &planned.fate else {
            return None;
        };
        let failures = Failures {
            attempts: 1,
            first_at: now,
            last_at: now,
        };
        let origin = Origin {
            function: H::NAME,
            cluster,
            code_version: &self.settings.code_version,
        };
        Some(origin.letter(entry, refusal, failures))
    }
}

impl<E: Incoming> Run<E> {
    fn note_epochs(&mut self, cache: &Cache) {
        for (key, stored) in &cache.items {
            if let Some(fence) = is_fence(key)
                .then(|| Fence::read(stored.as_ref()))
                .flatten()
            {
                self.epochs.insert(key.clone(), fence.epoch);
            }
        }
    }

    fn settle(&mut self, chain: ChainEnd) {
        self.effort += chain.effort;
        self.guarded.extend(chain.guarded);
        self.isolate |= chain.isolate;
        for planned in chain.committed {
            if let Some((key, fence)) = planned.fence {
                let known = self.epochs.insert(key, fence.epoch);
                self.effort.new_epochs += u32::from(known != Some(fence.epoch));
            }
            self.batch.set_fate(planned.index, planned.fate);
        }
        for (index, refusal) in chain.unfinished {
            self.batch.set_fate(index, Fate::Unfinished(refusal));
        }
        for (index, refusal) in chain.condemned {
            self.batch.condemn(index, refusal);
        }
    }
}

impl<H: Decide, S: Store, D: DeadLetters, T: Timer, P: Payloads> Processor
    for DecideEngine<H, S, D, T, P>
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
