//! Poison: what can never be applied becomes a dead letter with the record in it, and harms no neighbour.

use processing::{Decide, OnPoison, Outcome};
use serde_json::Value;

use super::world::{Course, Outcomes};
use super::{FIRST_OFFSET, Suite};
use crate::report::CheckReport;
use crate::{KafkaRecord, Reading};

/// The key of poison that stands alone; no sample should have it.
pub(super) const POISON_KEY: &str = "conformance-poison";

/// More than any suite has samples, so that poison never shares an event id with one.
const SAMPLES_MAX: usize = 1_000_000;

type Check = Result<(), String>;

/// Values that no handler takes, and those that the description adds.
pub(super) fn values<F>(suite: &Suite<F>) -> Vec<(String, Option<Vec<u8>>)> {
    let broken = (
        String::from("a value that is no JSON"),
        Some(b"{\"order_id\":".to_vec()),
    );
    let tombstone = (String::from("a tombstone"), None);
    let own = suite.poisons.iter().enumerate().map(|(n, value)| {
        let value = super::with_event_id(value, SAMPLES_MAX + n);
        (format!("poison {n}"), Some(value.to_string().into_bytes()))
    });
    [broken, tombstone].into_iter().chain(own).collect()
}

pub(super) async fn check<H: Decide, F: Fn() -> H>(suite: &Suite<F>, report: &mut CheckReport) {
    for (name, value) in values(suite) {
        for reading in Reading::ALL {
            let sentence =
                format!("{name} becomes a dead letter beside its neighbours ({reading:?})");
            report.note(sentence, beside(suite, value.as_deref(), reading).await);
        }
        let sentence = match H::ON_POISON {
            OnPoison::Skip => format!("{name} does not hold back later records of its key"),
            OnPoison::ParkKey => format!("{name} has later records of its key wait behind it"),
        };
        report.note(sentence, in_front(suite, value.as_deref()).await);
    }
}

/// A record of poison in front of the first sample, in its partition.
pub(super) fn record<H: Decide, F: Fn() -> H>(
    suite: &Suite<F>,
    value: Option<&[u8]>,
    key: Option<Vec<u8>>,
) -> KafkaRecord {
    let partition = suite.records().first().map_or(0, |record| record.partition);
    let mut poison = KafkaRecord::new(suite.topic.as_str(), partition, FIRST_OFFSET - 1);
    poison.key = key;
    poison.value = value.map(<[u8]>::to_vec);
    poison
}

async fn beside<H: Decide, F: Fn() -> H>(
    suite: &Suite<F>,
    value: Option<&[u8]>,
    reading: Reading,
) -> Check {
    let samples = suite.records();
    let alone = suite.deliver(samples.clone(), Course::one_by_one()).await;
    let poison = record(suite, value, Some(POISON_KEY.into()));
    let mut records = vec![poison.clone()];
    records.extend(samples.clone());
    let outcomes = suite.deliver(records, Course::batch(reading)).await;
    is_dead_letter(&outcomes, &poison)?;
    outcomes.all_applied(&samples)?;
    alone.picture.compare(&outcomes.picture.without_letters())
}

async fn in_front<H: Decide, F: Fn() -> H>(suite: &Suite<F>, value: Option<&[u8]>) -> Check {
    let samples = suite.records();
    let Some(first) = samples.first().filter(|record| record.key.is_some()) else {
        return Ok(());
    };
    let poison = record(suite, value, first.key.clone());
    let mut records = vec![poison.clone()];
    records.extend(samples.clone());
    let outcomes = suite
        .deliver(records, Course::batch(Reading::ListedOnly))
        .await;
    is_dead_letter(&outcomes, &poison)?;
    let (of_its_key, others): (Vec<_>, Vec<_>) = samples
        .iter()
        .cloned()
        .partition(|record| record.key == first.key);
    outcomes.all_applied(&others)?;
    match H::ON_POISON {
        OnPoison::Skip => outcomes.all_applied(&of_its_key),
        OnPoison::ParkKey => of_its_key.iter().try_for_each(|record| {
            outcomes.finished(record, "parked", |outcome| {
                matches!(outcome, Outcome::Parked)
            })
        }),
    }
}

/// There is one letter, and it holds the record as it was delivered.
fn is_dead_letter(outcomes: &Outcomes, poison: &KafkaRecord) -> Check {
    outcomes.finished(poison, "a dead letter", |outcome| {
        matches!(outcome, Outcome::DeadLettered(_))
    })?;
    let [letter] = outcomes.letters.as_slice() else {
        return Err(format!(
            "one dead letter expected, found {}",
            outcomes.letters.len()
        ));
    };
    let held: Option<Value> = serde_json::from_str(letter.record.get()).ok();
    if held == Some(poison.to_json()) {
        Ok(())
    } else {
        Err("the dead letter does not hold the record as it was delivered".to_owned())
    }
}
