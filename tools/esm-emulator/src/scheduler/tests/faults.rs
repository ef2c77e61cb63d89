//! Faults on purpose: esm-spec §9.12.

use super::*;

fn with_fault(fault: Fault) -> Bench {
    let faults = FaultPlan::planned([(1, fault)]);
    Bench::with(
        &config(),
        Switches {
            faults,
            ..Switches::default()
        },
    )
}

#[test]
fn a_duplicated_batch_is_delivered_twice_and_committed_once() {
    let mut bench = with_fault(Fault::DuplicateBatch);
    bench.produce(0, 0..2);
    for _ in 0..2 {
        let (number, records) = bench.next().unwrap();
        assert_eq!(records, at(0, 0..2));
        bench.succeed(number);
    }
    assert_eq!(bench.next(), None);
    assert_eq!(bench.metrics().committed_event_count, 2);
}

#[test]
fn a_poller_killed_before_its_commit_starts_from_the_committed_offset() {
    let mut bench = with_fault(Fault::KillBeforeCommit);
    bench.produce(0, 0..2);
    let (number, _) = bench.next().unwrap();
    bench.succeed(number);
    assert_eq!(bench.next(), None);
    assert_eq!((bench.reassigned, bench.committed.len()), (1, 0));
    bench.produce(0, 0..2);
    assert_eq!(bench.next().unwrap().1, at(0, 0..2));
}

#[test]
fn an_answer_from_before_a_rebalance_is_not_read() {
    let mut bench = with_fault(Fault::Rebalance);
    bench.produce(0, 0..2);
    let (zombie, _) = bench.next().unwrap();
    assert_eq!(bench.next(), None);
    assert_eq!(bench.reassigned, 1);
    bench.produce(0, 0..2);
    let (number, records) = bench.next().unwrap();
    assert_eq!(records, at(0, 0..2));
    bench.succeed(zombie);
    assert_eq!(bench.next(), None);
    assert!(bench.committed.is_empty());
    bench.succeed(number);
    bench.next();
    assert_eq!(bench.committed[&0], 2);
}
