//! Once and in order, whatever others do meanwhile: duplicates, zombies, conflicts, lost answers, parking,
//! topics that are made again.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{
    Bench, Counter, Interposed, Parking, Positioned, Skipping, Verdict, activity, charge, charged,
    code_of, named, outcomes, poison,
};
use event_schema::Timestamp;
use processing::{
    Cancellation, Change, CommitError, Expect, Processed, Processor, Record, Rejection, Store as _,
    Transaction, Work, Write,
};
use serde_json::json;
use testkit::{KafkaRecord, VirtualTimer, item_key};
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

/// Runs an invocation whose clock moves only while it waits for it, however long its store takes.
async fn run_by_hand(
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

#[tokio::test]
async fn a_parked_key_holds_back_its_later_records() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let first = [
        charged(0, "a", "1", 5),
        poison(1, "1"),
        charged(2, "b", "1", 7),
    ];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "first", &first).await),
        "ADP"
    );
    let second = [charged(3, "c", "1", 1), charged(4, "d", "2", 9)];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "second", &second).await),
        "PA"
    );
    assert_eq!(bench.account("1").unwrap().history, [5]);
    assert_eq!(bench.account("2").unwrap().history, [9]);
    assert_eq!(
        bench.codes(),
        ["invalid_json"],
        "the queue holds failures only"
    );
    let state = bench.store.table("state");
    let rows: Vec<&str> = state
        .iter()
        .filter(|(key, _)| key.sort.starts_with("row#"))
        .map(|(key, _)| key.sort.as_str())
        .collect();
    assert_eq!(rows.len(), 3, "the poison record and what waits behind it");
    assert!(rows.is_sorted());
    let flag = bench
        .store
        .item("state", "parking#key#user:1", "flag")
        .unwrap();
    assert_eq!((flag.version, &flag.body["parked"]), (2, &json!(3)));
}

#[tokio::test]
async fn parking_twice_is_parking_once() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let records = [poison(0, "1"), charged(1, "b", "1", 7)];
    bench.run_as(&engine, "first", &records).await;
    let before = bench.store.items();
    assert_eq!(
        outcomes(&bench.run_as(&engine, "second", &records).await),
        "UU"
    );
    assert_eq!(bench.store.items(), before);
    assert_eq!(bench.letters.letters().len(), 1);
}

#[tokio::test]
async fn a_parked_record_is_kept_whole_however_large() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let large = KafkaRecord::new(common::BALANCES, 0, 0)
        .key("user:1")
        .value("x".repeat(700_000));
    let processed = bench.run(&engine, std::slice::from_ref(&large)).await;
    assert_eq!(outcomes(&processed), "D");
    let state = bench.store.table("state");
    let whole: String = state
        .iter()
        .filter(|(key, _)| key.sort.starts_with("row#"))
        .map(|(_, row)| row.body["record"].as_str().unwrap())
        .collect();
    let read = msk_event::Record::read(&whole).unwrap();
    assert_eq!(read.value, large.value);
}

#[allow(clippy::unnecessary_wraps, reason = "it has the shape of a handler")]
fn count_each(
    _: &Record<event_schema::events::UserActivityRecorded>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    work.add::<Counter>("only", "count", 1);
    Ok(())
}

#[tokio::test]
async fn a_fence_costs_one_write_a_partition_and_drops_duplicates() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_each));
    let records: Vec<_> = (0..1_000).map(|offset| activity(offset, "u")).collect();
    let processed = bench.run_as(&engine, "first", &records).await;
    assert_eq!(bench.count(), 1_000);
    assert_eq!(
        processed.effort.commit_calls, 1,
        "the fence and the counter"
    );
    let again = bench.run_as(&engine, "second", &records[500..]).await;
    assert_eq!(again.effort.commit_calls, 0);
    assert_eq!(bench.count(), 1_000);
}

#[tokio::test]
async fn behind_an_unfinished_record_nothing_of_its_partition_is_finished() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(|record: &Record<_>, work: &mut Work<'_>| {
        if record.position.offset == 1 {
            return Err(Rejection::transient(
                "not_yet",
                "what it waits for is not there",
            ));
        }
        work.add::<Counter>("only", "count", 1);
        Ok(())
    }));
    let records = [
        activity(0, "a"),
        activity(1, "b"),
        activity(2, "c"),
        activity(3, "d"),
    ];
    let processed = bench.run(&engine, &records).await;
    assert_eq!(outcomes(&processed), "AFFF");
    assert_eq!(named(&processed), [1, 2, 3]);
    assert_eq!(bench.count(), 1);
}

#[tokio::test]
async fn a_dead_letter_moves_the_fence_past_its_record() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_each));
    let bad = KafkaRecord::new(common::ACTIVITIES, 0, 1).value("not json");
    let records = [activity(0, "a"), bad, activity(2, "c")];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "first", &records).await),
        "ADA"
    );
    assert_eq!(
        outcomes(&bench.run_as(&engine, "second", &records).await),
        "UUU"
    );
    assert_eq!(bench.letters.letters().len(), 1);
}

#[tokio::test]
async fn a_topic_that_was_made_again_loses_no_record() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_each));
    let old: Vec<_> = (0..100).map(|offset| activity(offset, "u")).collect();
    bench.run_as(&engine, "old", &old).await;
    let later = |offset| Some(Timestamp::from_ms(1_800_000_000_000 + offset));
    let new: Vec<_> = (0..50)
        .map(|n| activity(n, "u").timestamp(later(n)))
        .collect();
    let processed = bench.run_as(&engine, "new", &new).await;
    assert_eq!(processed.effort.new_epochs, 1);
    assert_eq!(bench.count(), 150);
    let again = bench.run_as(&engine, "again", &new).await;
    assert_eq!(outcomes(&again), "U".repeat(50));
    assert_eq!(bench.count(), 150);
}

#[tokio::test]
async fn a_batch_of_the_old_topic_does_not_count_in_the_new_one() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_each));
    bench
        .run_as(&engine, "old", &[activity(0, "u"), activity(1, "u")])
        .await;
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
    let zombie = asleep.engine_over(Positioned(count_each), store, bench.letters.clone());
    let old_batch = [activity(2, "u"), activity(3, "u")];
    let zombie_runs = run_by_hand(&asleep, &zombie, "zombie", &old_batch);
    let successor_runs = async {
        let later = Some(Timestamp::from_ms(1_800_000_000_000));
        let new = [activity(0, "u").timestamp(later)];
        let processed = bench.run_as(&engine, "new", &new).await;
        signal.notify_one();
        processed
    };
    let (zombie, successor) = tokio::join!(zombie_runs, successor_runs);
    assert_eq!(outcomes(&successor), "A");
    assert_eq!(outcomes(&zombie), "FF");
    assert_eq!(code_of(&zombie.records[0].outcome), "epoch_changed");
    assert_eq!(bench.count(), 3);
}
