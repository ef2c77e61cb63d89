//! How failed batches are split: esm-spec §2.2, §9.8.

use super::*;

#[test]
fn bisection_narrows_a_function_error_to_its_record() {
    let config = MappingConfig {
        bisect_batch_on_function_error: true,
        ..with_destination(1)
    };
    let mut bench = Bench::new(&config);
    bench.produce(0, 0..8);
    while let Some((number, records)) = bench.next_in_time() {
        if records.contains(&(0, 5)) {
            bench.fail(number);
        } else {
            bench.succeed(number);
        }
    }
    assert_eq!(bench.committed[&0], 8);
    assert_eq!(bench.metrics().dropped_event_count, 1);
    let info = &bench.documents[0]["KafkaBatchInfo"]["recordsInfo"]["orders.v1-0"];
    assert_eq!(
        (&info["firstRecordOffset"], &info["lastRecordOffset"]),
        (&json!("5"), &json!("5"))
    );
    // 8, 4, 2, 1 and, as a split uses up no attempt, 1 again.
    assert_eq!(
        bench.documents[0]["requestContext"]["approximateInvokeCount"],
        5
    );
}

#[test]
fn the_later_half_of_a_partition_waits_for_the_earlier() {
    let mut bench = Bench::new(&MappingConfig {
        bisect_batch_on_function_error: true,
        ..config()
    });
    bench.produce(0, 0..4);
    let (number, _) = bench.next().unwrap();
    bench.fail(number);
    let (number, records) = bench.next_in_time().unwrap();
    assert_eq!(records, at(0, 0..2));
    assert_eq!(bench.next_in_time(), None);
    bench.succeed(number);
    assert_eq!(bench.next().unwrap().1, at(0, 2..4));
}

#[test]
fn halves_without_a_common_partition_run_side_by_side() {
    let mut bench = Bench::new(&MappingConfig {
        bisect_batch_on_function_error: true,
        ..config()
    });
    bench.produce(0, 0..2);
    bench.produce(1, 0..2);
    let (number, _) = bench.next().unwrap();
    bench.fail(number);
    assert_eq!(bench.next_in_time().unwrap().1, at(0, 0..2));
    assert_eq!(bench.next().unwrap().1, at(1, 0..2));
}

#[test]
fn a_split_uses_up_an_attempt_if_the_switch_says_so() {
    for (split_counts, invocations) in [(false, 4 + 2 + 1), (true, 1 + 2)] {
        let switches = Switches {
            split_counts,
            ..Switches::default()
        };
        let config = MappingConfig {
            bisect_batch_on_function_error: true,
            maximum_retry_attempts: i64::from(split_counts),
            ..config()
        };
        let mut bench = Bench::with(&config, switches);
        bench.produce(0, 0..4);
        assert_eq!(bench.fail_all().len(), invocations);
        assert_eq!(bench.committed[&0], 4);
        assert_eq!(bench.metrics().dropped_event_count, 4);
    }
}
