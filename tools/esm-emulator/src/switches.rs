//! What AWS leaves unsaid, as switches: every point marked *unconfirmed* in the specification has one, with its default.
//!
//! A handler that is right under every setting is right on Lambda. Nothing here is a property of a
//! real event source mapping; those stand in [`MappingConfig`](crate::MappingConfig).

use serde::Deserialize;

use crate::faults::FaultPlan;

/// How the emulator decides where AWS's documents do not (esm-spec §2.5, §9, §10).
///
/// In JSON the names are kebab-case: `{"partial": "from-lowest-offset", "split-counts": true}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Switches {
    /// Which records a partial batch response brings back (esm-spec §2.4, U2).
    pub partial: Partial,
    /// How a null value is written into the event (esm-spec §1.1, U7).
    pub tombstone: Tombstone,
    /// How a header without a value is written into the event (esm-spec §1.1, U7).
    pub null_header_value: NullHeaderValue,
    /// Whether an invocation that ends in a bisection uses up an attempt (esm-spec §2.2, U3).
    pub split_counts: bool,
    /// Whether throttles and service errors use up attempts (esm-spec §2.1, U3).
    pub throttle_counts: bool,
    /// Retries of a mapping on demand that has a destination; `null` means for ever (esm-spec §0.1, U9).
    pub on_demand_retries_with_destination_max: Option<u32>,
    /// What becomes of a record too large for an event when there is no destination (esm-spec §1.3, U8).
    pub oversized_without_destination: Oversized,
    /// One on-failure document for a batch or for each record (esm-spec §3.1, U5).
    pub discard_document: DocumentForm,
    /// The word for exhausted retries in on-failure documents (esm-spec §3.1, U4).
    pub retries_condition: String,
    /// The word for expired records in on-failure documents (esm-spec §3.1, U4).
    pub age_condition: String,
    /// Pause before the first retry, in milliseconds; it doubles with every failure in a row (esm-spec §2.1, U3).
    pub backoff_base_milliseconds: u64,
    /// Longest pause before a retry, in milliseconds.
    pub backoff_milliseconds_max: u64,
    /// Size of a serialized event that is never passed, in bytes (esm-spec §9.4).
    pub event_bytes_max: usize,
    /// How long the emulator waits for one invocation, in milliseconds, before it counts as timed out.
    pub invocation_milliseconds_max: u64,
    /// Faults put in on purpose (esm-spec §9.12).
    pub faults: FaultPlan,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            partial: Partial::ListedOnly,
            tombstone: Tombstone::Null,
            null_header_value: NullHeaderValue::Null,
            split_counts: false,
            throttle_counts: false,
            on_demand_retries_with_destination_max: Some(10),
            oversized_without_destination: Oversized::Skip,
            discard_document: DocumentForm::PerBatch,
            retries_condition: "RetryAttemptsExhausted".to_owned(),
            age_condition: "RecordAgeExceeded".to_owned(),
            backoff_base_milliseconds: 100,
            backoff_milliseconds_max: 30_000,
            event_bytes_max: 6_291_456,
            invocation_milliseconds_max: 900_000,
            faults: FaultPlan::default(),
        }
    }
}

/// Which records a partial batch response brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partial {
    /// The listed records alone, as AWS's text says.
    ListedOnly,
    /// In each listed partition every record of the batch from the lowest listed offset on.
    FromLowestOffset,
}

/// How a null value is written into the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tombstone {
    /// `"value": null`.
    Null,
    /// No `value` member.
    Absent,
}

/// How a header without a value is written into the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NullHeaderValue {
    /// `{"name": null}`.
    Null,
    /// `{"name": []}`.
    Empty,
    /// The header is left out.
    Absent,
}

/// What becomes of a record too large for an event when there is no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oversized {
    /// It is dropped and committed past.
    Skip,
    /// It blocks its partition.
    Block,
}

/// The form of on-failure documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentForm {
    /// One document for the discarded records of a batch, with `recordsInfo` (esm-spec §3.1).
    PerBatch,
    /// One document for each record, with `recordInfo` and `payload` (esm-spec §3.3).
    PerRecord,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_left_out_has_its_default() {
        let switches: Switches =
            serde_json::from_str(r#"{"partial":"from-lowest-offset"}"#).unwrap();
        assert_eq!(
            switches,
            Switches {
                partial: Partial::FromLowestOffset,
                ..Switches::default()
            }
        );
    }

    #[test]
    fn an_unknown_switch_is_refused() {
        assert!(serde_json::from_str::<Switches>(r#"{"partail":"listed-only"}"#).is_err());
    }
}
