//! What a mapping delivered, how often, and what was answered.

use std::collections::BTreeMap;

use msk_event::Position;
use processing::{Outcome, Processed};

use crate::KafkaRecord;

/// The course of a mapping's run.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// Every invocation in its order.
    pub invocations: Vec<Invoked>,
    /// The next offset of each partition, as it would be committed to Kafka.
    pub committed: BTreeMap<(String, i32), i64>,
    /// Records that were not finished when their batch was given up, each time anew.
    pub given_up: Vec<Position>,
    /// Answers that were not understood, and so failed their whole batch.
    pub answers_refused: usize,
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// What was delivered.
    pub positions: Vec<Position>,
    /// How it ended.
    pub end: InvokedEnd,
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub enum InvokedEnd {
    /// The processor came to an end in time.
    Answered(Processed),
    /// The processor refused the payload, with this code.
    Failed(&'static str),
    /// Lambda ended it.
    TimedOut,
}

impl Deliveries {
    /// Says how often a record was delivered.
    #[must_use]
    pub fn times(&self, position: &Position) -> usize {
        self.invocations
            .iter()
            .filter(|invoked| invoked.positions.contains(position))
            .count()
    }

    /// Returns what every answer said of every record, in the order of the answers.
    pub fn outcomes(&self) -> impl Iterator<Item = (&Position, &Outcome)> {
        let answered = self
            .invocations
            .iter()
            .filter_map(|invoked| match &invoked.end {
                InvokedEnd::Answered(processed) => Some(processed),
                InvokedEnd::Failed(_) | InvokedEnd::TimedOut => None,
            });
        answered
            .flat_map(|processed| &processed.records)
            .filter_map(|record| Some((record.position.as_ref()?, &record.outcome)))
    }

    /// Returns the first outcome of a record that was not [`Outcome::Unfinished`].
    #[must_use]
    pub fn outcome(&self, position: &Position) -> Option<&Outcome> {
        let mut finished = self.outcomes().filter(|(_, outcome)| is_finished(outcome));
        finished.find_map(|(found, outcome)| (found == position).then_some(outcome))
    }

    /// Says whether every record was finished, and every answer understood.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.given_up.is_empty() && self.answers_refused == 0
    }

    pub(super) fn note(&mut self, batch: &[KafkaRecord], end: InvokedEnd, refused: bool) {
        self.answers_refused += usize::from(refused);
        let positions = batch.iter().map(KafkaRecord::position).collect();
        self.invocations.push(Invoked { positions, end });
    }

    pub(super) fn commit(&mut self, batch: &[KafkaRecord]) {
        for record in batch {
            let partition = (record.topic.clone(), record.partition);
            let next = self.committed.entry(partition).or_default();
            *next = (*next).max(record.offset + 1);
        }
    }
}

pub(crate) fn is_finished(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied
        | Outcome::Duplicate
        | Outcome::Ignored
        | Outcome::Parked
        | Outcome::DeadLettered(_) => true,
        Outcome::Unfinished(_) => false,
    }
}
