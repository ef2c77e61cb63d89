//! Why one record cannot be read.
//!
//! Messages and codes never hold anything the record carries, so that they can be logged.

use thiserror::Error;

/// Says why a record cannot be read; the record fails the same way each time it is delivered.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The text is not JSON; only a record that is read alone can have this.
    #[error("the record is not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// The record is JSON of another type.
    #[error("the record is not an object")]
    NotAnObject,
    /// The entry of a partition in `records` is not a list, so that its records are unknown.
    #[error("the partition's entry in `records` is not a list")]
    NotAList,
    /// A field that is read occurs twice, so that its value is ambiguous.
    #[error("`{field}` occurs more than once")]
    RepeatedField {
        /// The name of the field on the wire.
        field: &'static str,
    },
    /// Topic, partition or offset is absent or null.
    #[error("`{field}` is missing")]
    MissingField {
        /// The name of the field on the wire.
        field: &'static str,
    },
    /// A field has another type than documented, or a value that it cannot have.
    #[error("`{field}` has a wrong type or is out of range")]
    InvalidField {
        /// The name of the field on the wire.
        field: &'static str,
    },
    /// The key or the value is a string that is not standard base64 with padding.
    #[error("`{field}` is not valid base64")]
    InvalidBase64 {
        /// The name of the field on the wire.
        field: &'static str,
    },
    /// `headers` is neither null nor a list.
    #[error("`headers` is not a list")]
    HeadersNotAList,
    /// An entry of `headers` is not an object of names with lists of bytes.
    #[error("entry {index} of `headers` is not a name with a list of bytes")]
    InvalidHeader {
        /// The place of the entry in `headers`, from 0.
        index: usize,
    },
    /// The record's topic and partition are not those of the list it was delivered in.
    #[error("the record's topic and partition are not those of its list in `records`")]
    PartitionMismatch,
}

impl RecordError {
    /// Returns the stable code of the failure, one of six, fit for a metric's label.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::NotAnObject | Self::NotAList | Self::RepeatedField { .. } => {
                "malformed_record"
            }
            Self::MissingField { .. } => "missing_field",
            Self::InvalidField { .. } => "invalid_field",
            Self::InvalidBase64 { .. } => "invalid_base64",
            Self::HeadersNotAList | Self::InvalidHeader { .. } => "invalid_header",
            Self::PartitionMismatch => "partition_mismatch",
        }
    }
}
