//! A piece of work: records that are invoked, retried, split and given up together.
//!
//! A piece starts as a batch and only ever gets smaller. It does not know when it may run.

use std::collections::{BTreeMap, BTreeSet};

use tracing::warn;

use crate::document::ResponseContext;
use crate::event::{EventWriter, WrittenRecord};
use crate::ports::{InvokeAnswer, InvokeError};
use crate::response::{self, Position};
use crate::rules::Rules;
use crate::switches::Partial;

#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    /// Ascending by partition and offset.
    pub(super) records: Vec<WrittenRecord>,
    /// Failed invocations that count toward the retry limit.
    pub(super) attempts: u32,
    /// Failed invocations in a row, whether they count or not.
    pub(super) failures: u32,
    pub(super) invocations: u32,
    pub(super) not_before_ms: i64,
    pub(super) in_flight: bool,
    pub(super) response: Option<ResponseContext>,
}

/// What an invocation came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    /// A partial batch response: these records are delivered again.
    Again(BTreeSet<Position>),
    Failed(Failure),
}

/// Why a whole batch failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The function failed or did not end in time.
    Function,
    /// The answer is no batch response.
    Response,
    /// Throttle or service error: the function did not answer at all.
    NotInvoked,
}

impl Piece {
    pub(super) fn partitions(&self) -> Vec<i32> {
        self.records
            .chunk_by(|a, b| a.partition == b.partition)
            .filter_map(|group| group.first().map(|record| record.partition))
            .collect()
    }

    /// Makes a piece of some of this one's records, with this one's past.
    pub(super) fn of(&self, records: Vec<WrittenRecord>) -> Self {
        Self {
            records,
            in_flight: false,
            ..self.without_records()
        }
    }

    fn without_records(&self) -> Self {
        Self {
            records: Vec::new(),
            response: self.response.clone(),
            ..*self
        }
    }

    /// Splits the piece in two, the earlier records first.
    pub(super) fn halves(mut self) -> Vec<Self> {
        let later = self.records.split_off(self.records.len() / 2);
        let earlier = std::mem::take(&mut self.records);
        vec![self.of(earlier), self.of(later)]
    }

    /// Takes out the records that are too old.
    pub(super) fn expire(&mut self, age_ms_max: Option<i64>, now_ms: i64) -> Vec<WrittenRecord> {
        let Some(age_ms_max) = age_ms_max else {
            return Vec::new();
        };
        let oldest = now_ms.saturating_sub(age_ms_max);
        let (expired, kept) = std::mem::take(&mut self.records)
            .into_iter()
            .partition(|record| record.made_ms() < oldest);
        self.records = kept;
        expired
    }

    /// Judges an answer (esm-spec §2.1, §9.6, §9.7).
    pub(super) fn judge(
        &self,
        rules: &Rules,
        writer: &EventWriter,
        result: &Result<InvokeAnswer, InvokeError>,
    ) -> Verdict {
        let answer = match result {
            Ok(answer) => answer,
            Err(InvokeError::TimedOut) => return Verdict::Failed(Failure::Function),
            Err(
                InvokeError::Throttled | InvokeError::Status { .. } | InvokeError::Unreachable(_),
            ) => return Verdict::Failed(Failure::NotInvoked),
        };
        if answer.function_error.is_some() {
            return Verdict::Failed(Failure::Function);
        }
        if !rules.partial_responses {
            return Verdict::Success;
        }
        match self.listed(writer, &answer.body) {
            Ok(listed) if listed.is_empty() => Verdict::Success,
            Ok(listed) => Verdict::Again(self.again(listed, rules.switches.partial)),
            Err(error) => {
                let reason: &dyn std::error::Error = &error;
                warn!(
                    reason,
                    function = rules.function_name,
                    "no batch response: the whole batch failed"
                );
                Verdict::Failed(Failure::Response)
            }
        }
    }

    fn listed(
        &self,
        writer: &EventWriter,
        body: &[u8],
    ) -> Result<BTreeSet<Position>, response::ResponseError> {
        let keys: BTreeMap<String, i32> = self
            .partitions()
            .into_iter()
            .map(|number| (writer.key(number), number))
            .collect();
        response::listed(body, |key, offset| {
            let number = *keys.get(key)?;
            self.records
                .binary_search_by_key(&(number, offset), |record| {
                    (record.partition, record.offset)
                })
                .ok()
                .map(|_| number)
        })
    }

    /// Returns what a list of failed records brings back (esm-spec §2.4).
    fn again(&self, listed: BTreeSet<Position>, partial: Partial) -> BTreeSet<Position> {
        match partial {
            Partial::ListedOnly => listed,
            Partial::FromLowestOffset => {
                // Of equal partitions the last one inserted stays: the lowest offset.
                let lowest: BTreeMap<i32, i64> = listed.into_iter().rev().collect();
                self.records
                    .iter()
                    .filter(|record| {
                        lowest
                            .get(&record.partition)
                            .is_some_and(|first| record.offset >= *first)
                    })
                    .map(|record| (record.partition, record.offset))
                    .collect()
            }
        }
    }
}
