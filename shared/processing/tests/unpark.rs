//! Putting parked keys back: once, in order, whatever arrives meanwhile.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::redriving::{Fix, count_once, is_free, parked_items, redrive, row_of, unpark};
use common::{
    Bench, Interposed, Parking, PositionedParking, Verdict, activity, charge, charged, code_of,
    outcomes, poison,
};
use processing::{Answer, CommitError, Processor as _, Record, Rejection, Transaction, Work};
use serde_json::{Value, json};
use testkit::{EventBuilder, KafkaRecord, invocation};

#[tokio::test]
async fn a_parked_key_of_a_fenced_partition_is_put_back_once() {
    let (bench, fixed) = (Bench::new(), Arc::new(AtomicBool::new(false)));
    let gate = fixed.clone();
    let engine = bench.engine(PositionedParking(
        move |record: &Record<_>, work: &mut Work<'_>| {
            if record.position.offset == 1 && !gate.load(Ordering::SeqCst) {
                return Err(Rejection::permanent("unlucky", "it cannot do the second"));
            }
            count_once(record, work)
        },
    ));
    let records = [
        activity(0, "u"),
        activity(1, "u"),
        activity(2, "u"),
        activity(3, "v"),
    ];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "ADPA");
    fixed.store(true, Ordering::SeqCst);
    let alone = redrive(&bench, &engine, &records[1..2]).await;
    assert_eq!(code_of(&alone.records[0].outcome), "parked");
    let processed = unpark(&bench, &engine, "u", None).await;
    assert_eq!(outcomes(&processed), "AA");
    assert!(is_free(&processed));
    let again = redrive(&bench, &engine, &records[1..3]).await;
    assert_eq!(outcomes(&again), "UU");
    assert_eq!(
        outcomes(&bench.run_as(&engine, "late", &records).await),
        "UUUU"
    );
    assert_eq!(bench.count(), 4);
}

#[tokio::test]
async fn a_parked_key_is_put_back_in_order_and_free_again() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    let records = [
        charged(0, "a", "1", 13),
        charged(1, "b", "1", 2),
        charged(2, "c", "1", 3),
    ];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "DPP");
    fix.roll_out();
    let processed = unpark(&bench, &engine, "user:1", None).await;
    assert_eq!(outcomes(&processed), "AAA");
    assert!(is_free(&processed));
    assert_eq!(bench.account("1").unwrap().history, [13, 2, 3]);
    assert_eq!(parked_items(&bench), 0);
    let later = bench
        .run_as(&engine, "later", &[charged(3, "d", "1", 4)])
        .await;
    assert_eq!(outcomes(&later), "A");
    assert_eq!(
        outcomes(&bench.run_as(&engine, "late", &records).await),
        "UUU"
    );
    assert_eq!(bench.account("1").unwrap().history, [13, 2, 3, 4]);
}

#[tokio::test]
async fn a_head_that_fails_again_holds_back_what_is_behind_it() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    bench
        .run(
            &engine,
            &[charged(0, "a", "1", 13), charged(1, "b", "1", 2)],
        )
        .await;
    let processed = unpark(&bench, &engine, "user:1", None).await;
    assert_eq!(
        processed.answer,
        Answer::Fail {
            unfinished: 1,
            code: "still_parked"
        }
    );
    assert_eq!(bench.account("1"), None);
    assert_eq!(bench.letters.letters().len(), 1);
    assert_eq!(parked_items(&bench), 3, "the flag and two rows");
}

#[tokio::test]
async fn a_head_that_is_skipped_stays_a_dead_letter() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let records = [poison(0, "1"), charged(1, "b", "1", 2)];
    bench.run(&engine, &records).await;
    let row = row_of(&bench, 0);
    let skip = (&*row, "the customer took it back");
    let processed = unpark(&bench, &engine, "user:1", Some(skip)).await;
    assert_eq!(outcomes(&processed), "DA");
    assert!(is_free(&processed));
    assert_eq!(bench.account("1").unwrap().history, [2]);
    assert_eq!(bench.letters.letters().len(), 1, "no second letter");
    assert_eq!(
        outcomes(&bench.run_as(&engine, "late", &records).await),
        "UU"
    );
    assert_eq!(parked_items(&bench), 0);
}

#[tokio::test]
async fn a_head_that_reuses_an_event_id_can_be_skipped() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "a", "1", 6),
        charged(2, "b", "1", 2),
    ];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "ADP");
    let row = row_of(&bench, 1);
    let skip = (&*row, "the producer was mended");
    let processed = unpark(&bench, &engine, "user:1", Some(skip)).await;
    assert_eq!(outcomes(&processed), "DA");
    assert!(is_free(&processed));
    assert_eq!(bench.account("1").unwrap().history, [5, 2]);
}

/// It waited behind a head that is applied by now, and has never been a dead letter.
#[tokio::test]
async fn a_record_that_only_waited_becomes_a_dead_letter_when_it_is_skipped() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let down = Arc::new(AtomicBool::new(true));
    let gate = down.clone();
    let apply = fix.charge();
    let engine = bench.engine(Parking(move |record: &Record<_>, work: &mut Work<'_>| {
        if record.position.offset == 1 && gate.load(Ordering::SeqCst) {
            return Err(Rejection::transient("down", "a dependency is down"));
        }
        apply(record, work)
    }));
    let records = [charged(0, "a", "1", 13), charged(1, "b", "1", 2)];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "DP");
    fix.roll_out();
    assert_eq!(
        outcomes(&unpark(&bench, &engine, "user:1", None).await),
        "AF"
    );
    let row = row_of(&bench, 1);
    let skip = (&*row, "it waited for too long");
    let processed = unpark(&bench, &engine, "user:1", Some(skip)).await;
    assert_eq!(outcomes(&processed), "D");
    assert_eq!(bench.codes(), ["unlucky", "skipped"]);
    assert_eq!(parked_items(&bench), 0);
    down.store(false, Ordering::SeqCst);
    assert_eq!(
        outcomes(&redrive(&bench, &engine, &records[1..]).await),
        "A",
        "its mark says that it may be put back alone"
    );
}

#[tokio::test]
async fn a_dead_letter_that_fails_again_alone_does_not_park_its_key() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let records = [poison(0, "1")];
    bench.run(&engine, &records).await;
    let row = row_of(&bench, 0);
    let skip = (&*row, "nobody needs it");
    assert!(is_free(
        &unpark(&bench, &engine, "user:1", Some(skip)).await
    ));
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "D");
    assert_eq!(parked_items(&bench), 0);
}

#[tokio::test]
async fn a_record_that_fails_when_its_turn_comes_is_a_dead_letter_then() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    let records = [charged(0, "a", "1", 13), charged(1, "b", "1", -99)];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "DP");
    fix.roll_out();
    assert_eq!(
        outcomes(&unpark(&bench, &engine, "user:1", None).await),
        "AD"
    );
    assert_eq!(bench.codes(), ["unlucky", "insufficient_balance"]);
    assert_eq!(parked_items(&bench), 2, "the flag and its row");
}

/// A zombie of the time before the key was parked may have applied it after all.
#[tokio::test]
async fn a_parked_record_that_was_applied_by_other_means_only_loses_its_row() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    bench.run(&engine, &[charged(0, "a", "1", 13)]).await;
    let (key, mark) = bench
        .store
        .table("state")
        .into_iter()
        .find(|(key, _)| key.sort == "mark")
        .unwrap();
    let mut body = mark.body;
    body.insert("mark".into(), Value::from("applied"));
    bench.store.seed(key, &Value::Object(body));
    fix.roll_out();
    let processed = unpark(&bench, &engine, "user:1", None).await;
    assert_eq!(outcomes(&processed), "U");
    assert!(is_free(&processed));
    assert_eq!(bench.account("1"), None, "not a second time");
    assert_eq!(parked_items(&bench), 0);
}

/// An operator who got no answer gives the order again.
#[tokio::test]
async fn a_skip_that_is_ordered_twice_gives_up_one_record() {
    let bench = Bench::new();
    let engine = bench.engine(Parking(charge));
    let records = [poison(0, "1"), poison(1, "1"), charged(2, "c", "1", 2)];
    bench.run(&engine, &records).await;
    let row = row_of(&bench, 0);
    let skip = Some((&*row, "the customer took it back"));
    let first = unpark(&bench, &engine, "user:1", skip).await;
    assert_eq!(
        outcomes(&first),
        "DDF",
        "the second is a failure of its own"
    );
    let second = unpark(&bench, &engine, "user:1", skip).await;
    assert_eq!(
        second.answer,
        Answer::Fail {
            unfinished: 0,
            code: "another_head"
        }
    );
    assert_eq!(parked_items(&bench), 3, "the flag and two rows");
}

/// While the rows are put back, the mapping delivers the next record of the key.
#[tokio::test]
async fn a_record_that_arrives_meanwhile_overtakes_nothing() {
    // Before which of the transactions it arrives: the rows' own, or the dropping of the flag.
    for arrives_before in 0..2 {
        let (bench, fix) = (Bench::new(), Fix::default());
        let usual = bench.engine(Parking(fix.charge()));
        bench
            .run(&usual, &[charged(0, "a", "1", 13), charged(1, "b", "1", 2)])
            .await;
        fix.roll_out();
        let payload = EventBuilder::new().record(&charged(2, "c", "1", 3)).build();
        let arrival = invocation("arrival", &bench.timer);
        let store = Interposed::new(&bench.store, move |number, _: &Transaction| {
            if number == arrives_before {
                let run = usual.process(&payload, &arrival);
                let done = futures_util::FutureExt::now_or_never(run).unwrap().unwrap();
                assert_eq!(outcomes(&done), "P");
            }
            Verdict::Pass
        });
        let engine = bench.engine_over(Parking(fix.charge()), store, bench.letters.clone());
        let processed = unpark(&bench, &engine, "user:1", None).await;
        assert!(is_free(&processed));
        assert_eq!(bench.account("1").unwrap().history, [13, 2, 3]);
        assert_eq!(parked_items(&bench), 0);
    }
}

#[tokio::test]
async fn lost_answers_put_nothing_back_twice() {
    for lost in 0..2 {
        let (bench, fix) = (Bench::new(), Fix::default());
        bench
            .run(
                &bench.engine(Parking(fix.charge())),
                &[charged(0, "a", "1", 13)],
            )
            .await;
        fix.roll_out();
        let store = Interposed::new(&bench.store, move |number, _: &Transaction| {
            if number == lost {
                return Verdict::FailAfter(CommitError::Unknown("the connection broke".into()));
            }
            Verdict::Pass
        });
        let engine = bench.engine_over(Parking(fix.charge()), store, bench.letters.clone());
        assert!(is_free(&unpark(&bench, &engine, "user:1", None).await));
        assert_eq!(bench.account("1").unwrap().history, [13]);
    }
}

/// More rows than one page, some of them of records that take several.
#[tokio::test]
async fn many_parked_records_come_back_whole_and_in_order() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    let records: Vec<_> = (0..240)
        .map(|n| {
            let padding = "x".repeat(if n % 60 == 0 { 250_000 } else { 0 });
            let amount = if n == 0 { 13 } else { n };
            let value = json!({ "event_id": format!("e-{n}"), "user_id": "1", "amount": amount,
                "note": padding });
            KafkaRecord::new(common::BALANCES, 0, n)
                .key("user:1")
                .json(&value)
        })
        .collect();
    for (n, batch) in records.chunks(40).enumerate() {
        bench.run_as(&engine, &format!("r-{n}"), batch).await;
    }
    fix.roll_out();
    let processed = unpark(&bench, &engine, "user:1", None).await;
    assert!(is_free(&processed));
    let expected: Vec<i64> = std::iter::once(13).chain(1..240).collect();
    assert_eq!(bench.account("1").unwrap().history, expected);
    assert_eq!(parked_items(&bench), 0);
}

#[tokio::test]
async fn a_parked_row_of_another_form_loses_nothing() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    bench.run(&engine, &[charged(0, "a", "1", 13)]).await;
    let (key, row) = bench
        .store
        .table("state")
        .into_iter()
        .find(|(key, _)| key.sort.starts_with("row#"))
        .unwrap();
    let mut body = row.body;
    body.insert("chunks".into(), Value::from(7));
    bench.store.seed(key, &Value::Object(body));
    let processed = unpark(&bench, &engine, "user:1", None).await;
    assert_eq!(
        processed.answer,
        Answer::Fail {
            unfinished: 0,
            code: "parked_unreadable"
        }
    );
    assert_eq!(parked_items(&bench), 2);
}
