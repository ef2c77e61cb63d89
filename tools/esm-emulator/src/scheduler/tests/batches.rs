//! How batches are formed: esm-spec §1.3, §9.4.

use super::*;

#[test]
fn a_batch_holds_records_of_several_partitions_in_order() {
    let mut bench = Bench::new(&config());
    bench.produce(1, 0..3);
    bench.produce(0, 0..2);
    let (_, records) = bench.next().unwrap();
    assert_eq!(records, [at(0, 0..2), at(1, 0..3)].concat());
}

#[test]
fn a_batch_never_exceeds_its_size() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 3,
        ..config()
    });
    bench.produce(0, 0..4);
    let (number, records) = bench.next().unwrap();
    assert_eq!(records, at(0, 0..3));
    assert_eq!(bench.next(), None);
    bench.succeed(number);
    assert_eq!(bench.next().unwrap().1, at(0, 3..4));
}

#[test]
fn a_batch_never_exceeds_6_mebibytes_of_json() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 10_000,
        ..config()
    });
    for n in 0..20 {
        bench.produce_one(n % 3, i64::from(n / 3), 0, 1_000_000);
    }
    let mut seen = 0;
    while let Some((number, event)) = bench.next_event() {
        assert!(event.len() <= 6_291_456, "{}", event.len());
        seen += positions(&event).len();
        bench.succeed(number);
    }
    assert_eq!(seen, 20);
    assert_eq!(bench.metrics().committed_event_count, 20);
}

#[test]
fn the_largest_record_that_fits_is_delivered() {
    let mut bench = Bench::new(&with_destination(0));
    let without_value = {
        bench.produce_one(0, 0, 0, 0);
        let (number, event) = bench.next_event().unwrap();
        bench.succeed(number);
        event.len()
    };
    let value_bytes = (6_291_456 - without_value) / 4 * 3;
    bench.produce_one(0, 1, 0, value_bytes);
    let (number, event) = bench.next_event().unwrap();
    assert!(
        (6_291_453..=6_291_456).contains(&event.len()),
        "{}",
        event.len()
    );
    bench.succeed(number);
    bench.produce_one(0, 2, 0, value_bytes + 3);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.committed[&0], 3);
    assert_eq!(
        bench.documents[0]["requestContext"]["condition"],
        "MaximumPayloadSizeExceeded"
    );
    assert_eq!(bench.documents[0]["responseContext"], Value::Null);
}

#[test]
fn an_oversized_record_without_destination_is_skipped_or_blocks() {
    for (oversized_without_destination, committed) in
        [(Oversized::Skip, Some(3)), (Oversized::Block, Some(1))]
    {
        let switches = Switches {
            oversized_without_destination,
            ..Switches::default()
        };
        let mut bench = Bench::with(&config(), switches);
        bench.produce(0, 0..1);
        bench.produce_one(0, 1, 0, 7_000_000);
        bench.produce(0, 2..3);
        while let Some((number, _)) = bench.next() {
            bench.succeed(number);
        }
        assert_eq!(bench.committed.get(&0).copied(), committed);
    }
}

#[test]
fn a_batch_waits_for_its_window_but_not_longer() {
    let mut bench = Bench::new(&MappingConfig {
        maximum_batching_window_seconds: Some(2),
        batch_size: 3,
        ..config()
    });
    bench.produce(0, 0..1);
    bench.now_ms += 1_500;
    bench.produce(1, 0..1);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.until_ms, Some(bench.now_ms + 500));
    bench.now_ms += 500;
    assert_eq!(bench.next().unwrap().1, [(0, 0), (1, 0)]);
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() {
    let mut bench = Bench::new(&MappingConfig {
        maximum_batching_window_seconds: Some(300),
        batch_size: 3,
        ..config()
    });
    bench.produce(0, 0..3);
    assert_eq!(bench.next().unwrap().1, at(0, 0..3));
}

#[test]
fn a_full_payload_does_not_wait_for_its_window() {
    let mut bench = Bench::new(&MappingConfig {
        maximum_batching_window_seconds: Some(300),
        ..config()
    });
    for offset in 0..5 {
        bench.produce_one(0, offset, 0, 1_000_000);
    }
    assert_eq!(bench.next().unwrap().1, at(0, 0..4));
}

#[test]
fn a_partition_is_never_in_two_batches_at_once() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 2,
        ..config()
    });
    bench.produce(0, 0..2);
    bench.produce(1, 0..2);
    let (first, records) = bench.next().unwrap();
    assert_eq!(records, at(0, 0..2));
    bench.produce(0, 2..4);
    assert_eq!(bench.next().unwrap().1, at(1, 0..2));
    assert_eq!(bench.next(), None);
    bench.succeed(first);
    assert_eq!(bench.next().unwrap().1, at(0, 2..4));
}

#[test]
fn five_invocations_are_in_flight_at_most() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 1,
        ..config()
    });
    for partition in 0..7 {
        bench.produce(partition, 0..1);
    }
    let started: Vec<_> = std::iter::from_fn(|| bench.next()).collect();
    assert_eq!(started.len(), 5);
    bench.succeed(started[0].0);
    assert_eq!(bench.next().unwrap().1, [(5, 0)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn no_partition_starves_behind_busier_ones() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 1,
        ..config()
    });
    for partition in 0..7 {
        bench.produce(partition, 0..3);
    }
    let mut order = Vec::new();
    while let Some((number, records)) = bench.next() {
        order.push(records[0].0);
        bench.succeed(number);
    }
    assert_eq!(order[..7], [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(order.len(), 21);
}
