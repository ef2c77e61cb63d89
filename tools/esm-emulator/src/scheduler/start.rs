//! What may start now: a piece that waits for its retry, or a new batch of free partitions (esm-spec §1.3, §9.4).
//!
//! How invocations end is the parent module's.

use std::collections::BTreeMap;

use super::partition::PieceId;
use super::piece::Piece;
use super::{Flight, Invocation, Scheduler, Step, count};
use crate::document::{Condition, Discarded};
use crate::faults::Fault;

impl Scheduler {
    /// Returns a waiting piece that may run now.
    pub(super) fn runnable(&self, now_ms: i64) -> Option<PieceId> {
        let waiting = self
            .pieces
            .iter()
            .filter(|(id, piece)| self.is_next(**id, piece));
        waiting
            .into_iter()
            .find(|(_, piece)| piece.not_before_ms <= now_ms)
            .map(|(id, _)| *id)
    }

    /// Returns whether a piece is the first of all its partitions and not in flight.
    fn is_next(&self, id: PieceId, piece: &Piece) -> bool {
        let first = |number: &i32| {
            self.partitions
                .get(number)
                .is_some_and(|partition| partition.claims.front() == Some(&id))
        };
        !piece.in_flight && piece.partitions().iter().all(first)
    }

    /// Returns when the next piece or batch may start, if time alone decides.
    pub(super) fn next_start_ms(&self) -> Option<i64> {
        let waiting = self
            .pieces
            .iter()
            .filter(|(id, piece)| self.is_next(**id, piece));
        let retry_ms = waiting.map(|(_, piece)| piece.not_before_ms).min();
        retry_ms.into_iter().chain(self.window_end_ms()).min()
    }

    /// Returns when the batching window of the free partitions ends.
    fn window_end_ms(&self) -> Option<i64> {
        let eligible = self
            .partitions
            .values()
            .filter(|partition| partition.is_eligible());
        let first = eligible.filter_map(|partition| partition.ready().front());
        let oldest = first.map(|record| record.received_ms).min()?;
        Some(oldest.saturating_add(self.rules.window_ms))
    }

    /// Forms a batch of free partitions, if it is full or its window has ended (esm-spec §1.3, §9.4).
    pub(super) fn form(&mut self, now_ms: i64) -> Option<PieceId> {
        let window_end_ms = self.window_end_ms()?;
        let (shares, full) = self.shares();
        if !full && now_ms < window_end_ms {
            return None;
        }
        self.pieces_made += 1;
        let id = self.pieces_made;
        let mut records = Vec::new();
        for (number, count) in shares {
            if let Some(partition) = self.partitions.get_mut(&number) {
                records.append(&mut partition.take(count));
                partition.served = id;
                partition.claims.push_back(id);
            }
        }
        self.pieces.insert(
            id,
            Piece {
                records,
                ..Piece::default()
            },
        );
        Some(id)
    }

    /// Returns how many records each free partition gives, those first that waited longest, and whether the batch is full.
    fn shares(&self) -> (BTreeMap<i32, usize>, bool) {
        let mut eligible: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, partition)| partition.is_eligible())
            .collect();
        eligible.sort_by_key(|(_, partition)| partition.served);
        let mut shares = BTreeMap::new();
        let mut size = self.writer.empty();
        let mut count = 0;
        for (number, partition) in eligible {
            for record in partition.ready() {
                let grown = self.writer.grown(size, record);
                if grown.bytes > self.rules.switches.event_bytes_max {
                    return (shares, true);
                }
                size = grown;
                count += 1;
                *shares.entry(*number).or_default() += 1;
                if count >= self.rules.batch_size {
                    return (shares, true);
                }
            }
        }
        (shares, false)
    }

    /// Starts a piece; `None` if all its records have expired (esm-spec §9.8).
    pub(super) fn start(&mut self, id: PieceId, now_ms: i64) -> Option<Invocation> {
        let mut piece = self.pieces.remove(&id)?;
        let partitions = piece.partitions();
        let expired = piece.expire(self.rules.age_ms_max, now_ms);
        let id = if expired.is_empty() {
            id
        } else {
            let (response, invocations) = (piece.response.clone(), piece.invocations);
            let kept = if piece.records.is_empty() {
                Vec::new()
            } else {
                vec![piece.clone()]
            };
            let kept = self.replace(id, &partitions, kept);
            let condition = Condition::RecordTooOld;
            self.discard(
                &Discarded {
                    records: expired,
                    condition,
                    response,
                    invocations,
                },
                now_ms,
            );
            let id = kept?;
            self.pieces.remove(&id);
            id
        };
        self.invocations_made += 1;
        let number = self.invocations_made;
        let fault = self.rules.switches.faults.at(number);
        piece.in_flight = true;
        piece.invocations += 1;
        self.metrics.invoked_event_count += count(&piece.records);
        let event = self.writer.event(&piece.records);
        self.pieces.insert(id, piece);
        self.in_flight.insert(number, Flight { piece: id, fault });
        if fault == Some(Fault::Rebalance) {
            self.urgent.push_back(Step::Reassign);
        }
        Some(Invocation {
            number,
            event,
            fault,
        })
    }
}
