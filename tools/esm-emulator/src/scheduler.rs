//! The event source mapping as a machine without I/O: records and answers go in, steps come out (esm-spec §9).
//!
//! It is synchronous and deterministic; the time is an argument. A batch becomes a [`Piece`]; a piece
//! holds a claim on each of its partitions until all its records are finished or given up, and only
//! the first claim of a partition may run. It never waits, polls or sends: the mapping does.

mod finish;
mod partition;
mod piece;
mod start;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use tracing::{debug, warn};

use self::partition::{Partition, PieceId};
use self::piece::{Piece, Verdict};
use crate::document::{Condition, Discarded, ResponseContext};
use crate::event::{EventWriter, WrittenRecord};
use crate::faults::Fault;
use crate::lag::{Lag, PartitionLag};
use crate::metrics::Metrics;
use crate::ports::{CommitPosition, InvokeAnswer, InvokeError, OnFailureMessage, PartitionStart};
use crate::record::Record;
use crate::rules::Rules;
use crate::switches::Oversized;

/// Invocations of one poller at the same time (esm-spec §2.6).
const INVOCATIONS_IN_FLIGHT_MAX: usize = 5;
/// Records of a partition that wait before its fetching pauses; at least two batches in any case.
const READY_RECORDS_MAX: usize = 10_000;

/// What the mapping has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Invoke the function, then call [`Scheduler::complete`].
    Invoke(Invocation),
    /// Deliver a document, then call [`Scheduler::delivered`].
    Deliver {
        delivery: u64,
        message: OnFailureMessage,
    },
    /// Commit, then call [`Scheduler::committed`] before asking for the next step.
    Commit(Vec<CommitPosition>),
    /// Forget everything and take the partitions anew, then call [`Scheduler::assign`].
    Reassign,
    /// Nothing, until something comes in or the time is reached.
    Wait { until_ms: Option<i64> },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Counts from 1; faults are planned by it.
    pub(crate) number: u64,
    pub(crate) event: String,
    /// A fault the mapping itself has to act out.
    pub(crate) fault: Option<Fault>,
}

struct Flight {
    piece: PieceId,
    fault: Option<Fault>,
}

pub(crate) struct Scheduler {
    rules: Rules,
    writer: EventWriter,
    metrics: Metrics,
    partitions: BTreeMap<i32, Partition>,
    pieces: BTreeMap<PieceId, Piece>,
    in_flight: BTreeMap<u64, Flight>,
    /// Documents on their way, with the records that are finished when they have arrived.
    deliveries: BTreeMap<u64, Vec<WrittenRecord>>,
    urgent: VecDeque<Step>,
    pieces_made: u64,
    invocations_made: u64,
    deliveries_made: u64,
    commit_failures: u32,
    commit_not_before_ms: i64,
    draining: bool,
}

impl Scheduler {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            writer: EventWriter::new(&rules),
            rules,
            metrics: Metrics::default(),
            partitions: BTreeMap::new(),
            pieces: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            urgent: VecDeque::new(),
            pieces_made: 0,
            invocations_made: 0,
            deliveries_made: 0,
            commit_failures: 0,
            commit_not_before_ms: i64::MIN,
            draining: false,
        }
    }

    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) const fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Takes over these partitions and forgets all earlier ones: what is in flight is never heard of again.
    pub(crate) fn assign(&mut self, starts: &[PartitionStart]) {
        self.pieces.clear();
        self.in_flight.clear();
        self.deliveries.clear();
        self.urgent.clear();
        self.partitions = starts
            .iter()
            .map(|start| (start.partition, Partition::starting_at(start.offset)))
            .collect();
    }

    /// Takes records in; unknown partitions and known offsets are ignored.
    pub(crate) fn ingest(&mut self, records: Vec<Record>, now_ms: i64) {
        for record in records {
            self.metrics.polled_event_count += 1;
            let Some(partition) = self.partitions.get_mut(&record.partition) else {
                continue;
            };
            if !partition.arrive(record.offset) {
                continue;
            }
            let written = self.writer.record(&record, now_ms);
            let alone = self.writer.grown(self.writer.empty(), &written);
            if alone.bytes <= self.rules.switches.event_bytes_max {
                partition.buffer(written);
            } else if self.rules.destination.is_none()
                && self.rules.switches.oversized_without_destination == Oversized::Block
            {
                warn!(
                    partition = record.partition,
                    offset = record.offset,
                    "a record too large blocks its partition"
                );
                partition.blocked = true;
            } else {
                let condition = Condition::PayloadTooLarge;
                let records = vec![written];
                self.discard(
                    &Discarded {
                        records,
                        condition,
                        response: None,
                        invocations: 0,
                    },
                    now_ms,
                );
            }
        }
    }

    /// Returns the partitions whose fetching must stop (`true`) or may go on (`false`) since the last call.
    pub(crate) fn pause_changes(&mut self) -> Vec<(i32, bool)> {
        let records_max = READY_RECORDS_MAX.max(2 * self.rules.batch_size);
        let bytes_max = 2 * self.rules.switches.event_bytes_max;
        let changes = self
            .partitions
            .iter_mut()
            .filter_map(|(number, partition)| {
                Some((*number, partition.pause_change(records_max, bytes_max)?))
            });
        changes.collect()
    }

    /// Starts no more batches; what is in flight is still finished and committed.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }

    /// Returns whether a draining scheduler has nothing left to wait for.
    pub(crate) fn is_drained(&self) -> bool {
        self.draining
            && self.in_flight.is_empty()
            && self.deliveries.is_empty()
            && self.urgent.is_empty()
            && self.committable().is_empty()
    }

    /// Returns the lag behind these end offsets and notes it in the metrics.
    pub(crate) fn lag(&mut self, ends: &[(i32, i64)]) -> Lag {
        let partitions: BTreeMap<_, _> = ends
            .iter()
            .filter_map(|(number, end)| {
                let committed = self.partitions.get(number)?.committed();
                Some((
                    *number,
                    PartitionLag {
                        end: *end,
                        committed,
                    },
                ))
            })
            .collect();
        let lag = Lag {
            partitions,
            invocations_in_flight: self.in_flight.len(),
        };
        self.metrics.max_offset_lag = lag.max();
        self.metrics.sum_offset_lag = lag.sum();
        lag
    }

    /// Returns what to do next.
    pub(crate) fn next_step(&mut self, now_ms: i64) -> Step {
        loop {
            if let Some(step) = self.urgent.pop_front() {
                return step;
            }
            let positions = self.committable();
            if !positions.is_empty() && now_ms >= self.commit_not_before_ms {
                return Step::Commit(positions);
            }
            if self.draining || self.in_flight.len() >= INVOCATIONS_IN_FLIGHT_MAX {
                return self.wait(None);
            }
            let Some(piece) = self.runnable(now_ms).or_else(|| self.form(now_ms)) else {
                return self.wait(self.next_start_ms());
            };
            if let Some(invocation) = self.start(piece, now_ms) {
                return Step::Invoke(invocation);
            }
        }
    }

    fn wait(&self, start_ms: Option<i64>) -> Step {
        let commit_ms = (!self.committable().is_empty()).then_some(self.commit_not_before_ms);
        Step::Wait {
            until_ms: start_ms.into_iter().chain(commit_ms).min(),
        }
    }

    fn committable(&self) -> Vec<CommitPosition> {
        let moved = self.partitions.iter().filter_map(|(number, partition)| {
            Some(CommitPosition {
                partition: *number,
                offset: partition.committable()?,
            })
        });
        moved.collect()
    }

    /// Notes how a commit ended; a failed one is tried again later, or given up if the scheduler drains: leaving
    /// without a commit is what a crash does, and the records come again.
    pub(crate) fn committed(&mut self, positions: &[CommitPosition], succeeded: bool, now_ms: i64) {
        if !succeeded {
            self.metrics.commit_error_count += 1;
            if self.draining {
                self.assign(&[]);
            }
            self.commit_failures = self.commit_failures.saturating_add(1);
            self.commit_not_before_ms =
                now_ms.saturating_add(self.rules.backoff_ms(self.commit_failures));
            return;
        }
        self.commit_failures = 0;
        for position in positions {
            if let Some(partition) = self.partitions.get_mut(&position.partition) {
                self.metrics.committed_event_count += partition.commit(position.offset);
            }
        }
    }

    /// Takes an answer in; one of an earlier assignment is ignored.
    pub(crate) fn complete(
        &mut self,
        number: u64,
        result: &Result<InvokeAnswer, InvokeError>,
        now_ms: i64,
    ) {
        let Some(flight) = self.in_flight.remove(&number) else {
            debug!(
                invocation = number,
                "an answer from before the last assignment is ignored"
            );
            return;
        };
        let Some(mut piece) = self.pieces.remove(&flight.piece) else {
            return;
        };
        if flight.fault == Some(Fault::KillBeforeCommit) {
            self.urgent.push_back(Step::Reassign);
            return;
        }
        piece.in_flight = false;
        piece.response = ResponseContext::of(result);
        match piece.judge(&self.rules, &self.writer, result) {
            Verdict::Success if flight.fault == Some(Fault::DuplicateBatch) => {
                piece.not_before_ms = now_ms;
                self.pieces.insert(flight.piece, piece);
            }
            Verdict::Success => {
                self.replace(flight.piece, &piece.partitions(), Vec::new());
                self.finish(&piece.records);
            }
            Verdict::Again(again) => {
                let partitions = piece.partitions();
                let (again, done): (Vec<_>, Vec<_>) = std::mem::take(&mut piece.records)
                    .into_iter()
                    .partition(|record| again.contains(&(record.partition, record.offset)));
                self.finish(&done);
                self.metrics.failed_invoke_event_count += count(&again);
                self.retry(flight.piece, &partitions, piece.of(again), None, now_ms);
            }
            Verdict::Failed(failure) => {
                self.metrics.invoke_error_count += 1;
                self.metrics.failed_invoke_event_count += count(&piece.records);
                let partitions = piece.partitions();
                self.retry(flight.piece, &partitions, piece, Some(failure), now_ms);
            }
        }
    }
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
