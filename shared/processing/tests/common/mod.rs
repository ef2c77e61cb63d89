//! What the engine's tests share: handlers made of a closure, items, and a bench to run them on.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

pub(crate) mod redriving;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_schema::events::{BalanceCharged, OrderCreated, UserActivityRecorded};
use processing::{
    Answer, CommitError, DeadLetters, Decide, DecideEngine, Dedup, EngineSettings, Item, ItemKey,
    Key, OnPoison, Outcome, Processed, Processor, Query, Record, Rejection, Store, StoreError,
    Stored, Transaction, Work,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation,
};
use tokio::sync::Notify;

/// Defines a handler that decides by a closure.
macro_rules! handler {
    ($name:ident, $event:ty, $function:literal, $dedup:ident, $on_poison:ident) => {
        pub(crate) struct $name<F>(pub(crate) F);

        impl<F> Decide for $name<F>
        where
            F: Fn(&Record<$event>, &mut Work<'_>) -> Result<(), Rejection> + Send + Sync + 'static,
        {
            type Event = $event;
            const NAME: &'static str = $function;
            const DEDUP: Dedup = Dedup::$dedup;
            const ON_POISON: OnPoison = OnPoison::$on_poison;

            fn decide(
                &self,
                record: &Record<$event>,
                work: &mut Work<'_>,
            ) -> Result<(), Rejection> {
                self.0(record, work)
            }
        }
    };
}

handler!(Skipping, BalanceCharged, "skipping", EventId, Skip);
handler!(Parking, BalanceCharged, "parking", EventId, ParkKey);
handler!(
    Positioned,
    UserActivityRecorded,
    "positioned",
    Position,
    Skip
);
handler!(
    PositionedParking,
    UserActivityRecorded,
    "positioned-parking",
    Position,
    ParkKey
);
handler!(Orders, OrderCreated, "orders", EventId, Skip);

pub(crate) const BALANCES: &str = "balance.balance.charged";
pub(crate) const ACTIVITIES: &str = "user.activity.recorded";

/// A user's balance and what made it, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user_id: String,
    pub(crate) balance: i64,
    pub(crate) history: Vec<i64>,
}

impl Item for Account {
    const TABLE: &'static str = "accounts";
    fn key(&self) -> Key {
        Key::from(&self.user_id)
    }
}

/// A number that is only added to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counter {
    #[serde(default)]
    pub(crate) count: i64,
}

impl Item for Counter {
    const TABLE: &'static str = "counters";
    fn key(&self) -> Key {
        Key::from("only")
    }
}

/// Applies a charge to the user's account; refuses to go below zero.
pub(crate) fn charge(
    record: &Record<BalanceCharged>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let user_id = record.event.user_id.to_string();
    let mut account = work.get::<Account>(&user_id)?.unwrap_or_default();
    account.user_id = user_id;
    let amount = i64::try_from(record.event.amount).unwrap();
    account.balance += amount;
    account.history.push(amount);
    if account.balance < 0 {
        return Err(Rejection::permanent(
            "insufficient_balance",
            "the balance would be negative",
        ));
    }
    work.put(&account);
    Ok(())
}

/// Everything an invocation needs, with the store and the dead letters at hand.
pub(crate) struct Bench {
    pub(crate) store: MemoryStore,
    pub(crate) letters: MemoryDeadLetters,
    pub(crate) timer: VirtualTimer,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            letters: MemoryDeadLetters::new(),
            timer,
        }
    }

    pub(crate) fn engine<H: Decide>(
        &self,
        handler: H,
    ) -> DecideEngine<H, MemoryStore, MemoryDeadLetters, VirtualTimer> {
        self.engine_over(handler, self.store.clone(), self.letters.clone())
    }

    pub(crate) fn engine_over<H: Decide, S: Store, D: DeadLetters>(
        &self,
        handler: H,
        store: S,
        letters: D,
    ) -> DecideEngine<H, S, D, VirtualTimer> {
        DecideEngine::new(handler, store, letters, self.timer.clone(), settings())
    }

    pub(crate) async fn run(&self, engine: &impl Processor, records: &[KafkaRecord]) -> Processed {
        self.run_as(engine, "request-1", records).await
    }

    pub(crate) async fn run_as(
        &self,
        engine: &impl Processor,
        request_id: &str,
        records: &[KafkaRecord],
    ) -> Processed {
        let payload = EventBuilder::new().records(records).build();
        engine
            .process(&payload, &invocation(request_id, &self.timer))
            .await
            .unwrap()
    }

    pub(crate) fn account(&self, user: &str) -> Option<Account> {
        let stored = self.store.item("accounts", user, "-")?;
        Some(serde_json::from_value(Value::Object(stored.body)).unwrap())
    }

    pub(crate) fn count(&self) -> i64 {
        let stored = self.store.item("counters", "only", "-");
        stored.map_or(0, |stored| stored.body["count"].as_i64().unwrap())
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.letters
            .letters()
            .iter()
            .map(|letter| letter.code)
            .collect()
    }
}

pub(crate) fn settings() -> EngineSettings {
    EngineSettings {
        partial_batch_response: true,
        ..EngineSettings::default()
    }
}

/// A charge of `amount` to `user`, as event `id`.
pub(crate) fn charged(offset: i64, id: &str, user: &str, amount: i64) -> KafkaRecord {
    KafkaRecord::new(BALANCES, 0, offset)
        .key(format!("user:{user}"))
        .json(&json!({ "event_id": id, "user_id": user, "amount": amount }))
}

pub(crate) fn activity(offset: i64, user: &str) -> KafkaRecord {
    KafkaRecord::new(ACTIVITIES, 0, offset)
        .key(user)
        .json(&json!({ "user_id": user, "action": "login" }))
}

pub(crate) fn poison(offset: i64, user: &str) -> KafkaRecord {
    KafkaRecord::new(BALANCES, 0, offset)
        .key(format!("user:{user}"))
        .value("not json")
}

/// One letter a record, in order: (A)pplied, d(U)plicate, (I)gnored, (P)arked, (D)ead-lettered,
/// un(F)inished.
pub(crate) fn outcomes(processed: &Processed) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Applied => 'A',
        Outcome::Duplicate => 'U',
        Outcome::Ignored => 'I',
        Outcome::Parked => 'P',
        Outcome::DeadLettered(_) => 'D',
        Outcome::Unfinished(_) => 'F',
    };
    processed
        .records
        .iter()
        .map(|record| letter(&record.outcome))
        .collect()
}

/// The offsets that the answer names.
pub(crate) fn named(processed: &Processed) -> Vec<i64> {
    match &processed.answer {
        Answer::Respond(response) => {
            let failures = response.batch_item_failures.iter();
            failures
                .map(|failure| failure.item_identifier.offset)
                .collect()
        }
        Answer::Fail { .. } => panic!("the invocation failed"),
    }
}

pub(crate) fn code_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::DeadLettered(refusal) | Outcome::Unfinished(refusal) => refusal.code,
        Outcome::Applied | Outcome::Duplicate | Outcome::Ignored | Outcome::Parked => "",
    }
}

/// What happens to one commit.
pub(crate) enum Verdict {
    Pass,
    FailBefore(CommitError),
    /// It applies, and its caller is told that it failed.
    FailAfter(CommitError),
    /// It waits for the signal first.
    Wait(Arc<Notify>),
}

/// A store that asks before each commit, which it counts from 0.
pub(crate) struct Interposed<F> {
    inner: MemoryStore,
    commits: AtomicUsize,
    verdict: F,
}

impl<F: Fn(usize, &Transaction) -> Verdict> Interposed<F> {
    pub(crate) fn new(inner: &MemoryStore, verdict: F) -> Self {
        Self {
            inner: inner.clone(),
            commits: AtomicUsize::new(0),
            verdict,
        }
    }
}

impl<F> Store for Interposed<F>
where
    F: Fn(usize, &Transaction) -> Verdict + Send + Sync + 'static,
{
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.inner.load(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        self.inner.query(query).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        match (self.verdict)(number, transaction) {
            Verdict::Pass => self.inner.commit(transaction).await,
            Verdict::FailBefore(error) => Err(error),
            Verdict::FailAfter(error) => {
                self.inner.commit(transaction).await?;
                Err(error)
            }
            Verdict::Wait(signal) => {
                signal.notified().await;
                self.inner.commit(transaction).await
            }
        }
    }
}

/// Runs an invocation whose clock moves only while it waits for it, however long its store takes.
pub(crate) async fn run_by_hand(
    bench: &Bench,
    engine: &impl Processor,
    request_id: &str,
    records: &[KafkaRecord],
) -> Processed {
    let clock = async {
        loop {
            // A call that hangs has its deadline as the only sleeper, half a minute away.
            for _ in 0..2_000 {
                bench.timer.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        processed = bench.run_as(engine, request_id, records) => processed,
        () = clock => unreachable!("the clock never ends"),
    }
}
