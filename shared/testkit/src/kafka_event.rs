//! Records and the events in which Lambda delivers them, built for tests (esm-spec §1.1).
//!
//! It writes what a mapping sends, and with [`EventBuilder::raw`] also what no mapping should send. Reading
//! is `msk-event`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event_schema::Timestamp;
use msk_event::Position;
use processing::{Invocation, Timer};
use serde_json::{Value, json};

use crate::VirtualTimer;

/// The cluster that built events come from, unless they say otherwise.
pub const CLUSTER_ARN: &str = "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/5f3c0a52-0000-4000-8000-0123456789ab-s1";

/// How long an invocation may take, in seconds: a usual timeout of a function.
pub const INVOCATION_SECONDS: u64 = 30;

/// One Kafka record as a producer wrote it and a partition keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The key; `None` is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers in their order; a `None` value is null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; `None` leaves the field out.
    pub timestamp_ms: Option<i64>,
}

impl KafkaRecord {
    /// Creates a record without key and value, whose timestamp grows with its offset.
    pub fn new(topic: impl Into<String>, partition: i32, offset: i64) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp_ms: Some(1_790_000_000_000 + offset),
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value to these bytes.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the value to this JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.value(value.to_string())
    }

    /// Appends a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Sets the timestamp, or leaves it out.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Option<Timestamp>) -> Self {
        self.timestamp_ms = timestamp.map(Timestamp::as_ms);
        self
    }

    /// Returns where the record lies.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
        }
    }

    /// Returns the record as a mapping writes it: no `key` when null, signed header bytes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut record = json!({
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "value": self.value.as_ref().map(|value| STANDARD.encode(value)),
            "headers": self.headers.iter().map(header_json).collect::<Vec<_>>(),
        });
        if let Value::Object(fields) = &mut record {
            if let Some(key) = &self.key {
                fields.insert("key".to_owned(), Value::from(STANDARD.encode(key)));
            }
            if let Some(timestamp_ms) = self.timestamp_ms {
                fields.insert("timestamp".to_owned(), Value::from(timestamp_ms));
                fields.insert("timestampType".to_owned(), Value::from("CREATE_TIME"));
            }
        }
        record
    }
}

fn header_json((name, value): &(String, Option<Vec<u8>>)) -> Value {
    let signed = value
        .as_ref()
        .map(|bytes| -> Vec<i8> { bytes.iter().map(|byte| byte.cast_signed()).collect() });
    json!({ name: signed })
}

/// Builds the payload of an invocation.
///
/// ```
/// use serde_json::json;
/// use testkit::{EventBuilder, KafkaRecord};
///
/// let record = KafkaRecord::new("orders", 0, 7).key("o-1").json(&json!({"order_id": "o-1"}));
/// let payload = EventBuilder::new().record(&record).build();
/// assert_eq!(msk_event::KafkaEvent::read(&payload)?.records.len(), 1);
/// # Ok::<(), msk_event::EventError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventBuilder {
    arn: String,
    redrive: Option<String>,
    partitions: BTreeMap<String, Vec<Value>>,
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBuilder {
    /// Starts an event of [`CLUSTER_ARN`] without records.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arn: CLUSTER_ARN.to_owned(),
            redrive: None,
            partitions: BTreeMap::new(),
        }
    }

    /// Sets the cluster's ARN.
    #[must_use]
    pub fn cluster(mut self, arn: impl Into<String>) -> Self {
        self.arn = arn.into();
        self
    }

    /// Marks the event as an operator's redrive (design §5).
    #[must_use]
    pub fn redrive(mut self, id: impl Into<String>) -> Self {
        self.redrive = Some(id.into());
        self
    }

    /// Appends a record to the list of its partition.
    #[must_use]
    pub fn record(self, record: &KafkaRecord) -> Self {
        self.raw(record.position().topic_partition(), record.to_json())
    }

    /// Appends several records, each to the list of its partition.
    #[must_use]
    pub fn records<'a>(self, records: impl IntoIterator<Item = &'a KafkaRecord>) -> Self {
        records.into_iter().fold(self, Self::record)
    }

    /// Appends any JSON to the list of a partition.
    #[must_use]
    pub fn raw(mut self, topic_partition: impl Into<String>, record: Value) -> Self {
        self.partitions
            .entry(topic_partition.into())
            .or_default()
            .push(record);
        self
    }

    /// Returns the payload's bytes.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut event = json!({
            "eventSource": "aws:kafka",
            "eventSourceArn": self.arn,
            "bootstrapServers": "boot-a1b2c3d4.c2.kafka-serverless.eu-central-1.amazonaws.com:9098",
            "records": self.partitions,
        });
        if let (Value::Object(fields), Some(id)) = (&mut event, &self.redrive) {
            fields.insert("tailrace".to_owned(), json!({ "redrive": { "id": id } }));
        }
        event.to_string().into_bytes()
    }
}

/// Returns an invocation that starts now and may take [`INVOCATION_SECONDS`].
pub fn invocation(request_id: impl Into<String>, timer: &VirtualTimer) -> Invocation {
    let length = Duration::from_secs(INVOCATION_SECONDS);
    let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_ms(timer.now().as_ms().saturating_add(length_ms));
    Invocation {
        request_id: request_id.into(),
        deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msk_event::{Delivered, KafkaEvent};

    #[test]
    fn a_built_event_reads_as_the_records_it_was_built_from() {
        let sent = KafkaRecord::new("order-events", 3, 7)
            .key("o-1")
            .json(&json!({"id": 42}))
            .header("city", "Zo\u{eb}");
        let payload = EventBuilder::new().record(&sent).build();
        let event = KafkaEvent::read(&payload).unwrap();
        let [Delivered::Record(read)] = &event.records[..] else {
            panic!("one record")
        };
        assert_eq!(read.position(), sent.position());
        assert_eq!((&read.key, &read.value), (&sent.key, &sent.value));
        assert_eq!(read.header_str("city"), Some("Zo\u{eb}"));
        assert_eq!(read.timestamp_ms, sent.timestamp_ms);
        assert!(event.redrive.is_none());
    }

    #[test]
    fn null_keys_are_left_out_and_tombstones_are_null() {
        let json = KafkaRecord::new("t", 0, 0).to_json();
        assert_eq!(json.get("key"), None);
        assert_eq!(json.get("value"), Some(&Value::Null));
    }

    #[test]
    fn a_redrive_says_so_beside_its_records() {
        let payload = EventBuilder::new().redrive("r-1").build();
        let event = KafkaEvent::read(&payload).unwrap();
        assert_eq!(event.redrive.unwrap().id, "r-1");
    }
}
