//! What invokes the relay: records of a stream, or a schedule.
//!
//! A row is told apart from what is no row here; whether it is of the form of a row is the engine's question.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use processing::{Body, ItemKey, OUTBOX_TABLE};
use serde::Deserialize;
use serde_json::Value;

use crate::store::read_item;

/// How deep lists and maps may lie in each other (`DynamoDB` limits, "Nested attribute depth").
const LEVELS_MAX: usize = 32;

/// What the relay is asked to do.
#[derive(Debug, PartialEq)]
pub(super) enum Trigger {
    /// To publish these rows, each with its sequence number in the stream.
    Rows(Vec<(String, (ItemKey, Body))>),
    /// To sweep.
    Schedule,
}

/// The payload is nothing that the relay knows.
#[derive(Debug, thiserror::Error)]
pub(super) enum TriggerError {
    #[error("it is no JSON of a known form")]
    NotRead(#[source] serde_json::Error),
    #[error("it has neither records of a stream nor the detail type of a schedule")]
    Neither,
    #[error("record {index} of the stream has {what}")]
    Record { index: usize, what: &'static str },
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "Records", default)]
    records: Option<Vec<StreamRecord>>,
    #[serde(rename = "detail-type", default)]
    detail_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRecord {
    #[serde(default)]
    event_name: Option<String>,
    #[serde(default)]
    dynamodb: Option<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    #[serde(default)]
    keys: Option<HashMap<String, Value>>,
    #[serde(default)]
    new_image: Option<HashMap<String, Value>>,
    #[serde(default)]
    sequence_number: Option<String>,
}

impl Trigger {
    /// Reads a payload. Changes that are no insertions are passed over: the relay makes them itself.
    pub(super) fn read(payload: &str) -> Result<Self, TriggerError> {
        let payload: Payload = serde_json::from_str(payload).map_err(TriggerError::NotRead)?;
        let Some(records) = payload.records else {
            return match payload.detail_type {
                Some(_) => Ok(Self::Schedule),
                None => Err(TriggerError::Neither),
            };
        };
        let inserted = records
            .into_iter()
            .enumerate()
            .filter(|(_, record)| record.event_name.as_deref() == Some("INSERT"));
        let rows = inserted.map(|(index, record)| {
            row(record).map_err(|what| TriggerError::Record { index, what })
        });
        Ok(Self::Rows(rows.collect::<Result<_, _>>()?))
    }
}

/// A record's sequence number, and its row. One whose image cannot be read still has its key.
fn row(record: StreamRecord) -> Result<(String, (ItemKey, Body)), &'static str> {
    let change = record.dynamodb.ok_or("no change")?;
    let sequence_number = change.sequence_number.ok_or("no sequence number")?;
    let image = change.new_image.unwrap_or_default();
    let (mut partition, mut sort, stored) = read_item(attributes(image));
    if partition.is_empty() || sort.is_empty() {
        let keys = change.keys.unwrap_or_default();
        (partition, sort, _) = read_item(attributes(keys));
    }
    if partition.is_empty() || sort.is_empty() {
        return Err("no keys");
    }
    let key = ItemKey {
        table: OUTBOX_TABLE,
        partition,
        sort,
    };
    Ok((sequence_number, (key, stored.body)))
}

/// Attributes in the JSON in which a stream's event has them; what cannot be read is left out.
fn attributes(image: HashMap<String, Value>) -> HashMap<String, AttributeValue> {
    let attributes = image.into_iter();
    attributes
        .filter_map(|(name, value)| Some((name, attribute(value, LEVELS_MAX)?)))
        .collect()
}

fn attribute(value: Value, levels_left: usize) -> Option<AttributeValue> {
    let levels_left = levels_left.checked_sub(1)?;
    let Value::Object(fields) = value else {
        return None;
    };
    let (kind, value) = fields.into_iter().next()?;
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => Some(AttributeValue::S(text)),
        ("N", Value::String(number)) => Some(AttributeValue::N(number)),
        ("BOOL", Value::Bool(bool)) => Some(AttributeValue::Bool(bool)),
        ("NULL", Value::Bool(null)) => Some(AttributeValue::Null(null)),
        ("L", Value::Array(values)) => {
            let values = values
                .into_iter()
                .map(|value| attribute(value, levels_left));
            Some(AttributeValue::L(values.collect::<Option<_>>()?))
        }
        ("M", Value::Object(fields)) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| Some((name, attribute(value, levels_left)?)));
            Some(AttributeValue::M(fields.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn insertion() -> Value {
        json!({
            "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": { "pk": { "S": "t#0" }, "sk": { "S": "0001" } },
                "NewImage": {
                    "pk": { "S": "t#0" }, "sk": { "S": "0001" }, "_v": { "N": "1" },
                    "topic": { "S": "t" },
                    "events": { "L": [{ "M": { "event_id": { "S": "e" }, "key": { "NULL": true } } }] },
                },
                "SequenceNumber": "300000000000000000001", "StreamViewType": "NEW_IMAGE",
            },
        })
    }

    fn read(records: &[Value]) -> Result<Trigger, TriggerError> {
        Trigger::read(&json!({ "Records": records }).to_string())
    }

    fn rows(records: &[Value]) -> Vec<(String, (ItemKey, Body))> {
        match read(records) {
            Ok(Trigger::Rows(rows)) => rows,
            other => panic!("rows: {other:?}"),
        }
    }

    #[test]
    fn an_insertion_is_a_row_with_its_sequence_number() {
        let rows = rows(&[insertion()]);
        let [(sequence_number, (key, body))] = &rows[..] else {
            panic!("one row")
        };
        assert_eq!(sequence_number, "300000000000000000001");
        assert_eq!((key.partition.as_str(), key.sort.as_str()), ("t#0", "0001"));
        let expected = json!({ "topic": "t", "events": [{ "event_id": "e", "key": null }] });
        assert_eq!(Value::Object(body.clone()), expected);
    }

    #[test]
    fn what_the_relay_itself_changed_is_passed_over() {
        let mut removal = insertion();
        removal["eventName"] = json!("REMOVE");
        assert_eq!(rows(&[removal, insertion()]).len(), 1);
    }

    #[test]
    fn a_row_without_a_readable_image_still_has_its_key() {
        let mut record = insertion();
        record["dynamodb"]["NewImage"] = Value::Null;
        let rows = rows(&[record]);
        assert_eq!(rows[0].1.0.partition, "t#0");
        assert!(rows[0].1.1.is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_named_fails_the_invocation() {
        let mut record = insertion();
        record["dynamodb"]["SequenceNumber"] = Value::Null;
        let error = read(&[insertion(), record]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "record 1 of the stream has no sequence number"
        );
        let mut record = insertion();
        record["dynamodb"] = json!({ "SequenceNumber": "1" });
        let error = read(&[record]).unwrap_err();
        assert_eq!(error.to_string(), "record 0 of the stream has no keys");
    }

    #[test]
    fn a_schedule_asks_for_a_sweep() {
        let event =
            json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
        assert_eq!(
            Trigger::read(&event.to_string()).unwrap(),
            Trigger::Schedule
        );
        assert!(matches!(Trigger::read("{}"), Err(TriggerError::Neither)));
        assert!(matches!(Trigger::read("["), Err(TriggerError::NotRead(_))));
    }

    #[test]
    fn an_image_that_is_too_deep_is_not_followed() {
        let mut deep = json!({ "S": "x" });
        for _ in 0..=LEVELS_MAX {
            deep = json!({ "L": [deep] });
        }
        let mut record = insertion();
        record["dynamodb"]["NewImage"]["events"] = deep;
        let rows = rows(&[record]);
        assert!(!rows[0].1.1.contains_key("events"));
    }
}
