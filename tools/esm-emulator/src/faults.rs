//! Faults on purpose: behaviour AWS may show, chosen by invocation number so that a run can be repeated.
//!
//! The plan only says which fault an invocation meets; the scheduler makes it happen.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Something that goes wrong with one invocation (esm-spec §9.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The batch succeeds and is then delivered a second time.
    DuplicateBatch,
    /// The poller dies after the invocation and before its commit: all partitions start again from the committed offsets.
    KillBeforeCommit,
    /// The function runs, but the poller sees a timeout.
    Timeout,
    /// The function does not run; the poller sees status 429.
    Throttle,
    /// The partitions are assigned anew while the invocation runs; its answer is never read.
    Rebalance,
}

/// Which invocation meets which fault. The default has none.
///
/// Invocations are numbered from 1 in the order in which the mapping starts them. A planned fault
/// wins over a seeded one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultPlan {
    /// Faults by invocation number.
    pub planned: BTreeMap<u64, Fault>,
    /// Faults drawn from a seed.
    pub seeded: Option<SeededFaults>,
}

/// Faults drawn from a seed: the same seed gives every invocation number the same fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeededFaults {
    /// The seed.
    pub seed: u64,
    /// Invocations of a thousand that meet a fault; from 1,000 on every one does.
    pub per_thousand: u64,
    /// The faults to draw from; empty means none.
    pub kinds: Vec<Fault>,
}

impl FaultPlan {
    /// Makes a plan of faults at invocation numbers.
    #[must_use]
    pub fn planned(faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self {
            planned: faults.into_iter().collect(),
            seeded: None,
        }
    }

    /// Makes a plan that draws from a seed.
    #[must_use]
    pub const fn seeded(faults: SeededFaults) -> Self {
        Self {
            planned: BTreeMap::new(),
            seeded: Some(faults),
        }
    }

    /// Returns the fault of an invocation.
    #[must_use]
    pub fn at(&self, invocation: u64) -> Option<Fault> {
        let planned = self.planned.get(&invocation).copied();
        planned.or_else(|| {
            self.seeded
                .as_ref()
                .and_then(|seeded| seeded.at(invocation))
        })
    }
}

impl SeededFaults {
    fn at(&self, invocation: u64) -> Option<Fault> {
        let drawn = mixed(self.seed ^ mixed(invocation));
        if drawn % 1_000 >= self.per_thousand {
            return None;
        }
        let kinds = u64::try_from(self.kinds.len()).ok()?;
        let chosen = (drawn / 1_000).checked_rem(kinds)?;
        self.kinds.get(usize::try_from(chosen).ok()?).copied()
    }
}

/// `SplitMix64`: enough to spread seeds, and the same on every machine.
const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, per_thousand: u64) -> Vec<Option<Fault>> {
        let kinds = vec![Fault::Throttle, Fault::Timeout];
        let plan = FaultPlan::seeded(SeededFaults {
            seed,
            per_thousand,
            kinds,
        });
        (1..=1_000).map(|invocation| plan.at(invocation)).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        assert_eq!(drawn(7, 200), drawn(7, 200));
        assert_ne!(drawn(7, 200), drawn(8, 200));
    }

    #[test]
    fn about_as_many_invocations_fail_as_asked() {
        let met = drawn(7, 200).into_iter().flatten().count();
        assert!((150..=250).contains(&met), "{met}");
        assert_eq!(drawn(7, 0).into_iter().flatten().count(), 0);
        assert_eq!(drawn(7, 1_000).into_iter().flatten().count(), 1_000);
    }

    #[test]
    fn a_planned_fault_wins() {
        let seeded = SeededFaults {
            seed: 1,
            per_thousand: 1_000,
            kinds: vec![Fault::Throttle],
        };
        let plan = FaultPlan {
            seeded: Some(seeded),
            ..FaultPlan::planned([(2, Fault::Rebalance)])
        };
        assert_eq!(plan.at(1), Some(Fault::Throttle));
        assert_eq!(plan.at(2), Some(Fault::Rebalance));
    }
}
