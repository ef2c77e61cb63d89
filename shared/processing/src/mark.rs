//! Marks: what every finished record leaves behind, so that nothing else finishes it again.
//!
//! Two kinds: a marker item for each record (deduplication by event id), and a fence item for each
//! partition (deduplication by position). Both live in the `state` table, scoped by the function's name.

use event_schema::Timestamp;
use msk_event::Position;
use serde_json::{Value, json};

use crate::record::place;
use crate::store::{Body, ItemKey, Stored};

/// The logical name of the table of markers, fences, leases, parked keys and their rows.
pub const STATE_TABLE: &str = "state";

const FENCE_SORT: &str = "fence";

/// How a record was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its effects are committed.
    Applied,
    /// It is in the dead-letter queue.
    DeadLettered,
    /// It waits in the store behind a dead letter of its key.
    Parked,
}

impl Mark {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::DeadLettered => "dead_lettered",
            Self::Parked => "parked",
        }
    }
}

/// The marker's key of an event.
pub(crate) fn event_marker(function: &str, event_id: &str) -> ItemKey {
    state_key(format!("{function}#event#{event_id}"), "mark")
}

/// The marker's key of a record that is known by where and when it lies alone.
pub(crate) fn position_marker(
    function: &str,
    cluster: &str,
    position: &Position,
    timestamp_ms: Option<i64>,
) -> ItemKey {
    let place = place(cluster, position, timestamp_ms);
    state_key(format!("{function}#position#{place}"), "mark")
}

pub(crate) fn fence_key(function: &str, cluster: &str, position: &Position) -> ItemKey {
    let Position {
        topic, partition, ..
    } = position;
    state_key(
        format!("{function}#fence#{cluster}/{topic}/{partition}"),
        FENCE_SORT,
    )
}

pub(crate) fn is_fence(key: &ItemKey) -> bool {
    key.table == STATE_TABLE && key.sort == FENCE_SORT
}

pub(crate) fn state_key(partition: String, sort: impl Into<String>) -> ItemKey {
    ItemKey {
        table: STATE_TABLE,
        partition,
        sort: sort.into(),
    }
}

/// What a marker item holds.
#[derive(Clone, Debug)]
pub(crate) struct Marker<'a> {
    pub(crate) mark: Mark,
    pub(crate) payload_sha256: &'a str,
    pub(crate) position: &'a Position,
    pub(crate) at: Timestamp,
    pub(crate) kept_seconds: i64,
}

impl Marker<'_> {
    pub(crate) fn body(&self) -> Body {
        body(json!({
            "mark": self.mark.as_str(),
            "payload_sha256": self.payload_sha256,
            "topic": self.position.topic,
            "partition": self.position.partition,
            "offset": self.position.offset,
            "at": self.at.to_string(),
            "expires_at": self.at.as_ms() / 1_000 + self.kept_seconds,
        }))
    }
}

/// Whether a stored marker was made by a record with this payload.
pub(crate) fn marker_has_payload(marker: &Stored, payload_sha256: &str) -> bool {
    marker.body.get("payload_sha256").and_then(Value::as_str) == Some(payload_sha256)
}

/// How the record of a stored marker was finished; `None` for a lease.
pub(crate) fn stored_mark(marker: &Stored) -> Option<Mark> {
    let word = marker.body.get("mark").and_then(Value::as_str);
    [Mark::Applied, Mark::DeadLettered, Mark::Parked]
        .into_iter()
        .find(|mark| word == Some(mark.as_str()))
}

/// How far a partition is finished.
///
/// Commits move it forward only: it is written under its version, and a record at or below it is a
/// duplicate, with one exception. A topic that was deleted and made again starts over at offset 0; a
/// record at or below the fence whose timestamp is above every timestamp seen cannot have been seen, so it
/// opens a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms_max: i64,
    pub(crate) epoch: i64,
}

/// What the fence says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// At or below the fence: finished before.
    Finished,
    /// Above the fence, which then stands here.
    Next(Fence),
    /// Of a topic that was made again; the fence then stands here, in a new epoch.
    NewEpoch(Fence),
}

impl Fence {
    /// Before the first record of a partition.
    pub(crate) const START: Self = Self {
        offset: -1,
        timestamp_ms_max: -1,
        epoch: 0,
    };

    pub(crate) fn read(stored: Option<&Stored>) -> Option<Self> {
        let Some(stored) = stored else {
            return Some(Self::START);
        };
        let field = |name: &str| stored.body.get(name).and_then(Value::as_i64);
        Some(Self {
            offset: field("offset")?,
            timestamp_ms_max: field("timestamp_ms_max")?,
            epoch: field("epoch")?,
        })
    }

    pub(crate) fn body(self, at: Timestamp) -> Body {
        body(json!({
            "offset": self.offset,
            "timestamp_ms_max": self.timestamp_ms_max,
            "epoch": self.epoch,
            "at": at.to_string(),
        }))
    }

    pub(crate) fn pass(self, offset: i64, timestamp_ms: Option<i64>) -> Passage {
        let timestamp_ms_max = self.timestamp_ms_max.max(timestamp_ms.unwrap_or(-1));
        let moved = Self {
            offset,
            timestamp_ms_max,
            epoch: self.epoch,
        };
        if offset > self.offset {
            Passage::Next(moved)
        } else if timestamp_ms.is_some_and(|timestamp| timestamp > self.timestamp_ms_max) {
            Passage::NewEpoch(Self {
                epoch: self.epoch + 1,
                ..moved
            })
        } else {
            Passage::Finished
        }
    }
}

pub(crate) fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        // Only ever called with an object literal; anything else would be an empty item.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Body::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_lets_each_offset_pass_once() {
        let fence = Fence::START;
        let Passage::Next(fence) = fence.pass(0, Some(10)) else {
            panic!("the first record passes")
        };
        assert_eq!(fence.pass(0, Some(10)), Passage::Finished);
        assert!(matches!(fence.pass(1, Some(10)), Passage::Next(_)));
    }

    #[test]
    fn a_newer_record_below_the_fence_opens_a_new_epoch() {
        let fence = Fence {
            offset: 100,
            timestamp_ms_max: 1_000,
            epoch: 0,
        };
        let Passage::NewEpoch(opened) = fence.pass(0, Some(1_001)) else {
            panic!("a new epoch")
        };
        assert_eq!(
            opened,
            Fence {
                offset: 0,
                timestamp_ms_max: 1_001,
                epoch: 1
            }
        );
    }

    #[test]
    fn an_older_or_undated_record_below_the_fence_is_a_duplicate() {
        let fence = Fence {
            offset: 100,
            timestamp_ms_max: 1_000,
            epoch: 0,
        };
        assert_eq!(fence.pass(100, Some(1_000)), Passage::Finished);
        assert_eq!(fence.pass(50, None), Passage::Finished);
    }

    #[test]
    fn a_fence_survives_storage() {
        let fence = Fence {
            offset: 7,
            timestamp_ms_max: 8,
            epoch: 9,
        };
        let stored = Stored {
            version: 1,
            body: fence.body(Timestamp::from_ms(0)),
        };
        assert_eq!(Fence::read(Some(&stored)), Some(fence));
    }

    #[test]
    fn a_partition_begins_before_its_first_record_and_an_undated_one_leaves_its_date() {
        assert_eq!(
            (Fence::START.offset, Fence::START.timestamp_ms_max),
            (-1, -1)
        );
        let Passage::Next(moved) = Fence::START.pass(0, None) else {
            panic!("the first record passes")
        };
        assert_eq!(
            (moved.offset, moved.timestamp_ms_max, moved.epoch),
            (0, -1, 0)
        );
        let Passage::NewEpoch(opened) = moved.pass(0, Some(0)) else {
            panic!("a new epoch")
        };
        let Passage::NewEpoch(again) = opened.pass(0, Some(1)) else {
            panic!("another one")
        };
        assert_eq!((opened.epoch, again.epoch), (1, 2));
    }

    #[test]
    fn marks_have_names_of_their_own() {
        let position = Position {
            topic: "t".into(),
            partition: 3,
            offset: 12,
        };
        let event = event_marker("f", "e-1");
        assert_eq!(
            (event.partition.as_str(), event.sort.as_str()),
            ("f#event#e-1", "mark")
        );
        let undated = position_marker("f", "c", &position, None);
        assert_eq!(undated.partition, "f#position#c/t/3/12@-1");
        let fence = fence_key("f", "c", &position);
        assert_eq!(fence.partition, "f#fence#c/t/3");
        assert!(is_fence(&fence) && !is_fence(&event));
        let elsewhere = ItemKey {
            table: "orders",
            ..fence
        };
        assert!(!is_fence(&elsewhere));
    }

    #[test]
    fn a_marker_says_how_of_what_and_until_when() {
        let position = Position {
            topic: "t".into(),
            partition: 3,
            offset: 12,
        };
        for mark in [Mark::Applied, Mark::DeadLettered, Mark::Parked] {
            let marker = Marker {
                mark,
                payload_sha256: "hash",
                position: &position,
                at: Timestamp::from_ms(5_000),
                kept_seconds: 7,
            };
            let body = marker.body();
            let expected = json!({
                "mark": mark.as_str(), "payload_sha256": "hash", "topic": "t", "partition": 3,
                "offset": 12, "at": "1970-01-01T00:00:05.000Z", "expires_at": 12,
            });
            assert_eq!(Value::Object(body.clone()), expected);
            let stored = Stored { version: 1, body };
            assert_eq!(stored_mark(&stored), Some(mark));
            assert!(marker_has_payload(&stored, "hash") && !marker_has_payload(&stored, "other"));
        }
        let lease = Stored {
            version: 1,
            body: body(json!({"mark": "leased"})),
        };
        assert_eq!(stored_mark(&lease), None);
        let words = [Mark::Applied, Mark::DeadLettered, Mark::Parked].map(Mark::as_str);
        assert_eq!(words, ["applied", "dead_lettered", "parked"]);
    }
}
