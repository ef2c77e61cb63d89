//! The engine's ports as an invocation meets them: every call takes time, and any of them may go wrong
//! before or after it has had its effect.

use std::future::pending;
use std::time::Duration;

use event_schema::Timestamp;
use processing::{
    Cancellation, Cause, CommitError, DeadLetter, DeadLetterError, DeadLetters, ItemKey, Query,
    Store, StoreError, Stored, Timer, Transaction,
};
use testkit::{MemoryDeadLetters, MemoryStore};

use crate::faults::{ANY_CALL, Fault};
use crate::sim::{Sim, TaskId};

const READ: [Fault; 2] = [Fault::ReadRefused, Fault::ReadThrottled];
const COMMIT: [Fault; 6] = [
    Fault::CommitRefused,
    Fault::CommitThrottled,
    Fault::CommitConflicts,
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::LandsLate,
];
const SEND: [Fault; 3] = [
    Fault::LetterRefused,
    Fault::LettersPartly,
    Fault::LetterAnswerLost,
];

/// The most that a clock is wrong, either way; two clocks differ by less than the engine's margin of 2 s,
/// which is what leases rest on.
pub(crate) const SKEW_MS_MAX: i64 = 900;

/// One invocation's way to everything outside it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) sim: Sim,
    /// The invocation.
    pub(crate) task: TaskId,
    /// Whether the function's code is the mended one.
    pub(crate) fixed: bool,
}

/// The clock of one execution environment, which may be wrong.
#[derive(Clone)]
pub(crate) struct SimTimer {
    line: Line,
    skew_ms: i64,
}

impl Timer for SimTimer {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.line.sim.now_ms() + self.skew_ms)
    }

    async fn sleep(&self, duration: Duration) {
        self.line.sim.sleep(duration).await;
        self.line.waited().await;
    }
}

/// What has been drawn for one call.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// A fault that only this kind of call knows.
    pub(crate) own: Option<Fault>,
    any: Option<Fault>,
    /// Whether a call that hangs has its effect first.
    hangs_after: bool,
}

impl Line {
    /// Draws what becomes of a call, and does what happens before its effect.
    pub(crate) async fn before(&self, what: &str, own: &[Fault]) -> Turn {
        let turn = Turn {
            own: self.sim.fault(own),
            any: self.sim.fault(&ANY_CALL),
            hangs_after: self.sim.chance(50),
        };
        if turn.own.is_some() || turn.any.is_some() {
            let faults = [turn.own, turn.any];
            self.sim
                .note(|| format!("#{} {what}: {faults:?}", self.task));
        }
        self.sim.latency().await;
        self.note_trouble(turn);
        match turn.any {
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::FreezeBefore) => self.freeze().await,
            Some(Fault::Slow) => {
                let ms = self.sim.below(12_000);
                self.sim.sleep_ms(ms).await;
            }
            Some(Fault::Hangs) if !turn.hangs_after => pending().await,
            _ => {}
        }
        turn
    }

    /// Does what happens between a call's effect and its answer.
    pub(crate) async fn after(&self, turn: Turn) {
        self.note_trouble(turn);
        match turn.any {
            Some(Fault::CrashAfter) => self.crash().await,
            Some(Fault::FreezeAfter) => self.freeze().await,
            Some(Fault::Hangs) => pending().await,
            _ => {}
        }
        self.sim.latency().await;
    }

    /// The invocation's clock.
    pub(crate) fn timer(&self) -> SimTimer {
        let width = u64::try_from(2 * SKEW_MS_MAX).unwrap();
        let is_skewed = self.sim.fault(&[Fault::ClockSkew]).is_some();
        let skew_ms = if is_skewed {
            i64::try_from(self.sim.below(width)).unwrap() - SKEW_MS_MAX
        } else {
            0
        };
        SimTimer {
            line: self.clone(),
            skew_ms,
        }
    }

    /// Does what happens at the end of a pause.
    async fn waited(&self) {
        let fault = self.sim.fault(&[Fault::CrashWaiting, Fault::FreezeWaiting]);
        if let Some(fault) = fault {
            self.sim.note(|| format!("#{} pause: {fault:?}", self.task));
            self.sim.trouble(self.task);
        }
        match fault {
            Some(Fault::CrashWaiting) => self.crash().await,
            Some(Fault::FreezeWaiting) => self.freeze().await,
            _ => {}
        }
    }

    /// Trouble counts when it is felt, not when it is drawn.
    fn note_trouble(&self, turn: Turn) {
        if turn.own.is_some() || turn.any.is_some() {
            self.sim.trouble(self.task);
        }
    }

    async fn crash(&self) {
        self.sim.kill(self.task);
        pending::<()>().await;
    }

    async fn freeze(&self) {
        let ms = 1_000 + self.sim.below(90_000);
        self.sim.freeze(self.task, Duration::from_millis(ms));
        // Gives the executor a chance to leave it where it stands.
        self.sim.sleep_ms(1).await;
    }
}

/// The store as one invocation reaches it.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub(crate) line: Line,
    pub(crate) inner: MemoryStore,
}

impl SimStore {
    async fn read<R>(
        &self,
        what: &str,
        read: impl Future<Output = Result<R, StoreError>>,
    ) -> Result<R, StoreError> {
        let turn = self.line.before(what, &READ).await;
        let answer = match turn.own {
            Some(Fault::ReadRefused) => Err(StoreError::Unavailable(on_purpose())),
            Some(Fault::ReadThrottled) => Err(StoreError::Throttled(on_purpose())),
            _ => read.await,
        };
        self.line.after(turn).await;
        answer
    }

    /// The request is on its way still when its sender has given it up.
    fn land_late(&self, transaction: &Transaction) {
        let (sim, inner) = (self.line.sim.clone(), self.inner.clone());
        let (task, transaction) = (self.line.task, transaction.clone());
        sim.clone().spawn(async move {
            let ms = sim.below(60_000);
            sim.sleep_ms(ms).await;
            let landed = inner.commit(&transaction).await.is_ok();
            sim.note(|| format!("#{task} a late commit lands: {landed}"));
        });
    }
}

impl Store for SimStore {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.read("load", self.inner.load(keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        self.read("query", self.inner.query(query)).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let turn = self.line.before("commit", &COMMIT).await;
        let sim = &self.line.sim;
        let answer = match turn.own {
            Some(Fault::CommitRefused) => Err(CommitError::Unavailable(on_purpose())),
            Some(Fault::CommitThrottled) => Err(CommitError::Throttled(on_purpose())),
            Some(Fault::CommitConflicts) => Err(CommitError::Cancelled(conflict(transaction))),
            Some(Fault::RequestLost) => Err(CommitError::Unknown(on_purpose())),
            Some(Fault::AnswerLost) => {
                let landed = self.inner.commit(transaction).await.is_ok();
                sim.note(|| format!("#{} the lost commit applied: {landed}", self.line.task));
                Err(CommitError::Unknown(on_purpose()))
            }
            Some(Fault::LandsLate) => {
                self.land_late(transaction);
                Err(CommitError::Unknown(on_purpose()))
            }
            _ => {
                let answer = self.inner.commit(transaction).await;
                sim.note(|| format!("#{} {}", self.line.task, commit_text(transaction, &answer)));
                answer
            }
        };
        if let Err(CommitError::Cancelled(reasons)) = &answer
            && reasons.contains(&Some(Cancellation::ConditionFailed))
        {
            sim.count(Fault::ConditionFailed);
        }
        self.line.after(turn).await;
        answer
    }
}

fn commit_text(transaction: &Transaction, answer: &Result<(), CommitError>) -> String {
    let keys = transaction.writes.iter().map(|write| {
        let kind = match &write.change {
            processing::Change::Check => "check",
            processing::Change::Put(_) => "put",
            processing::Change::Add(_) => "add",
            processing::Change::Delete => "delete",
        };
        let key = &write.key;
        format!("{kind} {}/{}/{}", key.table, key.partition, key.sort)
    });
    let keys: Vec<_> = keys.collect();
    format!("commit {answer:?}: {}", keys.join(", "))
}

/// The first write was in somebody's way.
fn conflict(transaction: &Transaction) -> Vec<Option<Cancellation>> {
    let reasons = transaction.writes.iter().enumerate();
    reasons
        .map(|(n, _)| (n == 0).then_some(Cancellation::Conflict))
        .collect()
}

pub(crate) fn on_purpose() -> Cause {
    Cause::from("a fault on purpose")
}

/// The dead-letter queue as one invocation reaches it.
#[derive(Clone)]
pub(crate) struct SimLetters {
    pub(crate) line: Line,
    pub(crate) inner: MemoryDeadLetters,
}

impl DeadLetters for SimLetters {
    async fn send(&self, letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
        let turn = self.line.before("send", &SEND).await;
        let refusal = || Err(DeadLetterError::Unavailable(on_purpose()));
        let answers = match turn.own {
            Some(Fault::LetterRefused) => letters.iter().map(|_| refusal()).collect(),
            Some(Fault::LetterAnswerLost) => {
                drop(self.inner.send(letters).await);
                letters.iter().map(|_| refusal()).collect()
            }
            Some(Fault::LettersPartly) => {
                let mut answers = Vec::new();
                for (n, letter) in letters.iter().enumerate() {
                    if n % 2 == 0 {
                        answers.push(refusal());
                    } else {
                        answers.extend(self.inner.send(std::slice::from_ref(letter)).await);
                    }
                }
                answers
            }
            _ => self.inner.send(letters).await,
        };
        let ids: Vec<_> = letters
            .iter()
            .map(|letter| {
                (
                    letter.code,
                    letter.position.as_ref().map(|p| (p.partition, p.offset)),
                )
            })
            .collect();
        self.line
            .sim
            .note(|| format!("#{} letters {ids:?}: {answers:?}", self.line.task));
        self.line.after(turn).await;
        answers
    }
}
