//! What is not promised (ARCHITECTURE.md, "Limits of the promise") and would look like a fault to the oracle.
//!
//! Lifting a limit means deleting its function here.

use std::collections::BTreeMap;

use super::Facts;

/// A batch of the old topic that is first looked at when the new one has begun counts in the new one: the
/// fence does not say when its epoch began. What follows from it is not judged.
pub(super) fn old_topic_came_late(facts: &Facts) -> bool {
    let mut epochs: BTreeMap<i32, u32> = BTreeMap::new();
    let mut effects = facts.effects.iter();
    effects.any(|effect| {
        if facts.out_of_order.contains(&effect.place) {
            return false;
        }
        let epoch = epochs.entry(effect.place.partition).or_default();
        *epoch = (*epoch).max(effect.place.epoch);
        effect.place.epoch < *epoch
    })
}
