//! What an invocation did, for its answer, its log and its metrics. Holds no payloads.

use std::ops::AddAssign;

use event_schema::EventId;
use msk_event::{BatchResponse, Position};

use crate::batch::{Batch, Entry, Fate};
use crate::decide::Dedup;
use crate::rejection::Refusal;

/// What the function answers to Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The invocation succeeded; the response names what has to be delivered again.
    Respond(BatchResponse),
    /// The invocation fails, so that Lambda delivers the whole batch again: something is unfinished and
    /// cannot be named, or the mapping would ignore the names (esm-spec §2.1).
    Fail {
        /// Records that are unfinished.
        unfinished: usize,
        /// The code of the first of them.
        code: &'static str,
    },
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effects are committed.
    Applied,
    /// It was finished before; nothing happened.
    Duplicate,
    /// It is of another type than the function's; nothing happened.
    Ignored,
    /// It waits in the store behind a dead letter of its key.
    Parked,
    /// It is in the dead-letter queue.
    DeadLettered(Refusal),
    /// It has to be delivered again.
    Unfinished(Refusal),
}

/// One record's line in the report.
#[derive(Clone, Debug)]
pub struct RecordReport {
    /// Where it lies, as far as that could be read.
    pub position: Option<Position>,
    /// Its ordering key.
    pub ordering_key: Option<String>,
    /// Its event's id.
    pub event_id: Option<EventId>,
    /// Its `traceparent`.
    pub traceparent: Option<String>,
    /// The record's timestamp, in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Calls that an invocation made, and what made it repeat them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Calls of [`crate::Store::load`].
    pub load_calls: u32,
    /// Calls of [`crate::Store::query`].
    pub query_calls: u32,
    /// Calls of [`crate::Store::commit`].
    pub commit_calls: u32,
    /// Calls of [`crate::DeadLetters::send`].
    pub dead_letter_sends: u32,
    /// Transactions that were cancelled.
    pub conflicts: u32,
    /// Partitions whose topic turned out to have been made again.
    pub new_epochs: u32,
}

/// What an invocation did.
#[derive(Clone, Debug)]
pub struct Processed {
    /// For Lambda.
    pub answer: Answer,
    /// One entry a record, per partition in offset order.
    pub records: Vec<RecordReport>,
    /// What it cost.
    pub effort: Effort,
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.load_calls += other.load_calls;
        self.query_calls += other.query_calls;
        self.commit_calls += other.commit_calls;
        self.dead_letter_sends += other.dead_letter_sends;
        self.conflicts += other.conflicts;
        self.new_epochs += other.new_epochs;
    }
}

impl Processed {
    pub(crate) fn of<E: event_schema::Incoming>(
        batch: Batch<E>,
        dedup: Dedup,
        effort: Effort,
        partial_batch_response: bool,
    ) -> Self {
        let answer = answer(&batch, dedup, partial_batch_response);
        let records = batch.entries.into_iter().map(report).collect();
        Self {
            answer,
            records,
            effort,
        }
    }

    /// Takes in what came after.
    pub(crate) fn extend(&mut self, later: Self) {
        self.records.extend(later.records);
        self.effort += later.effort;
    }

    /// The same, as a failure of the invocation.
    pub(crate) fn failed(mut self, code: &'static str) -> Self {
        let unfinished = self.count(|outcome| matches!(outcome, Outcome::Unfinished(_)));
        self.answer = Answer::Fail { unfinished, code };
        self
    }

    /// How many records have an outcome that `is` accepts.
    pub fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.records
            .iter()
            .filter(|record| is(&record.outcome))
            .count()
    }
}

/// What becomes of an attempt to put back what a function cannot have parked: the whole invocation fails, so
/// that its operator learns that nothing was done.
pub(crate) fn nothing_is_parked() -> Processed {
    let answer = Answer::Fail {
        unfinished: 0,
        code: "nothing_is_parked",
    };
    Processed {
        answer,
        records: Vec::new(),
        effort: Effort::default(),
    }
}

/// Names every unfinished record and every later record of its lane, finished or not: right whether Lambda
/// delivers only the named records again or everything from the first of them on (esm-spec §2.4).
fn answer<E>(batch: &Batch<E>, dedup: Dedup, partial_batch_response: bool) -> Answer {
    let mut blocked = std::collections::HashSet::new();
    let mut response = BatchResponse::default();
    let mut unfinished = 0;
    let mut first_code = None;
    let mut unnamed = false;
    for entry in &batch.entries {
        let refusal = match &entry.fate {
            Some(Fate::Unfinished(refusal)) => Some(refusal),
            Some(_) | None => None,
        };
        let behind = entry.lane(dedup).is_some_and(|lane| blocked.contains(lane));
        if let Some(refusal) = refusal {
            unfinished += 1;
            first_code.get_or_insert(refusal.code);
            blocked.extend(entry.lane(dedup));
        }
        if refusal.is_some() || behind {
            match &entry.identifier {
                Some(identifier) => response.batch_item_failures.push(identifier.clone().into()),
                None => unnamed = true,
            }
        }
    }
    match first_code {
        Some(code) if unnamed || !partial_batch_response => Answer::Fail { unfinished, code },
        Some(_) | None => Answer::Respond(response),
    }
}

fn report<E>(entry: Entry<E>) -> RecordReport {
    let event_id = entry.event_id().cloned();
    let outcome = match entry.fate {
        Some(Fate::Applied) => Outcome::Applied,
        Some(Fate::Duplicate) => Outcome::Duplicate,
        Some(Fate::Ignored) => Outcome::Ignored,
        Some(Fate::Parked) => Outcome::Parked,
        Some(Fate::DeadLettered(refusal)) => Outcome::DeadLettered(refusal),
        Some(Fate::Unfinished(refusal)) => Outcome::Unfinished(refusal),
        None => Outcome::Unfinished(Refusal::new("undecided", "it was not decided")),
    };
    RecordReport {
        position: entry.position,
        ordering_key: entry.ordering_key,
        event_id,
        traceparent: entry.traceparent,
        timestamp_ms: entry.timestamp_ms,
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effort(each: u32) -> Effort {
        Effort {
            load_calls: each,
            query_calls: each + 1,
            commit_calls: each + 2,
            dead_letter_sends: each + 3,
            conflicts: each + 4,
            new_epochs: each + 5,
        }
    }

    fn processed(outcomes: impl IntoIterator<Item = Outcome>, effort: Effort) -> Processed {
        let report = |outcome| RecordReport {
            position: None,
            ordering_key: None,
            event_id: None,
            traceparent: None,
            timestamp_ms: None,
            outcome,
        };
        Processed {
            answer: Answer::Respond(BatchResponse::default()),
            records: outcomes.into_iter().map(report).collect(),
            effort,
        }
    }

    #[test]
    fn efforts_add_up() {
        let mut sum = effort(2);
        sum += effort(10);
        let expected = Effort {
            load_calls: 12,
            query_calls: 14,
            commit_calls: 16,
            dead_letter_sends: 18,
            conflicts: 20,
            new_epochs: 22,
        };
        assert_eq!(sum, expected);
    }

    #[test]
    fn what_came_after_is_taken_in_and_a_failure_counts_what_is_unfinished() {
        let busy = || Outcome::Unfinished(Refusal::new("busy", "not now"));
        let mut all = processed([Outcome::Applied], effort(1));
        all.extend(processed(
            [Outcome::Applied, busy(), busy(), busy()],
            effort(3),
        ));
        assert_eq!(all.count(|outcome| *outcome == Outcome::Applied), 2);
        assert_eq!(all.records.len(), 5);
        assert_eq!(all.effort.load_calls, 4);
        let expected = Answer::Fail {
            unfinished: 3,
            code: "still_parked",
        };
        assert_eq!(all.failed("still_parked").answer, expected);
    }

    #[test]
    fn nothing_is_parked_where_nothing_can_be() {
        let expected = Answer::Fail {
            unfinished: 0,
            code: "nothing_is_parked",
        };
        assert_eq!(nothing_is_parked().answer, expected);
    }
}
