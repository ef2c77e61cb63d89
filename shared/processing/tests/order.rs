//! Once and in order, whatever others do meanwhile: duplicates, zombies, conflicts, lost answers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::{
    Bench, Counter, Interposed, Skipping, Verdict, charge, charged, code_of, named, outcomes,
    run_by_hand,
};
use event_schema::events::BalanceCharged;
use processing::{
    Cancellation, Change, CommitError, Expect, Processor, Record, Rejection, Store as _,
    Transaction, Work, Write,
};
use serde_json::json;
use testkit::{VirtualTimer, item_key};
use tokio::sync::Notify;

fn lost() -> CommitError {
    CommitError::Unknown("the connection broke".into())
}

/// Somebody else's change of an account, as a transaction of its own.
fn set_balance(balance: i64, version: u64) -> Transaction {
    let body = json!({ "user_id": "1", "balance": balance, "history": [balance] });
    let serde_json::Value::Object(body) = body else {
        unreachable!()
    };
    let write = Write {
        key: item_key("accounts", "1", "-"),
        expect: if version == 0 {
            Expect::Absent
        } else {
            Expect::Version(version)
        },
        change: Change::Put(body),
    };
    Transaction {
        token: format!("other-{version}"),
        writes: vec![write],
    }
}

#[tokio::test]
async fn a_duplicate_batch_costs_load_calls_only() {
    let bench = Bench::new();
    let records = [charged(0, "a", "1", 5), charged(1, "b", "1", 7)];
    let engine = bench.engine(Skipping(charge));
    bench.run_as(&engine, "first", &records).await;
    let again = bench.run_as(&engine, "second", &records).await;
    assert_eq!(outcomes(&again), "UU");
    assert!(again.effort.load_calls > 0);
    assert_eq!(again.effort.commit_calls, 0);
    assert_eq!(bench.account("1").unwrap().history, [5, 7]);
}

#[tokio::test]
async fn an_event_that_its_producer_sent_twice_takes_effect_once() {
    let bench = Bench::new();
    let engine = bench.engine(Skipping(charge));
    let in_one_batch = [charged(0, "a", "1", 5), charged(1, "a", "1", 5)];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "first", &in_one_batch).await),
        "AU"
    );
    let in_a_later_one = [charged(2, "a", "1", 5)];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "second", &in_a_later_one).await),
        "U"
    );
    assert_eq!(bench.account("1").unwrap().history, [5]);
}

#[tokio::test]
async fn an_event_id_with_another_payload_is_a_dead_letter() {
    let bench = Bench::new();
    let engine = bench.engine(Skipping(charge));
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "a", "1", 6),
        charged(2, "b", "1", 1),
    ];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "first", &records).await),
        "ADA"
    );
    let later = bench
        .run_as(&engine, "second", &[charged(3, "a", "1", 7)])
        .await;
    assert_eq!(outcomes(&later), "D");
    assert_eq!(bench.codes(), ["event_id_reused", "event_id_reused"]);
    assert_eq!(bench.account("1").unwrap().history, [5, 1]);
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_applies_nothing_twice() {
    let bench = Bench::new();
    let store = Interposed::new(&bench.store, |number, _: &Transaction| match number {
        0 => Verdict::FailAfter(lost()),
        _ => Verdict::Pass,
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(bench.account("1").unwrap().history, [5]);
    assert_eq!(bench.store.applied().len(), 1);
}

#[tokio::test]
async fn a_version_that_moved_makes_its_records_start_over() {
    let bench = Bench::new();
    let other = bench.store.clone();
    let store = Interposed::new(&bench.store, move |number, _: &Transaction| {
        if number == 0 {
            let store = other.clone();
            let done = futures_util::FutureExt::now_or_never(async move {
                store.commit(&set_balance(100, 0)).await
            });
            done.unwrap().unwrap();
        }
        Verdict::Pass
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench
        .run(&engine, &[charged(0, "a", "1", 5), charged(1, "b", "1", 7)])
        .await;
    assert_eq!(outcomes(&processed), "AA");
    assert_eq!(bench.account("1").unwrap().history, [100, 5, 7]);
    assert_eq!(processed.effort.conflicts, 1);
}

#[tokio::test]
async fn an_item_that_was_only_read_is_checked_at_the_commit() {
    let bench = Bench::new();
    bench.store.seed(
        item_key("accounts", "1", "-"),
        &json!({
            "user_id": "1", "balance": 1, "history": [],
        }),
    );
    let other = bench.store.clone();
    let store = Interposed::new(&bench.store, move |number, _: &Transaction| {
        if number == 0 {
            let done = futures_util::FutureExt::now_or_never(other.commit(&set_balance(0, 1)));
            done.unwrap().unwrap();
        }
        Verdict::Pass
    });
    let count_if_rich = |_: &Record<_>, work: &mut Work<'_>| {
        let account: Option<common::Account> = work.get("1")?;
        if account.is_some_and(|account| account.balance > 0) {
            work.add::<Counter>("only", "count", 1);
        }
        Ok(())
    };
    let engine = bench.engine_over(Skipping(count_if_rich), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(
        bench.count(),
        0,
        "the account was emptied before the commit"
    );
}

#[tokio::test]
async fn a_guard_that_fails_at_the_commit_is_decided_on_what_is_there() {
    let bench = Bench::new();
    bench
        .store
        .seed(item_key("counters", "only", "-"), &json!({ "count": 1 }));
    let handler = Skipping(|_: &Record<_>, work: &mut Work<'_>| {
        work.add::<Counter>("only", "count", -1).at_least(0);
        Ok(())
    });
    let records = [charged(0, "a", "1", 5), charged(1, "b", "2", 7)];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "AD");
    assert_eq!(bench.codes(), ["guard_failed"]);
    assert_eq!(bench.count(), 0);
}

#[tokio::test]
async fn additions_of_two_invocations_do_not_make_each_other_start_over() {
    let bench = Bench::new();
    bench
        .store
        .seed(item_key("counters", "only", "-"), &json!({ "count": 10 }));
    let other = bench.store.clone();
    let store = Interposed::new(&bench.store, move |number, _: &Transaction| {
        if number == 0 {
            let addition = processing::Addition {
                field: "count".into(),
                amount: (-4).into(),
                at_least: None,
            };
            let write = Write {
                key: item_key("counters", "only", "-"),
                expect: Expect::Anything,
                change: Change::Add(vec![addition]),
            };
            let add = Transaction {
                token: "other".into(),
                writes: vec![write],
            };
            let done = futures_util::FutureExt::now_or_never(other.commit(&add));
            done.unwrap().unwrap();
        }
        Verdict::Pass
    });
    let take_one = |_: &Record<_>, work: &mut Work<'_>| {
        let left: Option<Counter> = work.peek("only")?;
        if left.is_some_and(|counter| counter.count > 0) {
            work.add::<Counter>("only", "count", -1).at_least(0);
        }
        Ok(())
    };
    let engine = bench.engine_over(Skipping(take_one), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(processed.effort.conflicts, 0);
    assert_eq!(bench.count(), 5);
}

#[tokio::test]
async fn a_write_that_can_never_apply_condemns_its_own_record_only() {
    let bench = Bench::new();
    bench.store.seed(
        item_key("counters", "text", "-"),
        &json!({ "count": "not a number" }),
    );
    let handler = Skipping(|record: &Record<_>, work: &mut Work<'_>| {
        let counter = if record.position.offset == 1 {
            "text"
        } else {
            "only"
        };
        work.add::<Counter>(counter, "count", 1);
        Ok(())
    });
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "2", 7),
        charged(2, "c", "3", 7),
    ];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "ADA");
    assert_eq!(bench.codes(), ["store_refused"]);
    assert_eq!(bench.count(), 2);
}

#[tokio::test]
async fn a_store_that_is_down_leaves_everything_unfinished() {
    let bench = Bench::new();
    let store = Interposed::new(&bench.store, |_, _: &Transaction| {
        Verdict::FailBefore(CommitError::Unavailable("no route".into()))
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench
        .run(&engine, &[charged(0, "a", "1", 5), charged(1, "b", "2", 7)])
        .await;
    assert_eq!(outcomes(&processed), "FF");
    assert_eq!(code_of(&processed.records[0].outcome), "store_unavailable");
    assert_eq!(named(&processed), [0, 1]);
}

#[tokio::test]
async fn endless_conflicts_end_as_unfinished() {
    let bench = Bench::new();
    let store = Interposed::new(&bench.store, |_, transaction: &Transaction| {
        let reasons = transaction
            .writes
            .iter()
            .map(|_| Some(Cancellation::ConditionFailed));
        Verdict::FailBefore(CommitError::Cancelled(reasons.collect()))
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "conflict");
    assert!(bench.letters.letters().is_empty());
    assert_eq!(processed.effort.commit_calls, processing::ATTEMPTS_MAX);
}

#[tokio::test]
async fn a_call_that_hangs_ends_at_the_deadline_as_unfinished() {
    let bench = Bench::new();
    let never = Arc::new(Notify::new());
    let store = Interposed::new(&bench.store, move |_, _: &Transaction| {
        Verdict::Wait(never.clone())
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "deadline");
}

/// An invocation that Lambda gave up hangs in its commit; its successor refuses the record; then the first
/// one wakes up.
#[tokio::test]
async fn a_zombie_cannot_apply_what_its_successor_dead_lettered() {
    let bench = Bench::new();
    let signal = Arc::new(Notify::new());
    let gate = signal.clone();
    let store = Interposed::new(&bench.store, move |number, _: &Transaction| match number {
        0 => Verdict::Wait(gate.clone()),
        _ => Verdict::Pass,
    });
    let asleep = Bench {
        timer: VirtualTimer::manual(),
        ..Bench::new()
    };
    let zombie = asleep.engine_over(Skipping(charge), store, bench.letters.clone());
    let records = [charged(0, "a", "1", 5)];
    let zombie_runs = run_by_hand(&asleep, &zombie, "zombie", &records);
    let successor_runs = async {
        let refuse = |_: &Record<_>, _: &mut Work<'_>| {
            Err(Rejection::permanent(
                "refused",
                "a newer version of the code refuses it",
            ))
        };
        let processed = bench
            .run_as(&bench.engine(Skipping(refuse)), "next", &records)
            .await;
        signal.notify_one();
        processed
    };
    let (zombie, successor) = tokio::join!(zombie_runs, successor_runs);
    assert_eq!(outcomes(&successor), "D");
    assert_eq!(outcomes(&zombie), "U");
    assert_eq!(bench.account("1"), None);
    assert_eq!(bench.letters.letters().len(), 1);
}

/// A zombie commits between the loads of one round: the marks are seen as they were before it, the items
/// as they are after it.
#[tokio::test]
async fn a_record_that_a_zombie_applied_meanwhile_is_no_dead_letter() {
    let bench = Bench::new();
    let open_account = |record: &Record<BalanceCharged>, work: &mut Work<'_>| {
        let user_id = record.event.user_id.to_string();
        if work.get::<common::Account>(&user_id)?.is_some() {
            return Err(Rejection::permanent(
                "account_exists",
                "it was opened before",
            ));
        }
        work.put(&common::Account {
            user_id,
            ..common::Account::default()
        });
        Ok(())
    };
    let records = [charged(0, "a", "1", 5)];
    let zombie = bench.engine(Skipping(open_account));
    let payload = testkit::EventBuilder::new().records(&records).build();
    let invocation = testkit::invocation("zombie", &bench.timer);
    let store = RacedStore {
        inner: bench.store.clone(),
        race: std::sync::Mutex::new(Some(Box::new(move || {
            let run = zombie.process(&payload, &invocation);
            let processed = futures_util::FutureExt::now_or_never(run).unwrap().unwrap();
            assert_eq!(outcomes(&processed), "A");
        }))),
    };
    let successor = bench.engine_over(Skipping(open_account), store, bench.letters.clone());
    let processed = bench.run_as(&successor, "next", &records).await;
    assert_eq!(outcomes(&processed), "U");
    assert!(bench.letters.letters().is_empty());
}

/// A store whose first load reads the marks, lets somebody else run, and reads the rest.
struct RacedStore {
    inner: testkit::MemoryStore,
    race: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl processing::Store for RacedStore {
    async fn load(
        &self,
        keys: &[processing::ItemKey],
    ) -> Result<Vec<Option<processing::Stored>>, processing::StoreError> {
        let before = self.inner.load(keys).await?;
        let race = self.race.lock().unwrap().take();
        if let Some(race) = race {
            race();
        }
        let after = self.inner.load(keys).await?;
        let is_mark = |key: &processing::ItemKey| key.table == processing::STATE_TABLE;
        let both = keys.iter().zip(before.into_iter().zip(after));
        Ok(both
            .map(|(key, (before, after))| if is_mark(key) { before } else { after })
            .collect())
    }

    async fn query(
        &self,
        query: &processing::Query,
    ) -> Result<Vec<(processing::ItemKey, processing::Stored)>, processing::StoreError> {
        self.inner.query(query).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.inner.commit(transaction).await
    }
}
