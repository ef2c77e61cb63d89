//! What partial batch responses bring back: esm-spec §2.3, §2.4, §9.7.

use super::*;

#[test]
fn listed_only_brings_back_the_listed_records_alone() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..5);
    bench.produce(1, 0..2);
    let (number, _) = bench.next().unwrap();
    bench.list(number, &[(0, 1), (0, 3)]);
    let (number, records) = bench.next_in_time().unwrap();
    assert_eq!(records, [(0, 1), (0, 3)]);
    assert_eq!(bench.committed, BTreeMap::from([(0, 1), (1, 2)]));
    assert_eq!(bench.metrics().failed_invoke_event_count, 2);
    assert_eq!(bench.metrics().invoke_error_count, 0);
    bench.succeed(number);
    bench.next();
    assert_eq!(bench.committed[&0], 5);
}

#[test]
fn from_lowest_offset_brings_back_all_from_there_on() {
    let switches = Switches {
        partial: Partial::FromLowestOffset,
        ..Switches::default()
    };
    let mut bench = Bench::with(&config(), switches);
    bench.produce(0, 0..5);
    bench.produce(1, 0..3);
    bench.produce(2, 0..3);
    let (number, _) = bench.next().unwrap();
    bench.list(number, &[(0, 3), (0, 2), (2, 1)]);
    let (_, records) = bench.next_in_time().unwrap();
    assert_eq!(records, [at(0, 2..5), at(2, 1..3)].concat());
    assert_eq!(bench.committed, BTreeMap::from([(0, 2), (1, 3), (2, 1)]));
}

#[test]
fn other_partitions_go_on_while_listed_records_wait() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..2);
    bench.produce(1, 0..2);
    let (number, _) = bench.next().unwrap();
    bench.list(number, &[(0, 0)]);
    bench.produce(0, 2..4);
    bench.produce(1, 2..4);
    let (number, records) = bench.next().unwrap();
    assert_eq!(records, at(1, 2..4));
    bench.succeed(number);
    let (number, records) = bench.next_in_time().unwrap();
    assert_eq!(records, [(0, 0)]);
    bench.succeed(number);
    assert_eq!(bench.next().unwrap().1, at(0, 2..4));
}

#[test]
fn a_malformed_response_fails_the_whole_batch_unsplit() {
    let config = MappingConfig {
        bisect_batch_on_function_error: true,
        ..config()
    };
    let mut bench = Bench::new(&config);
    bench.produce(0, 0..3);
    for body in [
        json!({"statusCode": 200}),
        json!({"batchItemFailures": [{"itemIdentifier": "orders.v1-0-1"}]}),
    ] {
        let (number, records) = bench.next_in_time().unwrap();
        assert_eq!(records, at(0, 0..3));
        bench.answer(number, &body);
    }
    let (number, _) = bench.next_in_time().unwrap();
    bench.list(number, &[(0, 7)]);
    assert_eq!(bench.next_in_time().unwrap().1, at(0, 0..3));
    assert_eq!(bench.metrics().invoke_error_count, 3);
    assert_eq!(bench.metrics().failed_invoke_event_count, 9);
}

#[test]
fn the_body_is_ignored_without_batch_item_failures_or_on_demand() {
    let on_demand = MappingConfig {
        provisioned_pollers: None,
        report_batch_item_failures: false,
        ..config()
    };
    for config in [
        MappingConfig {
            report_batch_item_failures: false,
            ..config()
        },
        on_demand,
    ] {
        let mut bench = Bench::new(&config);
        bench.produce(0, 0..2);
        let (number, _) = bench.next().unwrap();
        bench.list(number, &[(0, 0)]);
        assert_eq!(bench.next(), None);
        assert_eq!(bench.committed[&0], 2);
    }
}
