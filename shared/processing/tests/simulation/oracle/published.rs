//! Whether what took effect was told: each event at least once, under one id, in the order of its key, and
//! nothing else.

use std::collections::{BTreeMap, BTreeSet};

use processing::OUTBOX_TABLE;

use super::Facts;
use super::facts::Effect;
use crate::ports::SKEW_MS_MAX;

pub(super) fn once_at_least_and_in_order(facts: &Facts) -> Vec<String> {
    if !facts.relayed {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let rows = facts.store.table(OUTBOX_TABLE).len();
    if rows > 0 {
        faults.push(format!("{rows} outbox rows are left"));
    }
    let effects: BTreeMap<&str, (usize, &Effect)> = facts
        .effects
        .iter()
        .enumerate()
        .map(|(rank, effect)| (&*effect.told_id, (rank, effect)))
        .collect();
    let appended: BTreeSet<&str> = facts
        .appended
        .iter()
        .map(|event| &*event.event_id)
        .collect();
    let untold = effects
        .keys()
        .filter(|id| !appended.contains(*id) && !facts.refused_events.contains(**id));
    faults.extend(untold.map(|id| format!("event {id} never came onto its topic")));
    faults.extend(made_up(facts, &effects));
    faults.extend(out_of_order(facts, &effects));
    faults
}

/// Events that tell of nothing, of another key, or of two things under one id.
fn made_up(facts: &Facts, effects: &BTreeMap<&str, (usize, &Effect)>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for event in &facts.appended {
        let id = &*event.event_id;
        match effects.get(id) {
            Some((_, effect)) if event.key.as_deref() == Some(&*effect.user) => {}
            Some(_) => faults.push(format!("event {id} has the key {:?}", event.key)),
            None => faults.push(format!("event {id} tells of nothing")),
        }
        let known = values.entry(id).or_insert(&event.value);
        if *known != event.value {
            faults.push(format!("event {id} says two things"));
        }
    }
    faults
}

/// Events of a key whose first appearance comes before that of an earlier one.
///
/// Two rows that were both left over are told apart by their stamps, and clocks may disagree (ARCHITECTURE.md,
/// "Limits of the promise"): only as far as they do may stamps contradict the order of commits. A record that
/// has left its place in the order of its key has left it here too.
fn out_of_order(facts: &Facts, effects: &BTreeMap<&str, (usize, &Effect)>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut of_key: BTreeMap<&str, Vec<(usize, &Effect)>> = BTreeMap::new();
    for event in &facts.appended {
        let Some((rank, effect)) = effects.get(&*event.event_id) else {
            continue;
        };
        let place = &effect.place;
        if facts.discarded.contains(place) || facts.out_of_order.contains(place) {
            continue;
        }
        if !seen.insert(&*event.event_id) {
            continue;
        }
        let earlier = of_key.entry(&effect.user).or_default();
        for (other_rank, other) in earlier.iter() {
            let clocks_disagree = effect.stamp_ms > other.stamp_ms
                && effect.stamp_ms - other.stamp_ms <= 2 * SKEW_MS_MAX;
            if other_rank > rank && !clocks_disagree {
                faults.push(format!(
                    "{} is told of after {}, of the same key",
                    effect.place, other.place
                ));
            }
        }
        earlier.push((*rank, effect));
    }
    faults
}
