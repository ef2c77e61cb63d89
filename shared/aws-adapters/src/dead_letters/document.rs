//! A dead letter as a document that needs nothing else: written by functions, read by tools.
//!
//! The form is versioned and frozen by a golden file: letters outlive the code that wrote them. It does not
//! know the queue.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_schema::{ClaimCheck, Timestamp};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use processing::{DeadLetter, PayloadError};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The version of the form; a change that older readers would misunderstand raises it.
pub const DEAD_LETTER_VERSION: u32 = 1;
/// Bytes of a record's JSON that are read out of a compressed letter: more than an invocation can carry.
pub const RECORD_BYTES_MAX: usize = msk_event::EVENT_BYTES_MAX;

/// Bytes of a message that is read: as many as the queue takes ("Message quotas", SQS guide).
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// How a letter carries its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RecordEncoding {
    /// As JSON, in place.
    #[serde(rename = "json")]
    Json,
    /// As a string: base64 of the gzipped JSON, for a record that is too large otherwise.
    #[serde(rename = "gzip+base64")]
    GzipBase64,
}

/// A dead letter as tools read it.
#[derive(Clone, Debug)]
pub struct DeadLetterDocument {
    /// The letter's id; one that was sent twice is listed once.
    pub id: Uuid,
    /// The function that refused the record.
    pub function: String,
    /// The stable word for the cause.
    pub code: String,
    /// The message and every cause behind it, outermost first.
    pub causes: Vec<String>,
    /// How often the record was tried.
    pub attempts: u32,
    /// When it failed first.
    pub first_failed_at: Timestamp,
    /// When it failed last.
    pub last_failed_at: Timestamp,
    /// The event's type, as far as it is known.
    pub event_type: Option<String>,
    /// The version of the event's schema that the function was built with.
    pub schema_version: String,
    /// The version of the function's code.
    pub code_version: String,
    /// The W3C `traceparent` of the record.
    pub trace_id: Option<String>,
    /// SHA-256 of the ordering key.
    pub key_hash: Option<String>,
    /// The cluster, as it appears in stored keys.
    pub cluster: String,
    /// Topic, partition and offset, as far as they could be read.
    pub position: Option<msk_event::Position>,
    /// The key of the `records` object under which Lambda delivered the record.
    pub topic_partition: String,
    /// The record as Lambda delivered it.
    pub record: Box<RawValue>,
}

/// Why a message is not read as a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The message is not a JSON object with the fields of a dead letter.
    #[error("the message is not a dead letter of this form")]
    Malformed(#[source] serde_json::Error),
    /// The message is something else; [`crate::QueueMessage`] knows on-failure documents too (esm-spec §3).
    #[error("the message does not call itself a dead letter")]
    NotADeadLetter,
    /// The letter lies in a bucket, too large for the queue; [`DeadLetterDocument::fetch`] reads it.
    #[error("the letter lies in the bucket {}", .0.bucket())]
    Elsewhere(ClaimCheck),
    /// The letter lies in another bucket than the one that is read.
    #[error("the letter lies in the bucket {0}, which OVERFLOW_BUCKET does not name")]
    ForeignBucket(String),
    /// The letter could not be had from its bucket.
    #[error("the letter could not be fetched from its bucket")]
    NotFetched(#[source] PayloadError),
    /// The object, or its key, is not that of the letter.
    #[error("the object is not the letter that its message stands for")]
    NotItsLetter,
    /// The message is longer than the queue takes.
    #[error("the message has {bytes} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The letter was written by later code.
    #[error("dead letters of version {found} are not known, only up to {DEAD_LETTER_VERSION}")]
    UnknownVersion {
        /// The letter's version.
        found: u32,
    },
    /// The compressed record is not a base64 string.
    #[error("the compressed record is not base64")]
    NotBase64(#[source] base64::DecodeError),
    /// The compressed record cannot be unpacked.
    #[error("the compressed record cannot be unpacked")]
    NotGzip(#[source] std::io::Error),
    /// The compressed record is larger than any record can be.
    #[error("the compressed record has more than {RECORD_BYTES_MAX} bytes")]
    RecordTooLarge,
    /// An on-failure document says nothing of offsets.
    #[error("the on-failure document has neither `recordsInfo` nor `recordInfo`")]
    NoOffsets,
    /// An offset of an on-failure document is missing, is no offset, or lies before its range.
    #[error("`{field}` of the on-failure document is not an offset of its range")]
    InvalidOffset {
        /// The field that should hold it.
        field: &'static str,
    },
    /// The payload of an on-failure document is a string that cannot be read.
    #[error("the payload of the on-failure document is not valid text")]
    InvalidPayload,
}

impl DocumentError {
    /// Returns the stable code of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_message",
            Self::NotADeadLetter => "not_a_dead_letter",
            Self::Elsewhere(_) => "letter_elsewhere",
            Self::ForeignBucket(_) => "letter_bucket_foreign",
            Self::NotFetched(PayloadError::Missing) => "letter_missing",
            Self::NotFetched(_) => "letter_unavailable",
            Self::NotItsLetter => "letter_mismatch",
            Self::TooLong { .. } => "message_too_long",
            Self::UnknownVersion { .. } => "unknown_dead_letter_version",
            Self::NotBase64(_) | Self::NotGzip(_) | Self::RecordTooLarge => "record_unreadable",
            Self::NoOffsets | Self::InvalidOffset { .. } => "offsets_unreadable",
            Self::InvalidPayload => "payload_unreadable",
        }
    }
}

/// The form on the wire; the order of its fields is part of it.
#[derive(Serialize, Deserialize)]
struct Wire {
    dead_letter_version: u32,
    id: Uuid,
    function: String,
    code: String,
    causes: Vec<String>,
    attempts: u32,
    first_failed_at: Timestamp,
    last_failed_at: Timestamp,
    event_type: Option<String>,
    schema_version: String,
    code_version: String,
    trace_id: Option<String>,
    key_hash: Option<String>,
    cluster: String,
    position: Option<WirePosition>,
    topic_partition: String,
    record_encoding: RecordEncoding,
    record: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct WirePosition {
    topic: String,
    partition: i32,
    offset: i64,
}

/// Only what tells a dead letter from other messages, and its form from others.
#[derive(Deserialize)]
struct Probe {
    dead_letter_version: Option<u32>,
    claim_check: Option<IgnoredAny>,
}

impl DeadLetterDocument {
    /// Reads the body of a message of the dead-letter queue; unknown fields are ignored.
    ///
    /// # Errors
    /// Fails if the body is not a dead letter, or one that cannot be read whole; [`DocumentError::Elsewhere`] if
    /// the letter is too large for the queue.
    pub fn read(body: &str) -> Result<Self, DocumentError> {
        within_bounds(body)?;
        Self::read_whole(body)
    }

    /// Reads a letter that is all there, whatever the queue takes.
    pub(super) fn read_whole(body: &str) -> Result<Self, DocumentError> {
        let probe: Probe = serde_json::from_str(body).map_err(DocumentError::Malformed)?;
        match probe.dead_letter_version {
            None => return Err(DocumentError::NotADeadLetter),
            Some(DEAD_LETTER_VERSION) => {}
            Some(found) => return Err(DocumentError::UnknownVersion { found }),
        }
        if probe.claim_check.is_some() {
            return Err(super::pointer::elsewhere(body));
        }
        let wire: Wire = serde_json::from_str(body).map_err(DocumentError::Malformed)?;
        let record = match wire.record_encoding {
            RecordEncoding::Json => wire.record,
            RecordEncoding::GzipBase64 => unpack(&wire.record)?,
        };
        Ok(Self {
            id: wire.id,
            function: wire.function,
            code: wire.code,
            causes: wire.causes,
            attempts: wire.attempts,
            first_failed_at: wire.first_failed_at,
            last_failed_at: wire.last_failed_at,
            event_type: wire.event_type,
            schema_version: wire.schema_version,
            code_version: wire.code_version,
            trace_id: wire.trace_id,
            key_hash: wire.key_hash,
            cluster: wire.cluster,
            position: wire.position.map(|position| msk_event::Position {
                topic: position.topic,
                partition: position.partition,
                offset: position.offset,
            }),
            topic_partition: wire.topic_partition,
            record,
        })
    }
}

/// Refuses a message that the queue would not have taken, before it is looked at.
pub(crate) fn within_bounds(body: &str) -> Result<(), DocumentError> {
    if body.len() <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    Err(DocumentError::TooLong { bytes: body.len() })
}

/// Writes a letter with its record in this encoding.
pub(crate) fn write(
    letter: &DeadLetter,
    record_encoding: RecordEncoding,
) -> Result<String, serde_json::Error> {
    let record = match record_encoding {
        RecordEncoding::Json => letter.record.clone(),
        RecordEncoding::GzipBase64 => pack(&letter.record)?,
    };
    let body = serde_json::to_string(&Wire {
        dead_letter_version: DEAD_LETTER_VERSION,
        id: letter.id,
        function: letter.function.to_owned(),
        code: letter.code.to_owned(),
        causes: letter.causes.clone(),
        attempts: letter.attempts,
        first_failed_at: letter.first_failed_at,
        last_failed_at: letter.last_failed_at,
        event_type: letter.event_type.clone(),
        schema_version: letter.schema_version.clone(),
        code_version: letter.code_version.clone(),
        trace_id: letter.trace_id.clone(),
        key_hash: letter.key_hash.clone(),
        cluster: letter.cluster.clone(),
        position: letter.position.as_ref().map(|position| WirePosition {
            topic: position.topic.clone(),
            partition: position.partition,
            offset: position.offset,
        }),
        topic_partition: letter.topic_partition.clone(),
        record_encoding,
        record,
    })?;
    Ok(without_noncharacters(body))
}

/// Escapes the two characters that JSON allows and SQS does not (`SendMessage`: U+FFFE, U+FFFF).
///
/// In JSON they can only stand inside strings, where their escapes mean the same; a producer that sends one
/// would otherwise make its dead letter unsendable, and so block its partition.
fn without_noncharacters(body: String) -> String {
    if !body.contains(['\u{fffe}', '\u{ffff}']) {
        return body;
    }
    body.replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}

fn pack(record: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(record.get().as_bytes())
        .map_err(serde_json::Error::io)?;
    let bytes = gzip.finish().map_err(serde_json::Error::io)?;
    serde_json::value::to_raw_value(&STANDARD.encode(bytes))
}

fn unpack(record: &RawValue) -> Result<Box<RawValue>, DocumentError> {
    let text: String = serde_json::from_str(record.get()).map_err(DocumentError::Malformed)?;
    let bytes = STANDARD.decode(text).map_err(DocumentError::NotBase64)?;
    let mut json = String::new();
    let bound = u64::try_from(RECORD_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut gzip = GzDecoder::new(bytes.as_slice()).take(bound);
    gzip.read_to_string(&mut json)
        .map_err(DocumentError::NotGzip)?;
    if json.len() > RECORD_BYTES_MAX {
        return Err(DocumentError::RecordTooLarge);
    }
    RawValue::from_string(json).map_err(DocumentError::Malformed)
}

#[cfg(test)]
mod tests;
