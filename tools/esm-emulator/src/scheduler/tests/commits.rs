//! What is committed, what a stop leaves and when fetching pauses: esm-spec §2.1, §9.10.

use super::*;

#[test]
fn a_finished_batch_is_committed_behind_its_last_record() {
    let mut bench = Bench::new(&config());
    bench.produce(0, [4, 5, 9]);
    let (number, _) = bench.next().unwrap();
    assert!(bench.committed.is_empty());
    bench.succeed(number);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.committed, BTreeMap::from([(0, 10)]));
    assert_eq!(bench.metrics().committed_event_count, 3);
}

#[test]
fn a_failed_commit_is_counted_and_tried_again() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..1);
    let (number, _) = bench.next().unwrap();
    bench.succeed(number);
    let Step::Commit(positions) = bench.scheduler.next_step(bench.now_ms) else {
        panic!("no commit")
    };
    bench.scheduler.committed(&positions, false, bench.now_ms);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.until_ms, Some(bench.now_ms + 100));
    bench.now_ms += 100;
    assert_eq!(bench.next(), None);
    assert_eq!(bench.committed[&0], 1);
    assert_eq!(bench.metrics().commit_error_count, 1);
}

#[test]
fn lag_is_what_is_not_committed() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..3);
    let lag = bench.scheduler.lag(&[(0, 3), (1, 2)]);
    assert_eq!((lag.max(), lag.sum(), lag.is_idle()), (3, 5, false));
    let (number, _) = bench.next().unwrap();
    bench.succeed(number);
    bench.next();
    assert_eq!(bench.scheduler.lag(&[(0, 3), (1, 2)]).sum(), 2);
    assert_eq!(bench.metrics().sum_offset_lag, 2);
    assert!(bench.scheduler.lag(&[(0, 3), (1, 0)]).is_idle());
}

#[test]
fn a_draining_scheduler_finishes_what_is_in_flight_and_starts_nothing() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 1,
        ..config()
    });
    bench.produce(0, 0..2);
    let (number, _) = bench.next().unwrap();
    bench.scheduler.drain();
    assert!(!bench.scheduler.is_drained());
    bench.succeed(number);
    assert_eq!(bench.next(), None);
    assert!(bench.scheduler.is_drained());
    assert_eq!(bench.committed[&0], 1);
}

#[test]
fn a_partition_that_waits_stops_fetching_and_goes_on_later() {
    let mut bench = Bench::new(&MappingConfig {
        batch_size: 6_000,
        ..config()
    });
    bench.produce(0, 0..12_001);
    assert_eq!(bench.scheduler.pause_changes(), [(0, true)]);
    assert_eq!(bench.scheduler.pause_changes(), []);
    // Half is 6,000: after the first batch one record more is left.
    for changes in [Vec::new(), vec![(0, false)]] {
        let (number, _) = bench.next().unwrap();
        bench.succeed(number);
        assert_eq!(bench.scheduler.pause_changes(), changes);
    }
}

#[test]
fn a_draining_scheduler_gives_up_a_commit_that_fails() {
    let mut bench = Bench::new(&config());
    bench.produce(0, 0..1);
    let (number, _) = bench.next().unwrap();
    bench.scheduler.drain();
    bench.succeed(number);
    let Step::Commit(positions) = bench.scheduler.next_step(bench.now_ms) else {
        panic!("no commit")
    };
    bench.scheduler.committed(&positions, false, bench.now_ms);
    assert!(bench.scheduler.is_drained());
}
