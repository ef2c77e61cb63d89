//! Says whether a schedule kept the promises of design §4.4, from what lies in the broker, the store, the
//! dead-letter queue, the on-failure destination and the mail system.
//!
//! It knows nothing of the engine: neither what it decided nor what it answered. What it reads of the
//! engine's tables is their documented form: outbox rows, parked rows.

mod books;
mod facts;
mod known;
mod published;

use std::collections::{BTreeMap, BTreeSet};

use self::facts::event_of;
pub(crate) use self::facts::{Facts, Left};
use crate::broker::{Kind, Place, Produced};
use crate::functions::Function;

/// Everything that is wrong, each as a sentence; nothing if all is well.
pub(crate) fn judge(facts: &Facts) -> Vec<String> {
    let mut faults = facts.mail_faults.clone();
    if !facts.ended {
        faults.push("the schedule did not come to an end".to_owned());
    }
    if is_not_judged(facts) {
        return faults;
    }
    faults.extend(once(facts));
    faults.extend(nothing_lost(facts));
    faults.extend(in_order(facts));
    faults.extend(parked_keys_wait(facts));
    faults.extend(books::balance(facts));
    faults.extend(published::once_at_least_and_in_order(facts));
    faults
}

/// Whether a known defect showed that leaves nothing to be judged.
pub(crate) fn is_not_judged(facts: &Facts) -> bool {
    known::old_topic_came_late(facts)
}

/// A record takes effect once, an event takes effect once, and poison never does.
fn once(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut places = BTreeSet::new();
    let mut told_ids = BTreeMap::new();
    let mut event_ids = BTreeMap::new();
    for effect in &facts.effects {
        let place = effect.place;
        let Some(produced) = facts.produced.get(&place) else {
            faults.push(format!("{place} took effect and was never produced"));
            continue;
        };
        let is_mended = produced.kind == Kind::Unlucky && facts.fixed;
        if produced.kind != Kind::Event && !is_mended {
            faults.push(format!("{place} is {:?} and took effect", produced.kind));
        }
        if facts.function != Function::Mail && !places.insert(place) {
            faults.push(format!("{place} took effect twice"));
        }
        if let Some(other) = told_ids
            .insert(&effect.told_id, place)
            .filter(|other| *other != place)
            && (facts.function != Function::Mail || !facts.same_event(place, other))
        {
            faults.push(format!(
                "{place} and {other} published one id: {}",
                effect.told_id
            ));
        }
        if facts.function.knows_event_ids()
            && let Some(other) = event_ids.insert(&produced.event_id, place)
            && (facts.function != Function::Mail || !facts.same_event(place, other))
        {
            faults.push(format!(
                "{place} and {other} are one event and both took effect"
            ));
        }
    }
    faults
}

/// Every record took effect, or repeats one that is accounted for, or is a dead letter, or parked, or
/// discarded by a document, or still in the topic.
fn nothing_lost(facts: &Facts) -> Vec<String> {
    let is_finished = |place: &Place| {
        facts.applied.contains(place)
            || facts.letters.contains(place)
            || facts.parked.contains_key(place)
    };
    let finished_events: BTreeSet<_> = facts
        .produced
        .values()
        .filter(|produced| is_finished(&produced.place))
        .filter_map(event_of)
        .collect();
    let repeats = |produced: &Produced| {
        facts.function.knows_event_ids()
            && produced.kind == Kind::Event
            && event_of(produced).is_some_and(|event| finished_events.contains(&event))
    };
    let lost = facts.produced.values().filter(|produced| {
        let place = &produced.place;
        produced.kind != Kind::OtherType
            && !is_finished(place)
            && !repeats(produced)
            && !facts.discarded.contains(place)
            && !facts.is_in_topic(place)
    });
    lost.map(|produced| format!("{} is lost", produced.place))
        .collect()
}

/// Effects of a key happen in the order of its records. A record that the mapping discarded has left its
/// place in that order, and so has one that an operator put back alone.
fn in_order(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut last_of_key: BTreeMap<&str, Place> = BTreeMap::new();
    let mut last_of_partition: BTreeMap<i32, (usize, Place)> = BTreeMap::new();
    let effects = facts
        .effects
        .iter()
        .filter(|effect| !facts.discarded.contains(&effect.place) && !effect.late)
        .filter(|effect| !facts.out_of_order.contains(&effect.place));
    for effect in effects {
        let place = effect.place;
        if let Some(last) = last_of_key
            .insert(&effect.user, place)
            .filter(|last| *last > place)
        {
            faults.push(format!("{place} took effect after {last}, of the same key"));
        }
        if facts.function != Function::Activities {
            continue;
        }
        let last = last_of_partition
            .entry(place.partition)
            .or_insert((effect.transaction, place));
        if last.0 < effect.transaction && last.1 > place {
            faults.push(format!(
                "{place} took effect after {}, of the same partition",
                last.1
            ));
        }
        if last.1 < place {
            *last = (effect.transaction, place);
        }
    }
    faults
}

/// Behind the dead letter of a parked key nothing of that key takes effect, and the head is a dead letter.
/// An operator who was given the time has freed every key.
fn parked_keys_wait(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut heads: BTreeMap<&str, Place> = BTreeMap::new();
    if facts.freed && !facts.parked.is_empty() {
        faults.push(format!("{:?} are parked for good", facts.parked.keys()));
    }
    let mut behind_a_letter: BTreeSet<&str> = BTreeSet::new();
    for (place, parked) in &facts.parked {
        let user = &*parked.user;
        if facts.applied.contains(place) {
            faults.push(format!("{place} is parked and took effect"));
        }
        if facts.letters.contains(place) {
            behind_a_letter.insert(user);
        }
        // What the mapping had discarded and delivered once more after all waits at its old place, which may be
        // before the letter.
        if facts.discarded.contains(place) {
            continue;
        }
        if !behind_a_letter.contains(user) {
            faults.push(format!("{place} is parked behind no dead letter"));
        }
        heads.entry(user).or_insert(*place);
    }
    for (user, head) in heads {
        let past = facts.effects.iter().filter(|effect| {
            effect.user == user
                && effect.place > head
                && !facts.discarded.contains(&effect.place)
                && !facts.out_of_order.contains(&effect.place)
        });
        faults.extend(past.map(|effect| {
            format!(
                "{} took effect behind {head}, which is parked",
                effect.place
            )
        }));
    }
    faults
}
