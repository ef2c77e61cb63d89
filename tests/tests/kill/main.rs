//! The kill test: many records, real function processes killed with SIGKILL at random moments, batches delivered
//! twice, mappings that die before they commit. Nothing is lost, nothing happens twice, the order of each key holds.
//!
//! `plan` draws the records, `run` lets them through, `killer` kills, `watch` looks at what is delivered; `replay` says
//! what the records must come to, and `judge` compares that with the tables, the queue and the topics alone.
//! `KILL_SEED=n` repeats the records, the faults of the mappings and the killer's choices; what real processes are doing
//! when they are killed no seed can repeat. `KILL_RECORDS=n` sets the size.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod judge;
mod killer;
mod plan;
mod replay;
mod run;
mod summary;
mod watch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use esm_emulator::Partial;

use replay::{Expected, KnownBy};
use run::Case;

/// Records of the great run.
const RECORDS: usize = 20_000;
/// The records that one may ask for: enough to be killed at, and not more than the embedded Kafka keeps.
const RECORDS_MIN: usize = 10_000;
const RECORDS_MAX: usize = 80_000;
/// The smaller runs have this share of the great one.
const SMALLER: usize = 5;
/// The records of the run that the judge itself is tried on.
const RECORDS_FOR_THE_JUDGE: usize = 1_000;
/// Differences that are shown.
const SHOWN_MAX: usize = 40;
/// How long everything but the mappings may take: servers, builds, producing, reading out.
const AROUND_LIMIT: Duration = Duration::from_mins(25);

/// The runs take turns: each is to have the machine to itself.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_or_overtaken_when_processes_are_killed() {
    kill_test(Case {
        name: "listed records come back",
        seed: seed(),
        records: records(),
        is_provisioned: true,
        partial: Partial::ListedOnly,
        known_by: KnownBy::EventId,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_are_survived_by_position_where_all_from_the_lowest_offset_come_back() {
    kill_test(Case {
        name: "all from the lowest offset come back, histories by position",
        seed: seed(),
        records: records() / SMALLER,
        is_provisioned: true,
        partial: Partial::FromLowestOffset,
        known_by: KnownBy::Position,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_are_survived_on_demand_where_whole_batches_come_back() {
    kill_test(Case {
        name: "on demand",
        seed: seed(),
        records: records() / SMALLER,
        is_provisioned: false,
        partial: Partial::ListedOnly,
        known_by: KnownBy::EventId,
    })
    .await;
}

/// A check that cannot fail proves nothing: the same run, held against a replay that is wrong on purpose.
#[tokio::test(flavor = "multi_thread")]
async fn the_judge_finds_what_is_lost_done_twice_or_refused_without_need() {
    let _turn = TURN.lock().await;
    let case = Case {
        name: "for the judge",
        seed: seed(),
        records: RECORDS_FOR_THE_JUDGE,
        is_provisioned: true,
        partial: Partial::ListedOnly,
        known_by: KnownBy::Position,
    };
    summary::say(&format!("KILL_SEED={} ({})", case.seed, case.name));
    let mut run = case.run(env!("CARGO_BIN_EXE_history-function")).await;
    assert_eq!(judge::differences(&run).0, [""; 0]);

    let [histories, orders] = &mut run.traces[..] else {
        panic!("two functions are under test");
    };
    // By positions a repeated charge takes effect again: a replay by event ids takes that for done twice.
    let (planned, positions) = (&histories.planned, &histories.positions);
    histories.expected = Expected::of(planned, positions, KnownBy::EventId);
    let scarce = orders.expected.wanting_the_scarce();
    let mut known = orders.expected.orders.keys();
    let lost = known
        .find(|order| !scarce.contains(*order))
        .unwrap()
        .clone();
    orders.expected.orders.remove(&lost);
    let (refused, code) = orders.expected.letters.pop_first().unwrap();
    orders
        .expected
        .letters
        .insert((refused, format!("not-{code}")));
    let found = judge::differences(&run).0.join("\n");
    for difference in [
        "history of u-".to_owned(),
        format!("orders: {lost:?} should not be there"),
        format!("\"{code}\") should not be there"),
        format!("\"not-{code}\") is missing"),
        "available, reserved and changes of p-".to_owned(),
    ] {
        assert!(found.contains(&difference), "{difference} in {found}");
    }
}

async fn kill_test(case: Case) {
    let _turn = TURN.lock().await;
    summary::say(&format!("KILL_SEED={} ({})", case.seed, case.name));
    let running = case.run(env!("CARGO_BIN_EXE_history-function"));
    let limit = case.limit() + AROUND_LIMIT;
    let run = tokio::time::timeout(limit, running).await;
    let run = run.unwrap_or_else(|_| panic!("the run did not end within {limit:?}"));
    let summary = summary::of(&run);
    summary::say(&summary);
    let found = judge::differences(&run).0;
    let shown: Vec<_> = found.iter().take(SHOWN_MAX).map(String::as_str).collect();
    assert!(
        found.is_empty(),
        "{} differences; repeat with KILL_SEED={}\n  {}\n{summary}\n{}",
        found.len(),
        case.seed,
        shown.join("\n  "),
        summary::details(&run),
    );
    summary::was_hard(&run);
}

/// The seed that is asked for, or one of the clock's.
fn seed() -> u64 {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    asked("KILL_SEED").unwrap_or_else(|| u64::from(clock().subsec_nanos()))
}

fn records() -> usize {
    let records = asked("KILL_RECORDS").unwrap_or(RECORDS);
    assert!(
        (RECORDS_MIN..=RECORDS_MAX).contains(&records),
        "KILL_RECORDS is {records}: it must be {RECORDS_MIN} to {RECORDS_MAX}"
    );
    records
}

fn asked<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text:?}: it must be a whole number")))
}
