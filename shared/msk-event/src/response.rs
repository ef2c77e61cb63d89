//! The batch response: which records Lambda is to deliver again.
//!
//! Writing is all a function needs. Reading is strict and made for emulators and tests, so that a
//! mistake shows where it is made; it does not know which records the event held.

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Position;

const FAILURES: &str = "batchItemFailures";
const IDENTIFIER: &str = "itemIdentifier";
const PARTITION: &str = "partition";
const OFFSET: &str = "offset";

/// Names the records of a batch that are not finished; with none, the batch is committed.
///
/// Lambda heeds it only where the mapping has `ReportBatchItemFailures` and provisioned pollers
/// (esm-spec §2.1, §2.3). A record that was not in the event fails the whole batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The unfinished records.
    pub batch_item_failures: Vec<ItemFailure>,
}

impl BatchResponse {
    /// Reads the body of a function's answer as strictly as the form is documented.
    ///
    /// An empty body, `null`, `{}`, and a list that is null or empty all say that nothing failed
    /// (esm-spec §2.3). Any other body has to have exactly the documented names and types.
    ///
    /// # Errors
    /// Fails if Lambda would take the body for the failure of the whole batch; the error names the
    /// mistake and the entry.
    pub fn read_strict(body: &[u8]) -> Result<Self, ResponseError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let fields = match serde_json::from_slice(body).map_err(ResponseError::NotJson)? {
            Value::Null => return Ok(Self::default()),
            Value::Object(fields) => fields,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(ResponseError::NotAnObject);
            }
        };
        if fields.keys().any(|name| name != FAILURES) {
            return Err(ResponseError::UnknownField);
        }
        let entries = match fields.get(FAILURES) {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(ResponseError::NotAList),
        };
        let failures = entries.iter().enumerate().map(|(index, entry)| {
            let item_identifier = ItemIdentifier::read_strict(index, entry)?;
            Ok(ItemFailure { item_identifier })
        });
        Ok(Self {
            batch_item_failures: failures.collect::<Result<_, _>>()?,
        })
    }
}

impl FromIterator<Position> for BatchResponse {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Self {
        Self {
            batch_item_failures: positions.into_iter().map(ItemFailure::from).collect(),
        }
    }
}

/// One unfinished record of a batch response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Which record it is.
    pub item_identifier: ItemIdentifier,
}

impl From<ItemIdentifier> for ItemFailure {
    fn from(item_identifier: ItemIdentifier) -> Self {
        Self { item_identifier }
    }
}

impl From<Position> for ItemFailure {
    fn from(position: Position) -> Self {
        Self::from(ItemIdentifier::from(position))
    }
}

/// Names a record as Lambda's answer wants it: an object, not the string of SQS or Kinesis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ItemIdentifier {
    /// The key of the record's list in the event's `records`: `<topic>-<partition>`.
    pub partition: String,
    /// The record's offset.
    pub offset: i64,
}

impl From<Position> for ItemIdentifier {
    fn from(position: Position) -> Self {
        Self {
            partition: position.topic_partition(),
            offset: position.offset,
        }
    }
}

impl ItemIdentifier {
    fn read_strict(index: usize, entry: &Value) -> Result<Self, ResponseError> {
        let entry = entry
            .as_object()
            .ok_or(ResponseError::EntryNotAnObject { index })?;
        let identifier = only(entry, &[IDENTIFIER], index)?.get(IDENTIFIER);
        let identifier = match identifier {
            Some(Value::Object(identifier)) => identifier,
            Some(Value::String(_)) => return Err(ResponseError::StringIdentifier { index }),
            Some(_) => return Err(invalid(index, IDENTIFIER)),
            None => return Err(missing(index, IDENTIFIER)),
        };
        if identifier.contains_key("topic-partition") {
            return Err(ResponseError::TopicPartition { index });
        }
        let identifier = only(identifier, &[PARTITION, OFFSET], index)?;
        let partition = identifier.get(PARTITION).ok_or(missing(index, PARTITION))?;
        let offset = identifier.get(OFFSET).ok_or(missing(index, OFFSET))?;
        Ok(Self {
            partition: partition
                .as_str()
                .ok_or(invalid(index, PARTITION))?
                .to_owned(),
            offset: offset
                .as_i64()
                .filter(|offset| *offset >= 0)
                .ok_or(invalid(index, OFFSET))?,
        })
    }
}

/// Passes an object on that has no other names than the known ones.
fn only<'a>(
    object: &'a Map<String, Value>,
    known: &[&str],
    index: usize,
) -> Result<&'a Map<String, Value>, ResponseError> {
    if object.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(ResponseError::UnknownEntryField { index });
    }
    Ok(object)
}

fn missing(index: usize, field: &'static str) -> ResponseError {
    ResponseError::MissingField { index, field }
}

fn invalid(index: usize, field: &'static str) -> ResponseError {
    ResponseError::InvalidField { index, field }
}

/// Says what is wrong with a body that is no batch response; `index` counts entries from 0.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// The body is not JSON.
    #[error("the response is not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// The body is JSON of another type.
    #[error("the response is neither null nor an object")]
    NotAnObject,
    /// The body has a name beside or in place of `batchItemFailures`.
    #[error("the response has a field other than `batchItemFailures`")]
    UnknownField,
    /// `batchItemFailures` is of another type.
    #[error("`batchItemFailures` is neither null nor a list")]
    NotAList,
    /// An entry is of another type.
    #[error("batchItemFailures[{index}] is not an object")]
    EntryNotAnObject {
        /// The place of the entry.
        index: usize,
    },
    /// The identifier has the form that SQS, Kinesis and queue mode use.
    #[error(
        "batchItemFailures[{index}].itemIdentifier is a string; Kafka needs an object with \
         `partition` and `offset`"
    )]
    StringIdentifier {
        /// The place of the entry.
        index: usize,
    },
    /// The identifier has the key of an older version of AWS's page.
    #[error("batchItemFailures[{index}] says `topic-partition`; the key is `partition`")]
    TopicPartition {
        /// The place of the entry.
        index: usize,
    },
    /// An entry or its identifier has a name that is not documented.
    #[error("batchItemFailures[{index}] has an unknown field")]
    UnknownEntryField {
        /// The place of the entry.
        index: usize,
    },
    /// A documented name is absent.
    #[error("batchItemFailures[{index}] lacks `{field}`")]
    MissingField {
        /// The place of the entry.
        index: usize,
        /// The name that is absent.
        field: &'static str,
    },
    /// A value has the wrong type, or is an offset below zero.
    #[error("batchItemFailures[{index}] has an invalid `{field}`")]
    InvalidField {
        /// The place of the entry.
        index: usize,
        /// The name of the value.
        field: &'static str,
    },
}
