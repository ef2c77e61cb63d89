//! How records end: finished, put back for a retry, split, or given up with a document (esm-spec §9.8, §9.9).
//!
//! When a piece that was put back runs again is decided in `start`.

use tracing::error;

use super::partition::PieceId;
use super::piece::{Failure, Piece};
use super::{Scheduler, Step, count};
use crate::document::{self, Condition, Discarded};
use crate::event::WrittenRecord;
use crate::ports::{OnFailureError, OnFailureMessage};

impl Scheduler {
    /// Puts a failed piece back, in two if it bisects, or gives it up (esm-spec §9.8). Without a failure it is
    /// what a partial batch response brings back.
    pub(super) fn retry(
        &mut self,
        id: PieceId,
        partitions: &[i32],
        mut piece: Piece,
        failure: Option<Failure>,
        now_ms: i64,
    ) {
        let switches = &self.rules.switches;
        let splits =
            failure == Some(Failure::Function) && self.rules.bisect && piece.records.len() > 1;
        let counts = match failure {
            Some(Failure::NotInvoked) => switches.throttle_counts,
            Some(Failure::Function) if splits => switches.split_counts,
            Some(Failure::Function | Failure::Response) | None => true,
        };
        piece.failures = piece.failures.saturating_add(1);
        piece.attempts = piece.attempts.saturating_add(u32::from(counts));
        piece.not_before_ms = now_ms.saturating_add(self.rules.backoff_ms(piece.failures));
        if self
            .rules
            .retries_max
            .is_some_and(|retries| piece.attempts > retries)
        {
            self.replace(id, partitions, Vec::new());
            let Piece {
                records,
                response,
                invocations,
                ..
            } = piece;
            let condition = Condition::RetriesExhausted;
            self.discard(
                &Discarded {
                    records,
                    condition,
                    response,
                    invocations,
                },
                now_ms,
            );
        } else {
            let pieces = if splits { piece.halves() } else { vec![piece] };
            self.replace(id, partitions, pieces);
        }
    }

    /// Puts pieces into the places a piece held in its partitions and returns the first one's id.
    pub(super) fn replace(
        &mut self,
        old: PieceId,
        partitions: &[i32],
        new: Vec<Piece>,
    ) -> Option<PieceId> {
        let first = self.pieces_made + 1;
        let new: Vec<(PieceId, Piece)> = (first..).zip(new).collect();
        for number in partitions {
            let Some(partition) = self.partitions.get_mut(number) else {
                continue;
            };
            let Some(place) = partition.claims.iter().position(|id| *id == old) else {
                continue;
            };
            partition.claims.remove(place);
            let holders = new
                .iter()
                .filter(|(_, piece)| piece.partitions().contains(number));
            for (i, (id, _)) in holders.enumerate() {
                partition.claims.insert(place + i, *id);
            }
        }
        self.pieces_made += count(&new);
        self.pieces.extend(new);
        self.pieces.contains_key(&first).then_some(first)
    }

    pub(super) fn finish(&mut self, records: &[WrittenRecord]) {
        for record in records {
            if let Some(partition) = self.partitions.get_mut(&record.partition) {
                partition.finish(record.offset);
            }
        }
    }

    /// Gives records up: they are finished at once, or when their documents have been delivered (esm-spec §9.9).
    pub(super) fn discard(&mut self, discarded: &Discarded, now_ms: i64) {
        self.metrics.dropped_event_count += count(&discarded.records);
        let Some(destination) = self.rules.destination.clone() else {
            self.finish(&discarded.records);
            return;
        };
        match document::documents(&self.rules, &self.writer, discarded, now_ms) {
            Ok(documents) => {
                for (body, records) in documents {
                    self.deliveries_made += 1;
                    let delivery = self.deliveries_made;
                    self.deliveries.insert(delivery, records);
                    let message = OnFailureMessage {
                        destination: destination.clone(),
                        body,
                    };
                    self.urgent.push_back(Step::Deliver { delivery, message });
                }
            }
            Err(reason) => {
                let reason: &dyn std::error::Error = &reason;
                error!(reason, "an on-failure document cannot be written");
                self.metrics.on_failure_destination_delivery_error_count += 1;
                self.finish(&discarded.records);
            }
        }
    }

    /// Notes how a delivery ended; either way its records are finished (esm-spec §3).
    pub(crate) fn delivered(&mut self, delivery: u64, result: &Result<(), OnFailureError>) {
        let Some(records) = self.deliveries.remove(&delivery) else {
            return;
        };
        match result {
            Ok(()) => {
                self.metrics.on_failure_destination_delivered_event_count += count(&records);
            }
            Err(reason) => {
                let reason: &dyn std::error::Error = reason;
                error!(
                    reason,
                    records = records.len(),
                    "an on-failure document is lost"
                );
                self.metrics.on_failure_destination_delivery_error_count += 1;
            }
        }
        self.finish(&records);
    }
}
