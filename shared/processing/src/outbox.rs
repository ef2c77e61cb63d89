//! Events to publish, as rows that are written in the transaction of the effects that they tell of.
//!
//! A row holds the events of one transaction for one lane, in order; a lane is a topic and a share of its
//! keys. Publishing the rows to Kafka is the relay's work.

use event_schema::{EventSpec, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::payload::Overflow;
use crate::store::{Body, Change, Expect, ItemKey, Write};

/// The logical name of the outbox table.
pub const OUTBOX_TABLE: &str = "outbox";
/// Events that one row may hold.
pub const ROW_EVENTS_MAX: usize = 64;
/// Bytes of events that one row may hold, unless a single event is larger.
pub const ROW_BYTES_MAX: usize = 128_000;
/// Bytes of one event to publish; a row of its own must fit an item. What is larger goes to the bucket for large
/// values.
pub const EVENT_BYTES_MAX: usize = 350_000;

/// An event in the form in which its row holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEvent {
    /// The event's id: the same however often it is decided, written or published.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// Its Kafka key; without one it may go to any partition.
    pub key: Option<String>,
    /// When it happened, in RFC 3339.
    pub timestamp: String,
    /// The W3C `traceparent` of what caused it.
    pub traceparent: Option<String>,
    /// The record's value.
    pub value: String,
}

/// An event on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) lane: Lane,
    pub(crate) event: OutboxEvent,
    /// What has to be kept before the event is committed: its value lies elsewhere.
    pub(crate) overflow: Option<Overflow>,
    bytes: usize,
}

/// A topic and a share of its keys: what keeps its order on the way to Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) topic: &'static str,
    pub(crate) number: u32,
}

impl Outgoing {
    pub(crate) fn new(
        spec: &EventSpec,
        id: &str,
        key: Option<String>,
        value: &str,
        now: Timestamp,
        traceparent: Option<&str>,
    ) -> Self {
        // An event without a key may take any lane; its id spreads such events evenly.
        let lane_key = key.as_deref().unwrap_or(id);
        let lanes = spec.outbox_lanes.max(1);
        let lane = Lane {
            topic: spec.topic,
            number: murmur2(lane_key.as_bytes()) % lanes,
        };
        let bytes = value.len() + id.len() + key.as_ref().map_or(0, String::len) + 128;
        let event = OutboxEvent {
            event_id: id.to_owned(),
            event_type: spec.event_type.to_owned(),
            key,
            timestamp: now.to_string(),
            traceparent: traceparent.map(str::to_owned),
            value: value.to_owned(),
        };
        Self {
            lane,
            event,
            overflow: None,
            bytes,
        }
    }
}

/// The rows of one lane in one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneRows(Vec<Row>);

#[derive(Clone, Debug, Default)]
struct Row {
    events: Vec<OutboxEvent>,
    bytes: usize,
}

impl LaneRows {
    /// Appends an event; whether that took a new row.
    pub(crate) fn push(&mut self, outgoing: Outgoing) -> bool {
        if let Some(row) = self
            .0
            .last_mut()
            .filter(|row| has_room(row.events.len(), row.bytes, &outgoing))
        {
            row.bytes += outgoing.bytes;
            row.events.push(outgoing.event);
            return false;
        }
        self.0.push(Row {
            events: vec![outgoing.event],
            bytes: outgoing.bytes,
        });
        true
    }

    /// How many new rows these events would take.
    pub(crate) fn new_rows_for<'a>(&self, events: impl Iterator<Item = &'a Outgoing>) -> usize {
        let mut open = self.0.last().map(|row| (row.events.len(), row.bytes));
        let mut new_rows = 0;
        for outgoing in events {
            match &mut open {
                Some((count, bytes)) if has_room(*count, *bytes, outgoing) => {
                    *count += 1;
                    *bytes += outgoing.bytes;
                }
                Some(_) | None => {
                    new_rows += 1;
                    open = Some((1, outgoing.bytes));
                }
            }
        }
        new_rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|row| row.bytes).sum()
    }

    /// The rows as writes. `order` sorts after every earlier transaction's of the lane.
    pub(crate) fn writes(&self, lane: &Lane, order: &str) -> Vec<Write> {
        let rows = self.0.iter().enumerate();
        rows.map(|(n, row)| Write {
            key: ItemKey {
                table: OUTBOX_TABLE,
                partition: lane_partition(lane.topic, lane.number),
                sort: format!("{order}-{n:03}"),
            },
            expect: Expect::Absent,
            change: Change::Put(row.body(lane.topic)),
        })
        .collect()
    }
}

impl Row {
    fn body(&self, topic: &str) -> Body {
        let mut body = Body::new();
        body.insert("topic".to_owned(), Value::from(topic));
        let events = self.events.iter().map(|event| {
            // A struct of strings is always an object.
            serde_json::to_value(event).unwrap_or_default()
        });
        body.insert("events".to_owned(), Value::Array(events.collect()));
        body
    }
}

/// The partition key of a lane's rows.
pub(crate) fn lane_partition(topic: &str, number: u32) -> String {
    format!("{topic}#{number}")
}

/// Reads a row: its topic and its events, in order; `None` if it is not of the form that is written here.
pub(crate) fn read_row(body: &Body) -> Option<(String, Vec<OutboxEvent>)> {
    let topic = body.get("topic")?.as_str()?.to_owned();
    let events = body.get("events")?.as_array()?.iter();
    let events = events.map(|event| OutboxEvent::deserialize(event).ok());
    Some((topic, events.collect::<Option<_>>()?))
}

/// When a row was stamped, in milliseconds since the epoch; `None` if its sort key is not of this form.
pub(crate) fn row_stamp_ms(sort: &str) -> Option<i64> {
    sort.split_once('-')?.0.parse().ok()
}

fn has_room(events: usize, bytes: usize, outgoing: &Outgoing) -> bool {
    events < ROW_EVENTS_MAX && bytes + outgoing.bytes <= ROW_BYTES_MAX
}

/// Kafka's default partitioner hash (`org.apache.kafka.common.utils.Utils.murmur2`), made positive as the
/// partitioner does.
pub(crate) fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    const R: u32 = 24;
    // Kafka's hash works on 32-bit lengths; a longer key cannot be produced.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0_u32, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn murmur2_agrees_with_apache_kafka() {
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];
        for (key, expected) in vectors {
            assert_eq!(murmur2(key), expected.cast_unsigned() & 0x7fff_ffff);
        }
    }

    fn outgoing(bytes: usize) -> Outgoing {
        let lane = Lane {
            topic: "t",
            number: 0,
        };
        let event = OutboxEvent {
            event_id: "e".into(),
            event_type: "t".into(),
            key: None,
            timestamp: String::new(),
            traceparent: None,
            value: "{}".into(),
        };
        Outgoing {
            lane,
            event,
            overflow: None,
            bytes,
        }
    }

    #[test]
    fn a_row_is_full_at_its_number_of_events() {
        let mut rows = LaneRows::default();
        let new_rows = (0..=ROW_EVENTS_MAX)
            .filter(|_| rows.push(outgoing(1)))
            .count();
        assert_eq!(new_rows, 2);
    }

    #[test]
    fn a_row_is_full_at_its_bytes_but_takes_a_single_larger_event() {
        let mut rows = LaneRows::default();
        assert!(rows.push(outgoing(ROW_BYTES_MAX + 1)));
        assert!(rows.push(outgoing(ROW_BYTES_MAX)));
        assert!(rows.push(outgoing(1)));
        assert!(!rows.push(outgoing(1)));
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let lane = Lane {
            topic: "t",
            number: 3,
        };
        let mut rows = LaneRows::default();
        rows.push(outgoing(1));
        let writes = rows.writes(&lane, "000001795256130-id-00-00001");
        let [
            Write {
                key,
                change: Change::Put(body),
                ..
            },
        ] = &writes[..]
        else {
            panic!("one row");
        };
        let (topic, events) = read_row(body).unwrap();
        assert_eq!((topic.as_str(), events), ("t", vec![outgoing(1).event]));
        assert_eq!(key.partition, lane_partition("t", 3));
        assert_eq!(row_stamp_ms(&key.sort), Some(1_795_256_130));
    }

    #[test]
    fn a_row_of_another_form_is_not_read() {
        let body = |value: Value| value.as_object().cloned().unwrap();
        let forms = [
            serde_json::json!({}),
            serde_json::json!({ "topic": "t" }),
            serde_json::json!({ "topic": "t", "events": [{ "event_id": 7 }] }),
            serde_json::json!({ "topic": 1, "events": [] }),
        ];
        for form in forms {
            assert_eq!(read_row(&body(form)), None);
        }
        assert_eq!(row_stamp_ms("no-stamp"), None);
    }

    #[test]
    fn rows_of_a_lane_sort_in_the_order_of_their_events() {
        let mut rows = LaneRows::default();
        for _ in 0..3 {
            rows.push(outgoing(ROW_BYTES_MAX));
        }
        let sorts: Vec<_> = rows
            .writes(
                &Lane {
                    topic: "t",
                    number: 1,
                },
                "0001",
            )
            .into_iter()
            .map(|write| write.key.sort)
            .collect();
        assert!(sorts.is_sorted());
        assert_eq!(sorts.len(), 3);
    }

    #[test]
    fn new_rows_are_foretold_exactly() {
        let sizes = [
            1,
            ROW_BYTES_MAX / 2,
            ROW_BYTES_MAX / 2 + 1,
            ROW_BYTES_MAX,
            ROW_BYTES_MAX + 1,
        ];
        for begun in [0, 1, ROW_EVENTS_MAX - 1, ROW_EVENTS_MAX] {
            for first in sizes {
                for second in sizes {
                    for third in sizes {
                        let mut rows = LaneRows::default();
                        for _ in 0..begun {
                            rows.push(outgoing(10));
                        }
                        let events = [outgoing(first), outgoing(second), outgoing(third)];
                        let foretold = rows.new_rows_for(events.iter());
                        let bytes = rows.bytes();
                        let came = events.into_iter().filter(|event| rows.push(event.clone()));
                        assert_eq!(
                            foretold,
                            came.count(),
                            "{begun}: {first}, {second}, {third}"
                        );
                        assert_eq!(rows.bytes(), bytes + first + second + third);
                    }
                }
            }
        }
        let many: Vec<_> = (0..=2 * ROW_EVENTS_MAX).map(|_| outgoing(1)).collect();
        assert_eq!(LaneRows::default().new_rows_for(many.iter()), 3);
    }

    #[test]
    fn a_row_takes_exactly_its_bytes() {
        let mut rows = LaneRows::default();
        assert!(rows.push(outgoing(ROW_BYTES_MAX - 5)));
        assert!(!rows.push(outgoing(5)));
        assert!(rows.push(outgoing(1)));
    }

    #[test]
    fn a_row_holds_its_topic_and_its_events_in_order() {
        let mut rows = LaneRows::default();
        for n in 0..3 {
            let mut event = outgoing(1);
            event.event.event_id = format!("e-{n}");
            rows.push(event);
        }
        let lane = Lane {
            topic: "t",
            number: 7,
        };
        let writes = rows.writes(&lane, "0001");
        let [write] = &writes[..] else {
            panic!("one row")
        };
        assert_eq!(
            (write.key.table, write.key.partition.as_str()),
            ("outbox", "t#7")
        );
        assert_eq!(write.key.sort, "0001-000");
        let Change::Put(body) = &write.change else {
            panic!("a new row")
        };
        let (topic, events) = read_row(body).unwrap();
        let ids: Vec<_> = events.iter().map(|event| &*event.event_id).collect();
        assert_eq!((topic.as_str(), ids), ("t", vec!["e-0", "e-1", "e-2"]));
    }
}
