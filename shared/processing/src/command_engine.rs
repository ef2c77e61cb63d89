//! Running a [`Command`]: the engine's rounds, packing and transactions, for one unit of work that is no record.
//!
//! A call leaves a marker, keyed by function and id, that holds the hash of its payload and its answer. Of calls
//! that run at once under one id, one commits; the others find its marker. There is no dead letter: whoever
//! asked is told.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use event_schema::Timestamp;
use serde_json::{Value, json};

use crate::batch::Fate;
use crate::command::{Call, Command, CommandError, Done};
use crate::deadline::Deadline;
use crate::engine::{ATTEMPTS_MAX, Invocation};
use crate::loader::Loader;
use crate::mark::{Mark, body, marker_has_payload, state_key};
use crate::pack::{Packing, fits_a_transaction};
use crate::payload::Keeper;
use crate::plan::{Planned, ROUNDS_MAX};
use crate::ports::{NoPayloads, Payloads, Timer};
use crate::record::{Source, sha256_hex};
use crate::rejection::{Refusal, Rejection};
use crate::report::Effort;
use crate::store::{Change, Expect, ItemKey, PARTITION_KEY_BYTES_MAX, Store, Stored, Write};
use crate::transact::{NotCommitted, Transactor};
use crate::view::{Cache, Effects, ItemEffect, Misses, View};
use crate::work::Work;

/// How long an answer is kept for calls that come again, in seconds: a day.
pub const ANSWERS_KEPT_SECONDS: i64 = 24 * 60 * 60;
/// Bytes of an answer, as JSON.
pub const ANSWER_BYTES_MAX: usize = 10_000;
/// Bytes of a call's id: what its marker's key has room for.
pub const CALL_ID_BYTES_MAX: usize = 1_024;

/// Runs a [`Command`] over a store and a clock, and a bucket for large events where there is one.
pub struct CommandEngine<C, S, T, P = NoPayloads> {
    command: C,
    store: S,
    timer: T,
    payloads: P,
    /// Time that is kept free at the end of an invocation for its answer.
    deadline_margin: Duration,
}

/// What one call has between its attempts.
struct Run {
    deadline: Deadline,
    now: Timestamp,
    /// Unique to the invocation and the call, fit for a key.
    id: String,
    marker: ItemKey,
    payload_sha256: String,
    effort: Effort,
    /// Items to load although the handler does not ask for them: their guards failed.
    guarded: HashSet<ItemKey>,
}

/// What a handler makes of what is loaded.
type Decided<A> = (Result<A, Rejection>, Effects, Misses);

/// How loading and deciding ended.
enum Settled<A> {
    /// The call was finished before.
    Repeated(Value),
    Fresh(A, Effects),
}

impl<C: Command, S: Store, T: Timer> CommandEngine<C, S, T> {
    /// Puts an engine together.
    pub fn new(command: C, store: S, timer: T, deadline_margin: Duration) -> Self {
        Self {
            command,
            store,
            timer,
            payloads: NoPayloads,
            deadline_margin,
        }
    }
}

impl<C: Command, S: Store, T: Timer, P: Payloads> CommandEngine<C, S, T, P> {
    /// The same engine over a bucket for events that are too large for a row.
    #[must_use]
    pub fn with_payloads<Q: Payloads>(self, payloads: Q) -> CommandEngine<C, S, T, Q> {
        CommandEngine {
            command: self.command,
            store: self.store,
            timer: self.timer,
            payloads,
            deadline_margin: self.deadline_margin,
        }
    }

    /// Runs one call, until it has its answer or the invocation's time is over.
    ///
    /// # Errors
    /// [`CommandError`]; unless it is [`CommandError::Unfinished`], nothing was done.
    pub async fn call(
        &self,
        call: &Call<'_, C::Request>,
        invocation: &Invocation,
    ) -> Result<Done<C::Answer>, CommandError> {
        let mut run = self.start(call, invocation)?;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                let near = |_| unfinished("deadline", "no time was left to decide it again");
                (run.deadline.pause(&self.timer, attempt, &run.id).await).map_err(near)?;
            }
            if let Some(done) = self.attempt(attempt, call, &mut run).await? {
                return Ok(done);
            }
        }
        let message = format!("what it was decided on changed {ATTEMPTS_MAX} times");
        Err(unfinished("conflict", message))
    }

    /// Looks at items without changing any: `look` reads as a handler does, by rounds.
    ///
    /// # Errors
    /// [`CommandError`]; a `look` that changes or publishes something is refused (`not_a_read`).
    pub async fn read<A>(
        &self,
        look: impl Fn(&mut Work<'_>) -> Result<A, Rejection>,
        invocation: &Invocation,
    ) -> Result<A, CommandError> {
        let now = self.timer.now();
        let source = Source::call(&invocation.request_id);
        let deadline = Deadline::new(invocation.deadline, self.deadline_margin);
        let loader = self.loader(deadline, &invocation.request_id);
        let (mut cache, mut effort) = (Cache::default(), Effort::default());
        for _ in 0..=ROUNDS_MAX {
            let view = View::new(&cache);
            let work = Work::new(C::NAME, &source, None, now, &view);
            let (verdict, effects, misses) = decided(work, &look);
            if !misses.is_empty() {
                let done = loader.load(misses, &mut cache, &mut effort).await;
                done.map_err(CommandError::Unfinished)?;
                continue;
            }
            let changes = effects.items.values().any(ItemEffect::changes);
            if changes || !effects.published.is_empty() {
                return Err(refused("not_a_read", "a read changes nothing"));
            }
            return verdict.map_err(|rejection| CommandError::Refused(rejection.refusal()));
        }
        Err(too_many_rounds())
    }

    fn start(
        &self,
        call: &Call<'_, C::Request>,
        invocation: &Invocation,
    ) -> Result<Run, CommandError> {
        let marker = state_key(format!("{}#call#{}", C::NAME, call.id), "mark");
        let is_right = (1..=CALL_ID_BYTES_MAX).contains(&call.id.len());
        if !is_right || marker.partition.len() > PARTITION_KEY_BYTES_MAX {
            return Err(refused("invalid_id", "the id is empty or too long"));
        }
        let name = format!("{}\n{}\n{}", invocation.request_id, C::NAME, call.id);
        Ok(Run {
            deadline: Deadline::new(invocation.deadline, self.deadline_margin),
            now: self.timer.now(),
            id: sha256_hex(name.as_bytes()).chars().take(16).collect(),
            marker,
            payload_sha256: sha256_hex(call.payload),
            effort: Effort::default(),
            guarded: HashSet::new(),
        })
    }

    /// Decides and commits once; `None` if something changed meanwhile.
    async fn attempt(
        &self,
        attempt: u32,
        call: &Call<'_, C::Request>,
        run: &mut Run,
    ) -> Result<Option<Done<C::Answer>>, CommandError> {
        let mut cache = Cache::default();
        let (answer, effects) = match self.settle(call, run, &mut cache).await? {
            Settled::Repeated(answer) => return Ok(Some(repeated(answer, run.effort)?)),
            Settled::Fresh(answer, effects) => (answer, effects),
        };
        let planned = planned(effects, marker(&answer, run)?);
        if !fits_a_transaction(&planned) {
            let message = "its changes do not fit one transaction";
            return Err(refused("too_large", message));
        }
        self.keep(run.deadline, &planned.effects).await?;
        // Stamped after the load: what was committed before it was seen has an earlier stamp.
        let stamp_ms = self.timer.now().as_ms();
        let packing = Packing {
            cache: &cache,
            now: run.now,
            outbox_order: &format!("{stamp_ms:015}-{}-{attempt:02}", run.id),
            isolate: false,
        };
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
        };
        // One record is one chain of one step.
        for step in packing.pack(vec![planned]).into_iter().flatten() {
            let name = format!("{}-{attempt}", run.id);
            let committed = transactor.commit(&step.writes, &name, &mut run.effort);
            match committed.await {
                Ok(()) => {}
                Err(NotCommitted::Changed { guarded }) => {
                    run.guarded.extend(guarded);
                    return Ok(None);
                }
                Err(NotCommitted::Unfinished(refusal)) => {
                    return Err(CommandError::Unfinished(refusal));
                }
                Err(NotCommitted::Invalid(message)) => {
                    return Err(refused("store_refused", message));
                }
            }
        }
        Ok(Some(Done {
            answer,
            is_repeated: false,
            effort: run.effort,
        }))
    }

    /// Decides until nothing is missing; the marker is loaded with what the first run asks for.
    async fn settle(
        &self,
        call: &Call<'_, C::Request>,
        run: &mut Run,
        cache: &mut Cache,
    ) -> Result<Settled<C::Answer>, CommandError> {
        let source = Source::call(call.id);
        let loader = self.loader(run.deadline, &run.id);
        let mut wanted = run.guarded.clone();
        wanted.insert(run.marker.clone());
        for _ in 0..=ROUNDS_MAX {
            let view = View::new(cache);
            let work = Work::new(C::NAME, &source, call.traceparent, run.now, &view)
                .with_bucket(self.payloads.bucket());
            let decide = |work: &mut Work<'_>| self.command.decide(call.request, work);
            let (verdict, mut effects, mut misses) = decided(work, decide);
            misses.keys.extend(wanted.drain());
            if misses.is_empty() {
                let settled = verdict.and_then(|answer| {
                    view.settle(&mut effects)?;
                    Ok(Settled::Fresh(answer, effects))
                });
                return settled.map_err(|rejection| CommandError::Refused(rejection.refusal()));
            }
            let done = loader.load(misses, cache, &mut run.effort).await;
            done.map_err(CommandError::Unfinished)?;
            if let Some(Some(marker)) = cache.items.get(&run.marker) {
                return earlier(marker, &run.payload_sha256);
            }
        }
        Err(too_many_rounds())
    }

    /// Keeps the large events, before anything tells of them.
    async fn keep(&self, deadline: Deadline, effects: &Effects) -> Result<(), CommandError> {
        let keeper = Keeper {
            payloads: &self.payloads,
            timer: &self.timer,
            deadline,
        };
        let unkept = keeper.keep(effects.overflows()).await;
        match unkept.into_values().next() {
            Some(refusal) => Err(CommandError::Unfinished(refusal)),
            None => Ok(()),
        }
    }

    fn loader<'a>(&'a self, deadline: Deadline, salt: &'a str) -> Loader<'a, S, T> {
        Loader {
            store: &self.store,
            timer: &self.timer,
            deadline,
            salt,
        }
    }
}

/// Runs a handler, or what only looks.
fn decided<A>(
    mut work: Work<'_>,
    decide: impl Fn(&mut Work<'_>) -> Result<A, Rejection>,
) -> Decided<A> {
    let mut answer = None;
    let verdict = catch_unwind(AssertUnwindSafe(|| decide(&mut work)))
        .unwrap_or_else(|_payload_may_hold_private_values| {
            Err(Rejection::permanent("panic", "the handler panicked"))
        })
        .map(|found| answer = Some(found));
    let (verdict, effects, misses) = work.finish(verdict);
    let verdict = verdict.and_then(|()| answer.ok_or_else(Rejection::not_loaded));
    (verdict, effects, misses)
}

/// What a marker that is there already says of this call.
fn earlier<A>(marker: &Stored, payload_sha256: &str) -> Result<Settled<A>, CommandError> {
    if !marker_has_payload(marker, payload_sha256) {
        return Err(CommandError::IdReused);
    }
    let text = marker.body.get("answer").and_then(Value::as_str);
    let answer = text.and_then(|text| serde_json::from_str(text).ok());
    answer.map(Settled::Repeated).ok_or_else(unreadable)
}

fn repeated<A: serde::de::DeserializeOwned>(
    answer: Value,
    effort: Effort,
) -> Result<Done<A>, CommandError> {
    let answer = serde_json::from_value(answer).map_err(|_values_are_private| unreadable())?;
    Ok(Done {
        answer,
        is_repeated: true,
        effort,
    })
}

fn marker<A: serde::Serialize>(answer: &A, run: &Run) -> Result<Write, CommandError> {
    let text = serde_json::to_string(answer)
        .map_err(|_values_are_private| refused("answer_not_storable", "it is no JSON"))?;
    if text.len() > ANSWER_BYTES_MAX {
        let message = format!(
            "the answer has {} bytes of at most {ANSWER_BYTES_MAX}",
            text.len()
        );
        return Err(refused("answer_not_storable", message));
    }
    Ok(Write {
        key: run.marker.clone(),
        expect: Expect::Absent,
        change: Change::Put(body(json!({
            "mark": Mark::Applied.as_str(),
            "payload_sha256": run.payload_sha256,
            "answer": text,
            "at": run.now.to_string(),
            "expires_at": run.now.as_ms() / 1_000 + ANSWERS_KEPT_SECONDS,
        }))),
    })
}

fn planned(effects: Effects, mark: Write) -> Planned {
    Planned {
        index: 0,
        fate: Fate::Applied,
        letter: false,
        effects,
        mark: Some(mark),
        fence: None,
        parking: None,
        unparked: Vec::new(),
        lane: None,
        same_event: None,
    }
}

fn refused(code: &'static str, message: impl Into<String>) -> CommandError {
    CommandError::Refused(Refusal::new(code, message))
}

fn unfinished(code: &'static str, message: impl Into<String>) -> CommandError {
    CommandError::Unfinished(Refusal::new(code, message))
}

fn too_many_rounds() -> CommandError {
    let message = format!("its reads took more than {ROUNDS_MAX} rounds");
    refused("too_many_rounds", message)
}

fn unreadable() -> CommandError {
    refused(
        "answer_unreadable",
        "a stored answer is not what the command answers",
    )
}
