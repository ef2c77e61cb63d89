//! What a sample comes to, as a document: items, outgoing events and dead letters.
//!
//! Left out is what differs from run to run: the instant of the invocation, and how outgoing events lie in rows.
//! The engine's own marks are not told of either.

use aws_sdk_dynamodb::types::AttributeValue;
use event_schema::Timestamp;
use processing::{OUTBOX_TABLE, STATE_TABLE};
use serde_json::{Map, Value, json};

use crate::picture::{Attributes, Messages, Picture};

/// Stands for an instant of the run.
const NOW: &str = "(when it was decided)";
/// Stands for the second at which an item may go.
const LATER: &str = "(later)";

/// Writes what is there after a run that began at this moment.
#[must_use]
pub fn document(picture: &Picture, messages: &Messages, began: Timestamp) -> String {
    let mut items = Map::new();
    for table in picture.tables() {
        if [OUTBOX_TABLE, STATE_TABLE].contains(&table) {
            continue;
        }
        let of_table: Map<String, Value> = (picture.items(table).iter())
            .map(|((partition, sort), item)| (name(partition, sort), body(item, began)))
            .collect();
        if !of_table.is_empty() {
            items.insert(table.to_owned(), of_table.into());
        }
    }
    let mut letters: Vec<_> = messages.letters_by_id().into_values().collect();
    letters.sort();
    let letters = letters.into_iter().map(|(partition, offset, code)| {
        json!({ "partition": partition, "offset": offset, "code": code })
    });
    let document = json!({
        "items": items,
        "outgoing": outgoing(picture, began),
        "dead_letters": letters.collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn name(partition: &str, sort: &str) -> String {
    match sort {
        "-" => partition.to_owned(),
        _ => format!("{partition} / {sort}"),
    }
}

fn body(item: &Attributes, began: Timestamp) -> Value {
    let attributes = item.iter();
    let told = attributes.filter(|(name, _)| !["pk", "sk", "_v"].contains(&name.as_str()));
    let told = told.map(|(name, value)| {
        let value = match name.as_str() {
            "expires_at" => json!(LATER),
            _ => settled(plain(value), began),
        };
        (name.clone(), value)
    });
    Value::Object(sorted(told.collect()))
}

/// Outgoing events by topic, key and id.
fn outgoing(picture: &Picture, began: Timestamp) -> Vec<Value> {
    let mut events: Vec<_> = picture
        .outgoing_events()
        .into_iter()
        .map(|(topic, key, value)| {
            let value: Value = serde_json::from_str(&value).unwrap();
            json!({ "topic": topic, "key": key, "event": settled(value, began) })
        })
        .collect();
    events.sort_by_key(Value::to_string);
    events
}

/// Replaces every instant that is not before the run began.
fn settled(value: Value, began: Timestamp) -> Value {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(instant) if instant >= began => json!(NOW),
            Ok(_) | Err(_) => Value::String(text),
        },
        Value::Array(values) => values
            .into_iter()
            .map(|value| settled(value, began))
            .collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(sorted(
                fields
                    .map(|(name, value)| (name, settled(value, began)))
                    .collect(),
            ))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn sorted(fields: Map<String, Value>) -> Map<String, Value> {
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields.into_iter().collect()
}

/// An attribute as the plain JSON that it was stored from.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap(),
        AttributeValue::Bool(is) => json!(is),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::L(values) => values.iter().map(plain).collect(),
        AttributeValue::M(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(sorted(fields.collect()))
        }
        other => panic!("no item holds {other:?}"),
    }
}
