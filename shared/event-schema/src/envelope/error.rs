//! Why a value cannot be read or written.
//!
//! The texts go into logs and dead letters, so they hold field names and expectations, never values.
//! That is also why [`ReadError`] has no JSON error as its source: that one quotes what it met.

use crate::{InvalidClaimCheck, InvalidEvent, SchemaVersion};

/// Why a value is no event of the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The value exceeds [`crate::VALUE_BYTES_MAX`].
    #[error("the value has {bytes} bytes, more than {bytes_max}")]
    ValueTooLarge {
        /// What it has.
        bytes: usize,
        /// What is read.
        bytes_max: usize,
    },
    /// The value nests deeper than [`crate::DEPTH_MAX`].
    #[error("the value nests deeper than {depth_max} levels")]
    ValueTooDeep {
        /// What is read.
        depth_max: usize,
    },
    /// The value is not JSON; an empty one is not either.
    #[error("the value is not JSON (line {line}, column {column})")]
    InvalidJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 0.
        column: usize,
    },
    /// The value is JSON, but no object.
    #[error("the value is not a JSON object")]
    NotAnObject,
    /// A field that the type cannot do without is not there.
    #[error("`{path}` is missing")]
    MissingField {
        /// Where it should be.
        path: String,
    },
    /// A field is there twice, perhaps in two spellings.
    #[error("`{path}` is there twice")]
    DuplicateField {
        /// Its canonical name, and where it is.
        path: String,
    },
    /// A field holds something else than its type.
    #[error("`{path}` is not {expected}")]
    InvalidField {
        /// Where it is, as the producer spells it.
        path: String,
        /// What belongs there.
        expected: String,
    },
    /// The event id, of the value or its hint, is no short printable text or integer.
    #[error(
        "the event id is not an integer or a text of 1 to 128 bytes without control characters"
    )]
    InvalidEventId,
    /// The event type, of the value or its hint, is no short printable text.
    #[error("the event type is not a text of 1 to 128 bytes without control characters")]
    InvalidEventType,
    /// Neither the value nor its hint names a type, and the topic carries several of those that are read.
    #[error("the event names no type, and its topic carries several")]
    UnnamedEventType,
    /// The timestamp of the value names no instant.
    #[error("the timestamp is not RFC 3339 with an offset or whole milliseconds since 1970")]
    InvalidTimestamp,
    /// The schema version is not one.
    #[error("the schema version is not `major.minor`")]
    InvalidSchemaVersion,
    /// The schema version has a major part that this reader does not know.
    #[error("schema version {found} is not a {supported}")]
    UnsupportedSchemaVersion {
        /// What the value says.
        found: SchemaVersion,
        /// What the type is read in, with any minor part.
        supported: SchemaVersion,
    },
    /// The reference of a value that lies elsewhere is none.
    #[error("`claim_check` is no reference")]
    InvalidClaimCheck(#[from] InvalidClaimCheck),
    /// The event breaks a rule of its type.
    #[error("the event breaks a rule of its type")]
    InvalidEvent(#[from] InvalidEvent),
}

impl ReadError {
    /// Returns the stable code of this error, for metrics and dead letters.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ValueTooLarge { .. } => "value_too_large",
            Self::ValueTooDeep { .. } => "value_too_deep",
            Self::InvalidJson { .. } => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField { .. } => "missing_field",
            Self::DuplicateField { .. } => "duplicate_field",
            Self::InvalidField { .. } => "invalid_field",
            Self::InvalidEventId => "invalid_event_id",
            Self::InvalidEventType => "invalid_event_type",
            Self::UnnamedEventType => "missing_event_type",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::InvalidSchemaVersion => "invalid_schema_version",
            Self::UnsupportedSchemaVersion { .. } => "unsupported_schema_version",
            Self::InvalidClaimCheck(_) => "invalid_claim_check",
            Self::InvalidEvent(_) => "invalid_event",
        }
    }
}

/// Why an event is not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It breaks a rule of its type, so that no reader would take it.
    #[error("the event breaks a rule of its type")]
    InvalidEvent(#[from] InvalidEvent),
    /// It exceeds [`crate::WRITTEN_BYTES_MAX`], or [`crate::VALUE_BYTES_MAX`] where it is written whole.
    #[error("the event has {bytes} bytes as JSON, more than {bytes_max}")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is written.
        bytes_max: usize,
    },
    /// Its type does not serialize to an object.
    #[error("the event cannot be written as a JSON object")]
    Json(#[source] serde_json::Error),
}

impl WriteError {
    /// Returns the stable code of this error, for metrics and dead letters.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "invalid_published_event",
            Self::TooLarge { .. } => "published_event_too_large",
            Self::Json(_) => "unwritable_event",
        }
    }
}
