//! Dead letters: a failed record with everything that is needed to understand it and to put it back.
//!
//! How a letter travels is the adapter's business. The engine only writes it down.

use event_schema::{EventSpec, Incoming, Timestamp};
use msk_event::Position;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::batch::Entry;
use crate::outbox::OutboxEvent;
use crate::record::{place, sha256_hex};
use crate::rejection::Refusal;

/// A record that could not be processed.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// Made from function, position and record timestamp: a letter that is sent twice can be listed once.
    pub id: Uuid,
    /// The function that refused the record.
    pub function: &'static str,
    /// The stable word for the cause.
    pub code: &'static str,
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
    /// The version of the event's schema that the function was built with; empty for an event that could not
    /// be published.
    pub schema_version: String,
    /// The version of the function's code.
    pub code_version: String,
    /// The W3C `traceparent` of the record.
    pub trace_id: Option<String>,
    /// SHA-256 of the ordering key, so that letters of one key can be found without showing it.
    pub key_hash: Option<String>,
    /// The cluster, as it appears in stored keys; empty for an event that could not be published.
    pub cluster: String,
    /// Where the record lies, as far as that could be read.
    pub position: Option<LetterPosition>,
    /// The key of the `records` object under which Lambda delivered it; the topic of an event that could not be
    /// published.
    pub topic_partition: String,
    /// The record as Lambda delivered it: key, value, headers, position. An event that could not be published is
    /// as its outbox row holds it.
    pub record: Box<RawValue>,
}

/// A position as it is written into a letter.
#[derive(Clone, Debug, Serialize)]
pub struct LetterPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl From<&Position> for LetterPosition {
    fn from(position: &Position) -> Self {
        Self {
            topic: position.topic.clone(),
            partition: position.partition,
            offset: position.offset,
        }
    }
}

/// Who writes a letter.
pub(crate) struct Origin<'a> {
    pub(crate) function: &'static str,
    pub(crate) cluster: &'a str,
    pub(crate) code_version: &'a str,
}

/// How often a record was tried, and when it failed.
#[derive(Clone, Copy)]
pub(crate) struct Failures {
    pub(crate) attempts: u32,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

impl Origin<'_> {
    pub(crate) fn letter<E: Incoming>(
        &self,
        entry: &Entry<E>,
        refusal: &Refusal,
        failures: Failures,
    ) -> DeadLetter {
        let position = entry.position.as_ref();
        let (function, cluster) = (self.function, self.cluster);
        DeadLetter {
            id: letter_id(function, cluster, position, entry.timestamp_ms, &entry.raw),
            function,
            code: refusal.code,
            causes: refusal.chain.clone(),
            attempts: failures.attempts,
            first_failed_at: failures.first_at,
            last_failed_at: failures.last_at,
            event_type: entry.event_type.clone(),
            schema_version: schema_version::<E>(entry.event_type.as_deref()),
            code_version: self.code_version.to_owned(),
            trace_id: entry.traceparent.clone(),
            key_hash: entry
                .ordering_key
                .as_ref()
                .map(|key| sha256_hex(key.as_bytes())),
            cluster: cluster.to_owned(),
            position: position.map(Into::into),
            topic_partition: entry.topic_partition.clone(),
            record: raw_record(&entry.raw),
        }
    }
}

/// The version in which the type of a record is read; of one whose type is not known, that of the first type.
fn schema_version<E: Incoming>(event_type: Option<&str>) -> String {
    let is_it = |spec: &&&EventSpec| event_type.is_some_and(|name| spec.is_named(name));
    let spec = E::SPECS.iter().find(is_it).or(E::SPECS.first());
    spec.map(|spec| spec.schema_version.to_string())
        .unwrap_or_default()
}

/// A dead letter of what the relay could not publish: no record yet, so it has no position.
pub(crate) struct OutgoingLetter<'a> {
    pub(crate) function: &'static str,
    pub(crate) code_version: &'a str,
    /// What makes it the same letter when it is sent again.
    pub(crate) id: &'a str,
    /// Where it was to go, as far as that is known.
    pub(crate) lane: &'a str,
    pub(crate) event: Option<&'a OutboxEvent>,
    pub(crate) content: Value,
    pub(crate) at: Timestamp,
}

impl OutgoingLetter<'_> {
    pub(crate) fn write(self, refusal: Refusal) -> DeadLetter {
        let name = format!("{}\n{}", self.function, self.id);
        let event = self.event;
        let key = event.and_then(|event| event.key.as_ref());
        DeadLetter {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
            function: self.function,
            code: refusal.code,
            causes: refusal.chain,
            attempts: 1,
            first_failed_at: self.at,
            last_failed_at: self.at,
            event_type: event.map(|event| event.event_type.clone()),
            schema_version: String::new(),
            code_version: self.code_version.to_owned(),
            trace_id: event.and_then(|event| event.traceparent.clone()),
            key_hash: key.map(|key| sha256_hex(key.as_bytes())),
            cluster: String::new(),
            position: None,
            topic_partition: self.lane.to_owned(),
            record: raw_record(&self.content.to_string()),
        }
    }
}

/// The id of the letter that `function` writes for this record, however often it does.
fn letter_id(
    function: &str,
    cluster: &str,
    position: Option<&Position>,
    timestamp_ms: Option<i64>,
    raw: &str,
) -> Uuid {
    let name = match position {
        Some(position) => format!("{function}\n{}", place(cluster, position, timestamp_ms)),
        None => format!("{function}\n{cluster}\n{raw}"),
    };
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// The record's JSON as it was delivered; a JSON string of it should it not be valid JSON after all.
fn raw_record(raw: &str) -> Box<RawValue> {
    RawValue::from_string(raw.to_owned())
        .or_else(|_not_json| serde_json::value::to_raw_value(raw))
        .unwrap_or_else(|_unreachable| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_sent_twice_has_one_id_and_a_topic_made_again_has_another() {
        let position = Position {
            topic: "t".into(),
            partition: 1,
            offset: 2,
        };
        let id = |timestamp| letter_id("f", "c", Some(&position), Some(timestamp), "{}");
        assert_eq!(id(5), id(5));
        assert_ne!(id(5), id(6));
    }

    #[test]
    fn a_record_is_kept_as_it_was_delivered() {
        assert_eq!(raw_record(r#"{ "a":1 }"#).get(), r#"{ "a":1 }"#);
        assert_eq!(raw_record("not json").get(), r#""not json""#);
    }
}
