//! What `error-logged` stores: a group for each fingerprint.
//!
//! It holds no error as it came: messages are normalised, and the sample is masked.

use event_schema::events::ErrorLogged;
use event_schema::{EventId, ServiceName, Timestamp};
use processing::{Item, Key, Record};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::message::{bounded, masked};

/// Milliseconds of event time within which a group is told of once: a quarter of an hour.
pub const ALERT_WINDOW_MS: i64 = 15 * 60 * 1_000;

/// Bytes of a kind of error that are kept.
const ERROR_TYPE_BYTES_MAX: usize = 256;
/// Bytes of a sample's message that are kept.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// Bytes of a sample's stack trace that are kept.
const STACK_TRACE_BYTES_MAX: usize = 4_096;
/// Bytes of a trace id that are kept.
const TRACE_ID_BYTES_MAX: usize = 128;

/// Errors that have service, kind and normalised message in common, keyed by their fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// The hash of what they have in common.
    pub fingerprint: String,
    /// The service.
    pub service: ServiceName,
    /// The kind of error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// The message without what differs from error to error.
    pub message: String,
    /// How many there were.
    pub count: u64,
    /// When the first of them happened.
    pub first_seen: Timestamp,
    /// When the last of them happened.
    pub last_seen: Timestamp,
    /// The last of them, masked.
    pub sample: Sample,
    /// The last alert; none until one was critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
}

/// One error, with personal data masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it happened.
    pub at: Timestamp,
    /// Its event: the whole of it is in the topic, as long as that keeps it.
    pub event_id: Option<EventId>,
    /// How bad it was.
    pub level: String,
    /// What it said.
    pub message: String,
    /// Where in the code it was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
    /// The trace it was met in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// That operations were told of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// When the window began in which they were.
    pub window: Timestamp,
    /// The event that told them.
    pub event_id: EventId,
}

/// Returns the name of the group that an error belongs to.
#[must_use]
pub fn fingerprint_of(service: &ServiceName, error_type: Option<&str>, message: &str) -> String {
    let mut hash = Sha256::new();
    for part in [service.as_str(), error_type.unwrap_or_default(), message] {
        // Lengths first: no two errors are hashed alike.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let bytes = digest.iter().take(16);
    bytes.fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Returns when the alert window of an instant began.
pub(crate) fn window_of(at: Timestamp) -> Timestamp {
    let ms = at.as_ms();
    Timestamp::from_ms(ms - ms.rem_euclid(ALERT_WINDOW_MS))
}

impl ErrorGroup {
    /// A group that counts nothing yet.
    pub(crate) fn new(
        fingerprint: String,
        error: &ErrorLogged,
        message: String,
        sample: Sample,
    ) -> Self {
        let error_type = error.error_type.as_deref();
        Self {
            fingerprint,
            service: error.service.clone(),
            error_type: error_type.map(|kind| bounded(kind, ERROR_TYPE_BYTES_MAX)),
            message,
            count: 0,
            first_seen: sample.at,
            last_seen: sample.at,
            sample,
            alert: None,
        }
    }

    /// Counts an error; what it comes to does not depend on the order of the errors.
    pub(crate) fn take_in(&mut self, sample: Sample) {
        self.count += 1;
        self.first_seen = self.first_seen.min(sample.at);
        self.last_seen = self.last_seen.max(sample.at);
        let order = |sample: &Sample| (sample.at, sample.event_id.clone());
        if order(&sample) > order(&self.sample) {
            self.sample = sample;
        }
    }
}

impl Sample {
    pub(crate) fn of(record: &Record<ErrorLogged>) -> Self {
        let error = &record.event;
        let stack_trace = error.stack_trace.as_deref();
        let trace_id = error.trace_id.as_deref();
        Self {
            at: record.timestamp,
            event_id: record.event_id.clone(),
            level: error.level.as_str().to_owned(),
            message: masked(&error.message, MESSAGE_BYTES_MAX),
            stack_trace: stack_trace.map(|trace| masked(trace, STACK_TRACE_BYTES_MAX)),
            trace_id: trace_id.map(|id| bounded(id, TRACE_ID_BYTES_MAX)),
        }
    }
}

impl Item for ErrorGroup {
    const TABLE: &'static str = "error-groups";

    fn key(&self) -> Key {
        Key::from(&self.fingerprint)
    }
}
