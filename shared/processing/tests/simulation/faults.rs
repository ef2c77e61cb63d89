//! What can go wrong, which of it a schedule holds, and how often each happened.
//!
//! Each schedule takes a random part of the faults at a random rate: a schedule that holds them all at once
//! rarely gets far enough to be wrong in an interesting way.

use std::collections::BTreeMap;

use testkit::Random;

use crate::sim::START_MS;

macro_rules! faults {
    ($($fault:ident),+ $(,)?) => {
        /// Something that goes wrong, or that happens out of turn.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Fault {
            $($fault),+
        }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$fault),+];
        }
    };
}

faults!(
    // At any call of an invocation.
    CrashBefore,
    CrashAfter,
    FreezeBefore,
    FreezeAfter,
    Slow,
    Hangs,
    // At any pause of an invocation.
    CrashWaiting,
    FreezeWaiting,
    // Reads.
    ReadRefused,
    ReadThrottled,
    // Commits.
    CommitRefused,
    CommitThrottled,
    CommitConflicts,
    RequestLost,
    AnswerLost,
    LandsLate,
    ConditionFailed,
    // The dead-letter queue.
    LetterRefused,
    LettersPartly,
    LetterAnswerLost,
    // The handler's own dependencies.
    TransientRejection,
    MailRefuses,
    MailAnswerLost,
    SentAgain,
    // The mapping.
    ClockSkew,
    InvokeThrottled,
    TimedOut,
    ZombieLeft,
    BatchAgain,
    KilledBeforeCommit,
    Rebalance,
    Bisected,
    Discarded,
    TooOld,
    // Producers.
    EventTwice,
    IdReused,
    Poison,
    LegacyRecord,
    OtherType,
    TopicMadeAgain,
    // The outbox relay, its stream and its topic.
    PublishRefused,
    PublishPartly,
    PublishAnswerLost,
    EventRefused,
    RelayDown,
    RelayTimedOut,
    RelayZombie,
    RowsComeAgain,
    StreamForgets,
    // The operator.
    FixRolledOut,
    Redriven,
    Unparked,
    HeadSkipped,
);

/// At any call of an invocation.
pub(crate) const ANY_CALL: [Fault; 6] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::FreezeBefore,
    Fault::FreezeAfter,
    Fault::Slow,
    Fault::Hangs,
];

/// The faults of one schedule.
#[derive(Clone, Debug)]
pub(crate) struct FaultSettings {
    pub(crate) per_mille: u64,
    pub(crate) enabled: Vec<Fault>,
    /// From then on nothing goes wrong any more, so that everything can come to an end.
    pub(crate) heals_at_ms: i64,
}

impl FaultSettings {
    pub(crate) fn draw_up(random: &mut Random) -> Self {
        let per_mille = *random.pick(&[0, 20, 60, 120, 250]).unwrap();
        let share = 20 + random.below(81);
        let enabled = Fault::ALL.iter().filter(|_| random.below(100) < share);
        Self {
            per_mille,
            enabled: enabled.copied().collect(),
            heals_at_ms: START_MS + 1_000 * i64::try_from(20 + random.below(200)).unwrap(),
        }
    }

    pub(crate) fn draw(&self, random: &mut Random, now_ms: i64, among: &[Fault]) -> Option<Fault> {
        let hit = random.below(1_000) < self.per_mille;
        let fault = *random.pick(among)?;
        let happens = hit && now_ms < self.heals_at_ms && self.enabled.contains(&fault);
        happens.then_some(fault)
    }
}

/// How often a fault happened, and in how many schedules.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    times: u64,
    schedules: u64,
}

/// How often each fault happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally(BTreeMap<Fault, Count>);

impl Tally {
    /// Counts a fault of one schedule.
    pub(crate) fn count(&mut self, fault: Fault) {
        let count = self.0.entry(fault).or_default();
        count.times += 1;
        count.schedules = 1;
    }

    pub(crate) fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).map_or(0, |count| count.times)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            let sum = self.0.entry(*fault).or_default();
            sum.times += count.times;
            sum.schedules += count.schedules;
        }
    }

    pub(crate) fn text(&self) -> String {
        let lines = Fault::ALL.iter().map(|fault| {
            let name = format!("{fault:?}");
            let count = self.0.get(fault).copied().unwrap_or_default();
            format!(
                "  {name:<20}{:>10} times in {:>7} schedules\n",
                count.times, count.schedules
            )
        });
        lines.collect()
    }
}
