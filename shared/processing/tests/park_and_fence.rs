//! What waits and what is fenced: parked keys, position fences, topics that are made again.
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
    Bench, Counter, Interposed, Parking, Positioned, Verdict, activity, charge, charged, code_of,
    named, outcomes, poison, run_by_hand,
};
use event_schema::Timestamp;
use processing::{Processor, Record, Rejection, Transaction, Work};
use serde_json::json;
use testkit::{KafkaRecord, VirtualTimer};
use tokio::sync::Notify;

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
async fn an_event_of_another_type_is_ignored_although_its_key_is_parked() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let other = |offset| {
        KafkaRecord::new(common::BALANCES, 0, offset)
            .key("user:1")
            .json(&json!({ "event_id": "x", "event_type": "payment.completed", "amount": 1 }))
    };
    let first = [other(0), poison(1, "1"), other(2)];
    assert_eq!(
        outcomes(&bench.run_as(&engine, "first", &first).await),
        "IDI"
    );
    let again = bench.run_as(&engine, "again", &first).await;
    assert_eq!(outcomes(&again), "IUI");
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

/// A mirror of a cluster has the same records at the same places.
#[tokio::test]
async fn a_record_of_another_cluster_parks_beside_the_one_at_its_place() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let record = poison(0, "1");
    for (n, cluster) in ["first", "mirror"].into_iter().enumerate() {
        let arn = format!("arn:aws:kafka:eu-central-1:111122223333:cluster/{cluster}/uuid");
        let event = testkit::EventBuilder::new().cluster(arn).record(&record);
        let (payload, invocation) = (
            event.build(),
            testkit::invocation(format!("r-{n}"), &bench.timer),
        );
        let processed = engine.process(&payload, &invocation).await.unwrap();
        assert_eq!(outcomes(&processed), ["D", "P"][n]);
    }
    let rows = bench.store.table("state").into_iter();
    let rows = rows.filter(|(key, _)| key.sort.starts_with("row#"));
    assert_eq!(rows.count(), 2);
}

/// Code that was changed since knows a parked record by its position where it was known by its id, and the other
/// way round: the same offset, once with an event that can be read and once without.
#[tokio::test]
async fn a_parked_record_that_is_read_otherwise_when_it_comes_again_waits_once() {
    for (first, again) in [
        (poison(1, "1"), charged(1, "b", "1", 5)),
        (charged(1, "b", "1", 5), poison(1, "1")),
    ] {
        let bench = Bench::new();
        let engine = bench.engine(Parking(charge));
        let head = poison(0, "1");
        let records = [head.clone(), first];
        assert_eq!(outcomes(&bench.run(&engine, &records).await), "DP");
        let items = bench.store.items().len();
        let records = [head, again];
        let processed = bench.run_as(&engine, "again", &records).await;
        assert_eq!(outcomes(&processed), "UU");
        assert_eq!(bench.store.items().len(), items);
    }
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

/// A record that cannot be read has no date by which to tell the new topic from the old one.
#[tokio::test]
async fn a_malformed_record_of_a_topic_that_was_made_again_is_a_dead_letter() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_each));
    let old: Vec<_> = (0..10).map(|offset| activity(offset, "u")).collect();
    bench.run_as(&engine, "old", &old).await;
    let malformed = json!({ "topic": common::ACTIVITIES, "partition": 0, "offset": 0, "value": 7 });
    let payload = testkit::EventBuilder::new()
        .raw(format!("{}-0", common::ACTIVITIES), malformed)
        .build();
    for request_id in ["new", "again"] {
        let invocation = testkit::invocation(request_id, &bench.timer);
        let processed = engine.process(&payload, &invocation).await.unwrap();
        assert_eq!(outcomes(&processed), "D");
    }
    assert_eq!(bench.letters.letters().len(), 1);
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
