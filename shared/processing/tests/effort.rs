//! What an invocation costs and how long it takes: calls are counted one by one, and pauses are taken.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Bench, Interposed, Skipping, Verdict, charge, charged, code_of, outcomes, poison};
use processing::{
    ATTEMPTS_MAX, COMMIT_TRIES_MAX, Cancellation, CommitError, Effort, LOAD_TRIES_MAX,
    MARKS_KEPT_SECONDS, Outcome, Processor, Query, Store, StoreError, Stored, Timer as _,
    Transaction,
};
use testkit::MemoryStore;

fn throttled() -> CommitError {
    CommitError::Throttled("too fast".into())
}

#[tokio::test]
async fn an_invocation_counts_what_it_does() {
    let bench = Bench::new();
    let records = [charged(0, "a", "1", 5), poison(1, "2"), poison(2, "3")];
    let processed = bench.run(&bench.engine(Skipping(charge)), &records).await;
    assert_eq!(outcomes(&processed), "ADD");
    let expected = Effort {
        load_calls: 1,
        commit_calls: 1,
        dead_letter_sends: 1,
        ..Effort::default()
    };
    assert_eq!(processed.effort, expected);
    assert_eq!(bench.store.calls().loads, 1);
    let dead = processed.count(|outcome| matches!(outcome, Outcome::DeadLettered(_)));
    assert_eq!(dead, 2);
}

#[tokio::test]
async fn a_cancelled_transaction_is_a_conflict_and_one_more_call() {
    let bench = Bench::new();
    let store = Interposed::new(&bench.store, |number, transaction: &Transaction| {
        if number >= 2 {
            return Verdict::Pass;
        }
        let conflicts = transaction
            .writes
            .iter()
            .map(|_| Some(Cancellation::Conflict));
        Verdict::FailBefore(CommitError::Cancelled(conflicts.collect()))
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(processed.effort.conflicts, 2);
    assert_eq!(processed.effort.commit_calls, 3);
}

#[tokio::test]
async fn a_throttled_commit_is_sent_again_after_pauses_that_grow() {
    let bench = Bench::new();
    let store = Interposed::new(&bench.store, |number, _: &Transaction| match number {
        0..3 => Verdict::FailBefore(throttled()),
        _ => Verdict::Pass,
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let before = bench.timer.now();
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(processed.effort.commit_calls, 4);
    // Each pause is a millisecond at least, and at most 20, 40 and 80 of them more.
    let paused_ms = bench.timer.now().as_ms() - before.as_ms();
    assert!((3..=143).contains(&paused_ms), "{paused_ms} ms");
}

#[tokio::test]
async fn a_commit_is_sent_six_times_at_most() {
    for (error, code) in [
        (throttled as fn() -> CommitError, "store_throttled"),
        (
            || CommitError::Unknown("the connection broke".into()),
            "store_unavailable",
        ),
    ] {
        let bench = Bench::new();
        let store = Interposed::new(&bench.store, move |_, _: &Transaction| {
            Verdict::FailBefore(error())
        });
        let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
        let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
        assert_eq!(code_of(&processed.records[0].outcome), code);
        assert_eq!(processed.effort.commit_calls, COMMIT_TRIES_MAX);
    }
}

/// A store whose loads fail a number of times.
struct FailingLoads {
    inner: MemoryStore,
    left: std::sync::atomic::AtomicU32,
    error: fn() -> StoreError,
}

impl Store for FailingLoads {
    async fn load(&self, keys: &[processing::ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        use std::sync::atomic::Ordering::SeqCst;
        let fails = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if fails.is_ok() {
            return Err((self.error)());
        }
        self.inner.load(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(processing::ItemKey, Stored)>, StoreError> {
        self.inner.query(query).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.inner.commit(transaction).await
    }
}

#[tokio::test]
async fn a_load_is_made_five_times_at_most_and_each_time_is_counted() {
    let throttled = || StoreError::Throttled("too fast".into());
    let unavailable = || StoreError::Unavailable("no route".into());
    for (failures, error, code) in [
        (LOAD_TRIES_MAX - 1, throttled as fn() -> StoreError, ""),
        (LOAD_TRIES_MAX - 1, unavailable, ""),
        (LOAD_TRIES_MAX, throttled, "store_throttled"),
        (LOAD_TRIES_MAX, unavailable, "store_unavailable"),
    ] {
        let bench = Bench::new();
        let store = FailingLoads {
            inner: bench.store.clone(),
            left: failures.into(),
            error,
        };
        let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
        let before = bench.timer.now();
        let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
        assert_eq!(code_of(&processed.records[0].outcome), code);
        if code.is_empty() {
            assert_eq!(processed.effort.load_calls, LOAD_TRIES_MAX);
        }
        assert!(bench.timer.now() > before, "there was no pause");
    }
}

#[tokio::test]
async fn what_a_refusal_rested_on_and_what_changed_since_is_a_conflict() {
    let bench = Bench::new();
    bench
        .run_as(
            &bench.engine(Skipping(charge)),
            "first",
            &[charged(0, "a", "1", 5)],
        )
        .await;
    // Once the refusal is decided, somebody else pays in.
    let rich = charged(1, "b", "1", 100);
    let payload = testkit::EventBuilder::new().record(&rich).build();
    let other = bench.engine(Skipping(charge));
    let pays_in = testkit::invocation("other", &bench.timer);
    let paid = std::sync::atomic::AtomicBool::new(false);
    let refusing = Skipping(
        move |record: &processing::Record<_>, work: &mut processing::Work<'_>| {
            let verdict = charge(record, work);
            let refused = verdict
                .as_ref()
                .is_err_and(|rejection| rejection.to_string().contains("negative"));
            if refused && !paid.swap(true, std::sync::atomic::Ordering::SeqCst) {
                let run = other.process(&payload, &pays_in);
                futures_util::FutureExt::now_or_never(run).unwrap().unwrap();
            }
            verdict
        },
    );
    let taken = charged(2, "c", "1", -50);
    let processed = bench
        .run_as(&bench.engine(refusing), "second", &[taken])
        .await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(processed.effort.conflicts, 1);
    assert!(bench.letters.letters().is_empty());
    assert_eq!(bench.account("1").unwrap().history, [5, 100, -50]);
}

#[test]
fn the_numbers_that_are_promised_are_these() {
    assert_eq!(MARKS_KEPT_SECONDS, 1_814_400, "21 days");
    assert_eq!((ATTEMPTS_MAX, COMMIT_TRIES_MAX, LOAD_TRIES_MAX), (8, 6, 5));
}

#[test]
fn an_engine_says_whose_it_is() {
    assert_eq!(Bench::new().engine(Skipping(charge)).name(), "skipping");
}
