//! One run of a function in a world of its own: seeded store, queue, clock, faults, and a mapping.

use std::collections::{BTreeMap, BTreeSet};

use msk_event::Position;
use processing::{Decide, DecideEngine, Dedup, EngineSettings, Outcome};

use super::Suite;
use super::picture::Picture;
use crate::{
    Deliveries, FaultPlan, FaultyDeadLetters, FaultyStore, KafkaRecord, MappingModel,
    MemoryDeadLetters, MemoryStore, Reading, VirtualTimer,
};

/// How records are delivered.
#[derive(Clone)]
pub(super) struct Course {
    pub(super) reading: Reading,
    pub(super) batch_records_max: usize,
    pub(super) copies: usize,
    pub(super) deliveries_max: usize,
    pub(super) faults: FaultPlan,
}

/// What came of it.
pub(super) struct Outcomes {
    pub(super) deliveries: Deliveries,
    pub(super) picture: Picture,
    pub(super) letters: Vec<processing::DeadLetter>,
}

impl Course {
    /// All records in one batch, once, without faults.
    pub(super) fn batch(reading: Reading) -> Self {
        Self {
            reading,
            batch_records_max: crate::BATCH_RECORDS_MAX,
            copies: 0,
            deliveries_max: crate::DELIVERIES_MAX,
            faults: FaultPlan::none(),
        }
    }

    /// One record an invocation, once, without faults.
    pub(super) fn one_by_one() -> Self {
        Self {
            batch_records_max: 1,
            ..Self::batch(Reading::ListedOnly)
        }
    }
}

impl<H: Decide, F: Fn() -> H> Suite<F> {
    /// Delivers records on this course, from the seeded items on.
    pub(super) async fn deliver(&self, records: Vec<KafkaRecord>, course: Course) -> Outcomes {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        for (key, body) in &self.seeds {
            store.seed(key.clone(), body);
        }
        let queue = MemoryDeadLetters::new();
        let engine = DecideEngine::new(
            (self.make)(),
            FaultyStore::new(store.clone(), &course.faults),
            FaultyDeadLetters::new(queue.clone(), &course.faults),
            timer.clone(),
            EngineSettings {
                partial_batch_response: course.reading.partial_batch_response(),
                ..EngineSettings::default()
            },
        );
        let mapping = MappingModel::new(course.reading, &timer)
            .records(records)
            .batch_records_max(course.batch_records_max)
            .copies(course.copies)
            .deliveries_max(course.deliveries_max);
        let deliveries = mapping.run(&engine).await;
        let letters = queue.letters();
        let picture = Picture::of(&store, &letters, &self.volatile);
        Outcomes {
            deliveries,
            picture,
            letters,
        }
    }
}

impl Outcomes {
    /// Nothing is lost, nothing repeated, and order holds: all that an undisturbed run leaves is there.
    pub(super) fn equals<H: Decide>(
        &self,
        expected: &Picture,
        records: &[KafkaRecord],
    ) -> Result<(), String> {
        if !self.deliveries.given_up.is_empty() {
            let positions = &self.deliveries.given_up;
            return Err(format!("records were never finished: {positions:?}"));
        }
        if self.deliveries.answers_refused > 0 {
            return Err("an answer named records that were not in its event".to_owned());
        }
        self.is_in_order::<H>(records)?;
        expected.compare(&self.picture)
    }

    /// The record was finished like this.
    pub(super) fn finished(
        &self,
        record: &KafkaRecord,
        expected: &str,
        is: impl Fn(&Outcome) -> bool,
    ) -> Result<(), String> {
        let position = record.position();
        match self.deliveries.outcome(&position) {
            Some(outcome) if is(outcome) => Ok(()),
            other => Err(format!("{position} should be {expected}, found {other:?}")),
        }
    }

    /// All of these were applied.
    pub(super) fn all_applied(&self, records: &[KafkaRecord]) -> Result<(), String> {
        records.iter().try_for_each(|record| {
            self.finished(record, "applied", |outcome| {
                matches!(outcome, Outcome::Applied)
            })
        })
    }

    /// Within a lane, records are finished in the order of their offsets.
    fn is_in_order<H: Decide>(&self, records: &[KafkaRecord]) -> Result<(), String> {
        let lanes: BTreeMap<Position, Vec<u8>> = records
            .iter()
            .filter_map(|r| Some((r.position(), lane::<H>(r)?)))
            .collect();
        let mut furthest: BTreeMap<&[u8], i64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (position, outcome) in self.deliveries.outcomes() {
            let finished = crate::mapping::is_finished(outcome);
            let Some(lane) = lanes.get(position).filter(|_| finished) else {
                continue;
            };
            if !seen.insert(position) {
                continue;
            }
            let furthest = furthest.entry(lane.as_slice()).or_insert(-1);
            if position.offset < *furthest {
                return Err(format!(
                    "{position} was finished after offset {furthest} of its order"
                ));
            }
            *furthest = position.offset;
        }
        Ok(())
    }
}

/// What orders the record: its partition, or its key.
fn lane<H: Decide>(record: &KafkaRecord) -> Option<Vec<u8>> {
    match H::DEDUP {
        Dedup::Position => Some(record.position().topic_partition().into_bytes()),
        Dedup::EventId => record.key.clone(),
    }
}
