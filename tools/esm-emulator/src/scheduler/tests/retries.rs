//! Attempts, pauses, age and giving up: esm-spec §2.1, §2.2, §9.8, §9.9.

use super::*;

#[test]
fn a_function_error_brings_back_the_whole_batch_for_ever() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..2);
    for _ in 0..100 {
        let (number, records) = bench.next_in_time().unwrap();
        assert_eq!(records, at(0, 0..2));
        bench.fail(number);
    }
    assert!(bench.committed.is_empty());
    assert_eq!(bench.metrics().invoke_error_count, 100);
    assert_eq!(bench.metrics().failed_invoke_event_count, 200);
}

#[test]
fn pauses_between_retries_grow() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..1);
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let (number, _) = bench.next_in_time().unwrap();
        bench.fail(number);
        assert_eq!(bench.next(), None);
        pauses.push(bench.until_ms.unwrap() - bench.now_ms);
    }
    assert_eq!(pauses[..4], [100, 200, 400, 800]);
    assert_eq!(pauses[9..], [30_000, 30_000]);
}

#[test]
fn exhausted_retries_end_in_a_document_and_a_commit_behind_it() {
    let mut bench = Bench::new(&with_destination(2));
    bench.produce(0, 0..2);
    assert_eq!(bench.fail_all().len(), 3);
    assert_eq!(bench.committed[&0], 2);
    let document = &bench.documents[0];
    assert_eq!(
        document["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
    assert_eq!(document["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(document["responseContext"]["functionError"], "Unhandled");
    assert_eq!(
        document["KafkaBatchInfo"]["recordsInfo"]["orders.v1-0"]["lastRecordOffset"],
        "1"
    );
    assert_eq!(bench.metrics().dropped_event_count, 2);
    assert_eq!(
        bench.metrics().on_failure_destination_delivered_event_count,
        2
    );
}

#[test]
fn nothing_is_committed_before_the_document_is_delivered() {
    let mut bench = Bench::new(&with_destination(0));
    bench.produce(0, 0..1);
    let (number, _) = bench.next().unwrap();
    bench.fail(number);
    let Step::Deliver { delivery, .. } = bench.scheduler.next_step(bench.now_ms) else {
        panic!("no document")
    };
    assert_eq!(bench.next(), None);
    assert!(bench.committed.is_empty());
    bench
        .scheduler
        .delivered(delivery, &Err(OnFailureError::TimedOut));
    assert_eq!(bench.next(), None);
    assert_eq!(bench.committed[&0], 1);
    assert_eq!(
        bench.metrics().on_failure_destination_delivery_error_count,
        1
    );
    assert_eq!(
        bench.metrics().on_failure_destination_delivered_event_count,
        0
    );
}

#[test]
fn no_retries_means_one_attempt() {
    let mut bench = Bench::new(&MappingConfig {
        maximum_retry_attempts: 0,
        ..config()
    });
    bench.produce(0, 0..2);
    assert_eq!(bench.fail_all().len(), 1);
    assert_eq!((bench.committed[&0], bench.documents.len()), (2, 0));
    assert_eq!(bench.metrics().dropped_event_count, 2);
}

#[test]
fn no_limit_with_a_destination_means_eleven_attempts() {
    let mut bench = Bench::new(&with_destination(-1));
    bench.produce(0, 0..1);
    assert_eq!(bench.fail_all().len(), 11);
    assert_eq!(
        bench.documents[0]["requestContext"]["approximateInvokeCount"],
        11
    );
}

#[test]
fn exhausted_partial_failures_discard_the_listed_records_alone() {
    let mut bench = Bench::new(&with_destination(1));
    bench.produce(0, 0..3);
    for _ in 0..2 {
        let (number, _) = bench.next_in_time().unwrap();
        bench.list(number, &[(0, 1)]);
    }
    assert_eq!(bench.next(), None);
    assert_eq!(bench.committed[&0], 3);
    assert_eq!(bench.metrics().dropped_event_count, 1);
    assert_eq!(
        bench.documents[0]["responseContext"].get("functionError"),
        None
    );
}

#[test]
fn throttles_do_not_use_up_attempts_unless_the_switch_says_so() {
    for (throttle_counts, dropped) in [(false, 0), (true, 1)] {
        let switches = Switches {
            throttle_counts,
            ..Switches::default()
        };
        let mut bench = Bench::with(&with_destination(1), switches);
        bench.produce(0, 0..1);
        for _ in 0..2 {
            let (number, _) = bench.next_in_time().unwrap();
            bench.throttle(number);
        }
        assert_eq!(bench.next_in_time().is_none(), throttle_counts);
        assert_eq!(bench.metrics().dropped_event_count, dropped);
        assert_eq!(bench.metrics().invoke_error_count, 2);
    }
}

#[test]
fn a_timeout_is_a_function_error() {
    let mut bench = Bench::new(&with_destination(0));
    bench.produce(0, 0..1);
    let (number, _) = bench.next().unwrap();
    bench
        .scheduler
        .complete(number, &Err(InvokeError::TimedOut), bench.now_ms);
    assert_eq!(bench.next(), None);
    assert_eq!(
        bench.documents[0]["responseContext"]["functionError"],
        "Unhandled"
    );
}

#[test]
fn records_that_are_too_old_are_dropped_before_an_attempt() {
    let config = MappingConfig {
        maximum_record_age_seconds: 60,
        ..with_destination(-1)
    };
    let mut bench = Bench::new(&config);
    bench.produce_one(0, 0, bench.now_ms - 60_001, 1);
    bench.produce_one(0, 1, bench.now_ms - 60_000, 1);
    let (number, records) = bench.next().unwrap();
    assert_eq!(records, [(0, 1)]);
    assert_eq!(bench.metrics().dropped_event_count, 1);
    bench.fail(number);
    assert_eq!(bench.next_in_time(), None);
    assert_eq!(bench.committed[&0], 2);
    let told: Vec<_> = bench
        .documents
        .iter()
        .map(|document| {
            let context = &document["requestContext"];
            (
                context["condition"].clone(),
                context["approximateInvokeCount"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("RecordAgeExceeded"), json!(0)),
            (json!("RecordAgeExceeded"), json!(1))
        ]
    );
}

#[test]
fn without_an_age_limit_nothing_is_too_old() {
    let mut bench = Bench::new(&config());
    bench.produce_one(0, 0, -1, 1);
    assert_eq!(bench.next().unwrap().1, [(0, 0)]);
}
