//! A deterministic simulation that tries to lose, repeat or reorder a record (design §4.4).
//!
//! The real engine runs over a store in memory, under a mapping that may do all that esm-spec §9 and §10
//! leave open, with faults at every call of a port. An oracle that knows nothing of the engine looks at what
//! is left. `SEED=n` repeats one schedule and prints it; `SEEDS=n` runs that many.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it did"
)]

mod broker;
mod faults;
mod functions;
mod invocation;
mod mail;
mod mapping;
mod mutants;
mod naive;
mod operator;
mod oracle;
mod ports;
mod producers;
mod relay;
mod sim;
mod world;

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

use faults::{Fault, Tally};
use functions::PANIC_ON_PURPOSE;
use mutants::Mutant;
use world::Course;

/// Schedules of a usual run.
const SCHEDULES: u64 = 2_000;
/// Schedules within which a known-wrong protocol has to be caught.
const MUTANT_SCHEDULES_MAX: u64 = 10_000;
/// Schedules of the protocol that has to pass.
const CONTROL_SCHEDULES: u64 = 300;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A handler's panic that is part of a schedule is not worth a message.
fn hush_panics_on_purpose() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.to_string().contains(PANIC_ON_PURPOSE) {
                usual(info);
            }
        }));
    });
}

fn run(seed: u64, mutant: Option<Mutant>) -> Course {
    hush_panics_on_purpose();
    world::run(seed, mutant, false)
}

/// The whole course of a schedule that went wrong, or that somebody asked for.
fn print(seed: u64, mutant: Option<Mutant>) {
    let course = world::run(seed, mutant, true);
    println!("{}", course.schedule);
    course.trace.iter().for_each(|line| println!("{line}"));
    course
        .faults
        .iter()
        .for_each(|fault| println!("WRONG: {fault}"));
}

/// What many schedules came to.
#[derive(Default)]
struct Totals {
    tally: Tally,
    not_judged: u64,
    /// The first seed that went wrong, of those that were run, and how.
    wrong: Option<(u64, Vec<String>)>,
}

/// Runs these seeds on all cores, up to the first that goes wrong.
fn run_all(seeds: Range<u64>) -> Totals {
    let next = AtomicU64::new(seeds.start);
    let totals = Mutex::new(Totals::default());
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Totals::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        break;
                    }
                    let course = run(seed, None);
                    own.tally.add(&course.tally);
                    own.not_judged += u64::from(course.not_judged);
                    if !course.faults.is_empty() {
                        own.wrong = Some((seed, course.faults));
                        next.store(seeds.end, Ordering::SeqCst);
                    }
                }
                let mut totals = totals.lock().unwrap();
                totals.tally.add(&own.tally);
                totals.not_judged += own.not_judged;
                let wrong = totals.wrong.take().into_iter().chain(own.wrong);
                totals.wrong = wrong.min_by_key(|(seed, _)| *seed);
            });
        }
    });
    totals.into_inner().unwrap()
}

#[test]
fn no_schedule_loses_repeats_or_reorders_a_record() {
    if let Some(seed) = number_from("SEED") {
        hush_panics_on_purpose();
        print(seed, None);
        assert!(run(seed, None).faults.is_empty(), "seed {seed} went wrong");
        return;
    }
    let schedules = number_from("SEEDS").unwrap_or(SCHEDULES);
    let first = number_from("FIRST_SEED").unwrap_or(0);
    let Totals {
        tally,
        not_judged,
        wrong,
    } = run_all(first..first + schedules);
    if let Some((seed, faults)) = wrong {
        print(seed, None);
        panic!("seed {seed} went wrong: {}", faults.join("; "));
    }
    println!("{not_judged} schedules went beyond the limits of the promise and were not judged");
    println!(
        "{schedules} schedules, 0 violations; in them happened:\n{}",
        tally.text()
    );
    let never: Vec<_> = Fault::ALL
        .iter()
        .filter(|fault| tally.of(**fault) == 0)
        .collect();
    assert!(
        schedules < SCHEDULES || never.is_empty(),
        "never happened: {never:?}"
    );
}

#[test]
fn a_seed_is_a_schedule() {
    hush_panics_on_purpose();
    for seed in 0..20 {
        let (first, second) = (world::run(seed, None, true), world::run(seed, None, true));
        assert!(first.trace == second.trace, "seed {seed} went two ways");
    }
}

/// Runs a known-wrong protocol until the oracle objects.
fn assert_caught(mutant: Mutant) {
    let caught = (0..MUTANT_SCHEDULES_MAX).find_map(|seed| {
        let course = run(seed, Some(mutant));
        (!course.faults.is_empty()).then_some((seed, course.faults))
    });
    let Some((seed, faults)) = caught else {
        panic!("{mutant:?} was not caught in {MUTANT_SCHEDULES_MAX} schedules");
    };
    println!("{mutant:?} is caught by seed {seed}: {}", faults.join("; "));
}

#[test]
fn a_naive_ledger_without_a_mistake_is_not_objected_to() {
    for seed in 0..CONTROL_SCHEDULES {
        let faults = run(seed, Some(Mutant::Careful)).faults;
        assert!(faults.is_empty(), "seed {seed}: {}", faults.join("; "));
    }
}

#[test]
fn an_unfenced_lease_is_caught() {
    assert_caught(Mutant::Unfenced);
}

#[test]
fn a_mark_before_the_work_is_caught() {
    assert_caught(Mutant::MarkBeforeWork);
}

#[test]
fn listing_only_the_first_failure_is_caught() {
    assert_caught(Mutant::FirstFailureOnly);
}

#[test]
fn going_on_past_a_failure_of_the_key_is_caught() {
    assert_caught(Mutant::PastAFailure);
}

#[test]
fn marker_and_effect_in_two_calls_are_caught() {
    assert_caught(Mutant::TwoCalls);
}

#[test]
fn a_list_for_a_mapping_that_ignores_it_is_caught() {
    assert_caught(Mutant::IgnoredList);
}

#[test]
fn a_dead_letter_without_a_mark_is_caught() {
    assert_caught(Mutant::UnmarkedLetter);
}

#[test]
fn a_fence_that_runs_ahead_is_caught() {
    assert_caught(Mutant::FenceAhead);
}

#[test]
fn a_read_that_is_not_checked_at_the_commit_is_caught() {
    assert_caught(Mutant::UncheckedRead);
}

#[test]
fn a_flag_that_is_dropped_blindly_is_caught() {
    assert_caught(Mutant::BlindUnparking);
}

#[test]
fn a_gap_in_publishing_is_caught() {
    assert_caught(Mutant::GapsInPublishing);
}

#[test]
fn a_row_that_is_stamped_too_early_is_caught() {
    assert_caught(Mutant::EarlyStamp);
}

#[test]
fn publishing_without_acknowledgement_is_caught() {
    assert_caught(Mutant::Unacknowledged);
}
