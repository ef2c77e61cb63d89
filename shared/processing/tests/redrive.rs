//! Putting dead letters back one by one: once, whatever arrives meanwhile.
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

use common::redriving::{Fix, count_once, redrive};
use common::{
    Bench, Counter, Parking, Positioned, Skipping, activity, charge, charged, code_of, outcomes,
};
use processing::{Record, Rejection, Work};

#[tokio::test]
async fn a_dead_letter_is_put_back_once() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Skipping(fix.charge()));
    let records = [charged(0, "a", "1", 13)];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "D");
    fix.roll_out();
    assert_eq!(
        outcomes(&bench.run_as(&engine, "again", &records).await),
        "U",
        "only redrive may"
    );
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "A");
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "U");
    assert_eq!(bench.account("1").unwrap().history, [13]);
}

#[tokio::test]
async fn a_dead_letter_that_fails_again_is_the_same_letter() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Skipping(fix.charge()));
    let records = [charged(0, "a", "1", 13)];
    bench.run(&engine, &records).await;
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "D");
    assert_eq!(bench.letters.letters().len(), 1);
}

#[tokio::test]
async fn an_applied_record_is_not_redriven() {
    let bench = Bench::new();
    let engine = bench.engine(Skipping(charge));
    let records = [charged(0, "a", "1", 5)];
    bench.run(&engine, &records).await;
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "U");
    assert_eq!(bench.account("1").unwrap().history, [5]);
}

#[tokio::test]
async fn a_dead_letter_below_the_fence_is_put_back_once() {
    let (bench, fixed) = (Bench::new(), Arc::new(AtomicBool::new(false)));
    let gate = fixed.clone();
    let engine = bench.engine(Positioned(
        move |record: &Record<_>, work: &mut Work<'_>| {
            if record.position.offset == 1 && !gate.load(Ordering::SeqCst) {
                return Err(Rejection::permanent(
                    "unlucky",
                    "the code cannot do the second",
                ));
            }
            work.add::<Counter>("only", "count", 1);
            Ok(())
        },
    ));
    let records = [activity(0, "u"), activity(1, "u"), activity(2, "u")];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "ADA");
    fixed.store(true, Ordering::SeqCst);
    assert_eq!(
        outcomes(&redrive(&bench, &engine, &records[1..2]).await),
        "A"
    );
    assert_eq!(
        outcomes(&redrive(&bench, &engine, &records[1..2]).await),
        "U"
    );
    assert_eq!(
        outcomes(&bench.run_as(&engine, "late", &records).await),
        "UUU"
    );
    assert_eq!(bench.count(), 3);
    let early = redrive(&bench, &engine, &[activity(3, "u")]).await;
    assert_eq!(code_of(&early.records[0].outcome), "not_delivered_yet");
}

/// Nobody but its letter's marker tells it from one that was applied.
#[tokio::test]
async fn a_record_below_the_fence_that_was_applied_is_not_put_back() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_once));
    let records = [activity(0, "u"), activity(1, "u")];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "AA");
    let processed = redrive(&bench, &engine, &records[1..]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "not_put_aside");
    assert_eq!(bench.count(), 2);
}

#[tokio::test]
async fn a_record_of_a_topic_made_again_is_put_back_only_after_its_delivery() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(count_once));
    bench
        .run(&engine, &[activity(0, "u"), activity(1, "u")])
        .await;
    let mut made_again = activity(0, "u");
    made_again.timestamp_ms = Some(1_790_000_001_000);
    let early = redrive(&bench, &engine, std::slice::from_ref(&made_again)).await;
    assert_eq!(code_of(&early.records[0].outcome), "not_delivered_yet");
    assert_eq!(
        outcomes(&bench.run_as(&engine, "delivery", &[made_again]).await),
        "A"
    );
    assert_eq!(bench.count(), 3);
}

#[tokio::test]
async fn a_parked_record_is_not_put_back_alone() {
    let (bench, fix) = (Bench::new(), Fix::default());
    let engine = bench.engine(Parking(fix.charge()));
    let records = [charged(0, "a", "1", 13), charged(1, "b", "1", 2)];
    bench.run(&engine, &records).await;
    fix.roll_out();
    let processed = redrive(&bench, &engine, &records[1..]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "parked");
    assert_eq!(bench.account("1"), None);
}
