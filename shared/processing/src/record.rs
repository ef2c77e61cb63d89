//! A decoded record as a handler sees it, and the names under which the engine knows it.

use event_schema::{EventId, Timestamp};
use msk_event::Position;
use sha2::{Digest, Sha256};

/// Longest ordering key that is used as it is; a longer one is replaced by its hash.
const ORDERING_KEY_BYTES_MAX: usize = 512;

/// One record with its event decoded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<E> {
    /// The event.
    pub event: E,
    /// The event's id; always there for a handler with [`crate::Dedup::EventId`].
    pub event_id: Option<EventId>,
    /// When the event happened: its own timestamp, else the record's, else the invocation's.
    pub timestamp: Timestamp,
    /// Where the record lies in Kafka.
    pub position: Position,
    /// What orders it: the record's Kafka key, else the key that the event itself names.
    pub ordering_key: Option<String>,
    /// The W3C `traceparent` header.
    pub traceparent: Option<String>,
    pub(crate) source: Source,
    pub(crate) value: Whole,
}

impl<E> Record<E> {
    /// Returns the value as it was delivered, fields that this version does not know included: for who keeps
    /// events whole.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value.0
    }
}

/// A value as it was delivered; `Debug` shows how long it is, because it may hold personal data.
#[derive(Clone, Default)]
pub(crate) struct Whole(pub(crate) String);

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Whole({} bytes)", self.0.len())
    }
}

/// The stable name of a record, from which the ids of what it causes are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

impl Source {
    /// By its event's id, or by where and when it lies: a topic that is made again has the same offsets with
    /// other timestamps.
    pub(crate) fn of(
        event_id: Option<&EventId>,
        cluster: &str,
        position: &Position,
        timestamp_ms: Option<i64>,
    ) -> Self {
        Self(event_id.map_or_else(
            || place(cluster, position, timestamp_ms),
            |id| format!("id/{}", id.as_ref()),
        ))
    }

    /// By the id under which a caller asks for it.
    pub(crate) fn call(id: &str) -> Self {
        Self(format!("call/{id}"))
    }

    /// The id of the `n`th thing that `function` makes of this record: the same each time it is decided.
    pub(crate) fn derived_id(&self, function: &str, n: usize) -> uuid::Uuid {
        let name = format!("{function}\n{}\n{n}", self.0);
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes())
    }
}

/// Where and when a record lies, as text.
pub(crate) fn place(cluster: &str, position: &Position, timestamp_ms: Option<i64>) -> String {
    let Position {
        topic,
        partition,
        offset,
    } = position;
    let timestamp = timestamp_ms.unwrap_or(-1);
    format!("{cluster}/{topic}/{partition}/{offset}@{timestamp}")
}

/// The ordering key of a record: its Kafka key where it has one, because that is what chose its partition.
///
/// Falling back to the event's own key keeps order for producers that send no Kafka key, as far as
/// records lie in one partition.
pub(crate) fn ordering_key(kafka_key: Option<&[u8]>, event_key: Option<String>) -> Option<String> {
    let key = match kafka_key {
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() => text.to_owned(),
            Ok(_) | Err(_) => format!("sha256:{}", sha256_hex(bytes)),
        },
        None => event_key?,
    };
    if key.len() <= ORDERING_KEY_BYTES_MAX {
        return Some(key);
    }
    Some(format!("sha256:{}", sha256_hex(key.as_bytes())))
}

/// The lower-case hexadecimal SHA-256 of some bytes.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            write!(hex, "{byte:02x}").unwrap_or_default();
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kafka_key_comes_before_the_event_key() {
        assert_eq!(
            ordering_key(Some(b"k"), Some("e".into())).as_deref(),
            Some("k")
        );
        assert_eq!(ordering_key(None, Some("e".into())).as_deref(), Some("e"));
        assert_eq!(ordering_key(None, None), None);
    }

    #[test]
    fn a_key_that_is_no_text_or_too_long_is_hashed() {
        assert!(
            ordering_key(Some(&[0xff]), None)
                .unwrap()
                .starts_with("sha256:")
        );
        let long = vec![b'k'; ORDERING_KEY_BYTES_MAX + 1];
        assert!(ordering_key(Some(&long), None).unwrap().len() < 80);
    }

    #[test]
    fn a_derived_id_depends_on_function_source_and_number() {
        let position = |offset| Position {
            topic: "t".into(),
            partition: 0,
            offset,
        };
        let a = Source::of(None, "c", &position(1), Some(7));
        let b = Source::of(None, "c", &position(2), Some(7));
        assert_eq!(a.derived_id("f", 0), a.derived_id("f", 0));
        assert_ne!(a.derived_id("f", 0), a.derived_id("f", 1));
        assert_ne!(a.derived_id("f", 0), b.derived_id("f", 0));
        assert_ne!(a.derived_id("f", 0), a.derived_id("g", 0));
        let made_again = Source::of(None, "c", &position(1), Some(8));
        assert_ne!(a.derived_id("f", 0), made_again.derived_id("f", 0));
    }

    #[test]
    fn keys_are_kept_up_to_their_longest_and_an_empty_one_is_hashed() {
        let longest = vec![b'k'; ORDERING_KEY_BYTES_MAX];
        assert_eq!(ordering_key(Some(&longest), None).unwrap().len(), 512);
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            ordering_key(Some(b""), Some("e".into())).as_deref(),
            Some(empty)
        );
    }

    #[test]
    fn debug_output_does_not_hold_the_value() {
        let whole = Whole("ada@example.com".to_owned());
        assert_eq!(format!("{whole:?}"), "Whole(15 bytes)");
    }

    #[test]
    fn a_place_is_where_and_when() {
        let position = Position {
            topic: "t".into(),
            partition: 3,
            offset: 12,
        };
        assert_eq!(place("c", &position, Some(7)), "c/t/3/12@7");
        assert_eq!(place("c", &position, None), "c/t/3/12@-1");
    }
}
