//! Writes the event a function gets (esm-spec §1.1, §9.5).
//!
//! Each record is written once, when it arrives; an event of any size is then put together from the
//! written records, and its size is known beforehand. Nothing is decoded: keys and values are base64.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::record::{Header, Record, Timestamp};
use crate::rules::Rules;
use crate::switches::{NullHeaderValue, Tombstone};

/// A record that is ready to be put into an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenRecord {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Timestamp,
    pub(crate) received_ms: i64,
    json: String,
}

impl WrittenRecord {
    pub(crate) const fn bytes(&self) -> usize {
        self.json.len()
    }

    /// Returns when the record was made; one without a timestamp is as old as its arrival.
    pub(crate) const fn made_ms(&self) -> i64 {
        match self.timestamp {
            Timestamp::None => self.received_ms,
            Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => ms,
        }
    }
}

/// Everything of an event but its records.
#[derive(Debug, Clone)]
pub(crate) struct EventWriter {
    topic: String,
    /// The topic as JSON text, without its quotes.
    topic_escaped: String,
    opening: String,
    tombstone: Tombstone,
    null_header_value: NullHeaderValue,
}

const CLOSING: &str = "}}";

impl EventWriter {
    pub(crate) fn new(rules: &Rules) -> Self {
        let topic = json_text(&rules.topic);
        Self {
            topic: rules.topic.clone(),
            topic_escaped: topic.trim_matches('"').to_owned(),
            opening: format!(
                r#"{{"eventSource":"aws:kafka","eventSourceArn":{},"bootstrapServers":{},"records":{{"#,
                json_text(&rules.event_source_arn),
                json_text(&rules.bootstrap_servers)
            ),
            tombstone: rules.switches.tombstone,
            null_header_value: rules.switches.null_header_value,
        }
    }

    /// Returns the key of a partition in `records`.
    pub(crate) fn key(&self, partition: i32) -> String {
        format!("{}-{partition}", self.topic)
    }

    pub(crate) fn record(&self, record: &Record, received_ms: i64) -> WrittenRecord {
        let mut json = format!(
            r#"{{"topic":"{}","partition":{},"offset":{},"timestamp":{},"timestampType":"{}""#,
            self.topic_escaped,
            record.partition,
            record.offset,
            record.timestamp.milliseconds(),
            record.timestamp.type_name()
        );
        if let Some(key) = &record.key {
            push_base64(&mut json, "key", key);
        }
        match (&record.value, self.tombstone) {
            (Some(value), _) => push_base64(&mut json, "value", value),
            (None, Tombstone::Null) => json.push_str(r#","value":null"#),
            (None, Tombstone::Absent) => {}
        }
        json.push_str(r#","headers":["#);
        let headers: Vec<_> = record
            .headers
            .iter()
            .filter_map(|header| self.header(header))
            .collect();
        json.push_str(&headers.join(","));
        json.push_str("]}");
        WrittenRecord {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            received_ms,
            json,
        }
    }

    fn header(&self, header: &Header) -> Option<String> {
        let bytes = match (&header.value, self.null_header_value) {
            (Some(value), _) => {
                let signed: Vec<_> = value
                    .iter()
                    .map(|byte| byte.cast_signed().to_string())
                    .collect();
                format!("[{}]", signed.join(","))
            }
            (None, NullHeaderValue::Null) => "null".to_owned(),
            (None, NullHeaderValue::Empty) => "[]".to_owned(),
            (None, NullHeaderValue::Absent) => return None,
        };
        Some(format!("{{{}:{bytes}}}", json_text(&header.name)))
    }

    /// Puts an event together. Records of one partition stand next to each other.
    pub(crate) fn event(&self, records: &[WrittenRecord]) -> String {
        let mut json = String::with_capacity(self.size(records));
        json.push_str(&self.opening);
        for (i, group) in records
            .chunk_by(|a, b| a.partition == b.partition)
            .enumerate()
        {
            if i > 0 {
                json.push(',');
            }
            if let Some(first) = group.first() {
                json.push_str(&self.group_opening(first.partition));
            }
            for (j, record) in group.iter().enumerate() {
                if j > 0 {
                    json.push(',');
                }
                json.push_str(&record.json);
            }
            json.push(']');
        }
        json.push_str(CLOSING);
        json
    }

    fn group_opening(&self, partition: i32) -> String {
        format!(r#""{}-{partition}":["#, self.topic_escaped)
    }

    /// Returns the size of the event of these records, in bytes.
    pub(crate) fn size(&self, records: &[WrittenRecord]) -> usize {
        let mut size = self.empty();
        for record in records {
            size = self.grown(size, record);
        }
        size.bytes
    }

    /// Returns the size of an event without records.
    pub(crate) const fn empty(&self) -> EventSize {
        EventSize {
            bytes: self.opening.len() + CLOSING.len(),
            partition: None,
        }
    }

    /// Returns the size after one more record.
    pub(crate) fn grown(&self, size: EventSize, record: &WrittenRecord) -> EventSize {
        let comma = usize::from(size.partition.is_some());
        let group = if size.partition == Some(record.partition) {
            0
        } else {
            self.group_opening(record.partition).len() + "]".len()
        };
        EventSize {
            bytes: size.bytes + comma + group + record.bytes(),
            partition: Some(record.partition),
        }
    }
}

/// How large an event has become, and the partition of its last record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventSize {
    pub(crate) bytes: usize,
    partition: Option<i32>,
}

fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

fn push_base64(json: &mut String, name: &str, bytes: &[u8]) {
    // Writing to a String cannot fail.
    if write!(json, r#","{name}":""#).is_ok() {
        STANDARD.encode_string(bytes, json);
        json.push('"');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::tests::{CLUSTER, config, rules, rules_with};
    use crate::switches::Switches;

    fn writer() -> EventWriter {
        EventWriter::new(&rules(&config()))
    }

    fn record(partition: i32, offset: i64) -> Record {
        Record {
            partition,
            offset,
            timestamp: Timestamp::CreateTime(1_790_000_000_123),
            key: Some(b"order-42".to_vec()),
            value: Some(br#"{"id":42}"#.to_vec()),
            headers: vec![
                Header {
                    name: "traceparent".to_owned(),
                    value: Some(b"00-ab".to_vec()),
                },
                Header {
                    name: "ci\"ty".to_owned(),
                    value: Some("Zoë".as_bytes().to_vec()),
                },
                Header {
                    name: "traceparent".to_owned(),
                    value: Some(Vec::new()),
                },
            ],
        }
    }

    fn written(writer: &EventWriter, record: &Record) -> Value {
        serde_json::from_str(&writer.record(record, 0).json).unwrap()
    }

    #[test]
    fn an_event_has_the_documented_shape() {
        let writer = writer();
        let bare = Record {
            key: None,
            headers: Vec::new(),
            timestamp: Timestamp::LogAppendTime(5),
            ..record(3, 12)
        };
        let records = [writer.record(&record(0, 4711), 0), writer.record(&bare, 0)];
        let event: Value = serde_json::from_str(&writer.event(&records)).unwrap();
        assert_eq!(
            event,
            json!({
                "eventSource": "aws:kafka",
                "eventSourceArn": CLUSTER,
                "bootstrapServers": "127.0.0.1:9092",
                "records": {
                    "orders.v1-0": [{
                        "topic": "orders.v1", "partition": 0, "offset": 4711,
                        "timestamp": 1_790_000_000_123_i64, "timestampType": "CREATE_TIME",
                        "key": "b3JkZXItNDI=", "value": "eyJpZCI6NDJ9",
                        "headers": [
                            {"traceparent": [48, 48, 45, 97, 98]},
                            {"ci\"ty": [90, 111, -61, -85]},
                            {"traceparent": []},
                        ],
                    }],
                    "orders.v1-3": [{
                        "topic": "orders.v1", "partition": 3, "offset": 12,
                        "timestamp": 5, "timestampType": "LOG_APPEND_TIME",
                        "value": "eyJpZCI6NDJ9", "headers": [],
                    }],
                },
            })
        );
    }

    #[test]
    fn the_size_is_known_before_the_event_is_written() {
        let writer = writer();
        let records: Vec<_> = [(0, 1), (0, 2), (3, 7), (11, 100), (11, 101)]
            .map(|(partition, offset)| writer.record(&record(partition, offset), 0))
            .into();
        for count in 0..=records.len() {
            assert_eq!(
                writer.size(&records[..count]),
                writer.event(&records[..count]).len()
            );
        }
    }

    #[test]
    fn a_null_key_is_left_out() {
        let record = Record {
            key: None,
            ..record(0, 1)
        };
        assert_eq!(written(&writer(), &record).get("key"), None);
    }

    #[test]
    fn a_tombstone_is_null_or_absent() {
        let record = Record {
            value: None,
            ..record(0, 1)
        };
        assert_eq!(written(&writer(), &record).get("value"), Some(&Value::Null));
        let absent = Switches {
            tombstone: Tombstone::Absent,
            ..Switches::default()
        };
        let writer = EventWriter::new(&rules_with(&config(), absent));
        assert_eq!(written(&writer, &record).get("value"), None);
    }

    #[test]
    fn a_null_header_value_is_null_empty_or_left_out() {
        let headers = vec![Header {
            name: "h".to_owned(),
            value: None,
        }];
        let record = Record {
            headers,
            ..record(0, 1)
        };
        for (null_header_value, expected) in [
            (NullHeaderValue::Null, json!([{"h": null}])),
            (NullHeaderValue::Empty, json!([{"h": []}])),
            (NullHeaderValue::Absent, json!([])),
        ] {
            let switches = Switches {
                null_header_value,
                ..Switches::default()
            };
            let writer = EventWriter::new(&rules_with(&config(), switches));
            assert_eq!(written(&writer, &record)["headers"], expected);
        }
    }

    #[test]
    fn a_record_without_timestamp_says_minus_one() {
        let record = Record {
            timestamp: Timestamp::None,
            ..record(0, 1)
        };
        assert_eq!(written(&writer(), &record)["timestamp"], -1);
    }
}
