//! What a run was like, in one line, and whether it was hard enough to prove anything.

use crate::run::{Run, Trace};

/// One kill in flight is required for so many records.
const RECORDS_PER_KILL: u64 = 500;
/// A run of so many records has to see processes die before, between and behind their commits.
const RECORDS_OF_EVERY_DEATH: u64 = 20_000;

/// Prints a line; the test harness shows it with `--nocapture` or when the test fails.
#[allow(
    clippy::print_stdout,
    reason = "the summary is for whoever runs the test"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Returns the line.
pub(crate) fn of(run: &Run) -> String {
    let sum = |of: fn(&Trace) -> u64| run.traces.iter().map(of).sum::<u64>();
    let kills = run.kills;
    format!(
        "kill test ({}): seed {}, {} records, {} deliveries in {} invocations, {} read again; \
         {} processes killed: {} in flight, {} idle, {} starting; {} invocations lost; of {} that died with new records, \
         {} had committed nothing, {} a part, {} all; {} duplicate batches; {} letters; {:.1} s",
        run.case.name,
        run.case.seed,
        sum(records),
        sum(|trace| trace.seen.deliveries),
        sum(|trace| trace.seen.invocations),
        sum(read_again),
        kills.in_flight + kills.idle + kills.starting,
        kills.in_flight,
        kills.idle,
        kills.starting,
        sum(|trace| trace.seen.crashes),
        sum(|trace| {
            let seen = &trace.seen;
            seen.died_before_commits + seen.died_between_commits + seen.died_behind_commits
        }),
        sum(|trace| trace.seen.died_before_commits),
        sum(|trace| trace.seen.died_between_commits),
        sum(|trace| trace.seen.died_behind_commits),
        sum(|trace| trace.seen.duplicate_batches),
        run.messages.letters.len(),
        run.took.as_secs_f64(),
    )
}

/// Returns what is known of each function, for a run that failed.
pub(crate) fn details(run: &Run) -> String {
    let lines = run.traces.iter().map(|trace| {
        let Trace { subject, stats, .. } = trace;
        format!(
            "{}: {:?}\n  {stats:?}\n  committed {:?} of {:?}",
            subject.function, trace.metrics, trace.committed, trace.ends
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Fails for a run in which too little went wrong.
pub(crate) fn was_hard(run: &Run) {
    let sum = |of: fn(&Trace) -> u64| run.traces.iter().map(of).sum::<u64>();
    let records_produced = sum(records);
    let wanted = records_produced / RECORDS_PER_KILL;
    let in_flight = run.kills.in_flight;
    assert!(
        in_flight >= wanted,
        "only {in_flight} of {wanted} processes were killed in flight"
    );
    assert!(
        sum(|trace| trace.seen.duplicate_batches) > 0,
        "no batch came twice"
    );
    assert!(sum(read_again) > 0, "nothing was read again");
    for Trace { subject, seen, .. } in &run.traces {
        let function = subject.function;
        assert!(
            seen.crashes > 0,
            "{function}: no process died with work in hand"
        );
    }
    if records_produced >= RECORDS_OF_EVERY_DEATH {
        let deaths = [
            sum(|trace| trace.seen.died_before_commits),
            sum(|trace| trace.seen.died_between_commits),
            sum(|trace| trace.seen.died_behind_commits),
        ];
        let everywhere = deaths.iter().all(|deaths| *deaths > 0);
        assert!(
            everywhere,
            "deaths before, between and behind commits: {deaths:?}"
        );
    }
}

/// Records that were read again, because a mapping had died or its partitions were assigned anew.
fn read_again(trace: &Trace) -> u64 {
    trace
        .metrics
        .polled_event_count
        .saturating_sub(records(trace))
}

fn records(trace: &Trace) -> u64 {
    u64::try_from(trace.planned.len()).unwrap()
}
