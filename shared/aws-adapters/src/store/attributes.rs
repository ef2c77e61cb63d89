//! Items as `DynamoDB` keeps them: the engine's JSON bodies beside `pk`, `sk` and the version `_v`.
//!
//! Writing is strict: what would come back as something else is refused. Reading is lenient: an attribute
//! that another writer made in a type of its own becomes the nearest JSON, so that one odd item cannot fail
//! a load for all records of a batch.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_schema::Decimal;
use processing::{Body, ItemKey, Stored, number_value};
use serde_json::{Number, Value};

use super::InvalidWriteError;

/// The attribute that holds the partition key.
pub(crate) const PARTITION: &str = "pk";
/// The attribute that holds the sort key.
pub(crate) const SORT: &str = "sk";
/// The attribute that counts an item's writes.
pub(crate) const VERSION: &str = "_v";
/// Levels of lists and maps that an attribute may have ("Quotas", `DynamoDB` guide).
const NESTING_LEVELS_MAX: usize = 32;

/// An item's attributes.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// Writes a key.
pub(crate) fn key_attributes(key: &ItemKey) -> Attributes {
    HashMap::from([
        (
            PARTITION.to_owned(),
            AttributeValue::S(key.partition.clone()),
        ),
        (SORT.to_owned(), AttributeValue::S(key.sort.clone())),
    ])
}

/// Writes a whole item.
pub(crate) fn item_attributes(
    key: &ItemKey,
    body: &Body,
    version: u64,
) -> Result<Attributes, InvalidWriteError> {
    let mut item = key_attributes(key);
    item.insert(VERSION.to_owned(), AttributeValue::N(version.to_string()));
    for (name, value) in body {
        check_name(name)?;
        item.insert(name.clone(), attribute(name, value, NESTING_LEVELS_MAX)?);
    }
    Ok(item)
}

/// Refuses a name that the store keeps for itself.
pub(crate) fn check_name(name: &str) -> Result<(), InvalidWriteError> {
    if [PARTITION, SORT, VERSION].contains(&name) {
        return Err(InvalidWriteError::ReservedName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn attribute(
    name: &str,
    value: &Value,
    levels_left: usize,
) -> Result<AttributeValue, InvalidWriteError> {
    let below = || {
        levels_left
            .checked_sub(1)
            .ok_or_else(|| InvalidWriteError::NestedTooDeep {
                name: name.to_owned(),
            })
    };
    Ok(match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(bool) => AttributeValue::Bool(*bool),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => AttributeValue::N(whole.to_string()),
            // A fraction or a larger number would come back as a string.
            None => {
                return Err(InvalidWriteError::NumberNotWhole {
                    name: name.to_owned(),
                });
            }
        },
        Value::Array(values) => {
            let levels_left = below()?;
            let list = values
                .iter()
                .map(|value| attribute(name, value, levels_left));
            AttributeValue::L(list.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let levels_left = below()?;
            let map = fields
                .iter()
                .map(|(field, value)| Ok((field.clone(), attribute(name, value, levels_left)?)));
            AttributeValue::M(map.collect::<Result<_, InvalidWriteError>>()?)
        }
    })
}

/// Reads an item: its partition key, its sort key, and the rest.
pub(crate) fn read_item(mut item: Attributes) -> (String, String, Stored) {
    let mut key = |name: &str| match item.remove(name) {
        Some(AttributeValue::S(value)) => value,
        // Keys are strings by the table's definition.
        Some(_) | None => String::new(),
    };
    let (partition, sort) = (key(PARTITION), key(SORT));
    let version = read_version(item.remove(VERSION).as_ref());
    let body = item
        .into_iter()
        .map(|(name, value)| (name, read_value(value)))
        .collect();
    (partition, sort, Stored { version, body })
}

/// An item that another writer made has no version; it counts as version 0 and can be taken over.
fn read_version(attribute: Option<&AttributeValue>) -> u64 {
    let Some(attribute) = attribute else { return 0 };
    let version = attribute
        .as_n()
        .ok()
        .and_then(|version| version.parse().ok());
    version.unwrap_or_else(|| {
        tracing::error!(
            "an item's {VERSION} is no whole number: correct it, or it cannot be changed"
        );
        0
    })
}

fn read_value(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => read_number(number),
        AttributeValue::Bool(bool) => Value::Bool(bool),
        AttributeValue::L(values) => values.into_iter().map(read_value).collect(),
        AttributeValue::M(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, read_value(value)))
                .collect(),
        ),
        AttributeValue::Ss(texts) => texts.into_iter().map(Value::String).collect(),
        AttributeValue::Ns(numbers) => numbers.into_iter().map(read_number).collect(),
        AttributeValue::B(bytes) => Value::String(STANDARD.encode(bytes)),
        AttributeValue::Bs(list) => list
            .into_iter()
            .map(|bytes| Value::String(STANDARD.encode(bytes)))
            .collect(),
        // Null, and kinds that this SDK does not know.
        _ => Value::Null,
    }
}

/// A whole number of 64 bits is a JSON number, any other a string that is as exact as it was stored.
fn read_number(number: String) -> Value {
    if let Ok(whole) = number.parse::<i64>() {
        return Value::Number(Number::from(whole));
    }
    let decimal = number
        .parse()
        .or_else(|_not_plain| Decimal::from_scientific(&number));
    decimal.map_or(Value::String(number), number_value)
}

#[cfg(test)]
mod tests;
