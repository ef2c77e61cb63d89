//! The mapping's own on-failure documents: which offsets Lambda gave up, and why (esm-spec §3).
//!
//! They share the queue with dead letters and hold no records unless a `payload` is there: whoever puts them
//! back reads the topic. What only people read is read as far as it is there; what tools go by has to be right.

use std::borrow::Cow;
use std::fmt;

use event_schema::Timestamp;
use msk_event::{Delivered, KafkaEvent};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::document::{DocumentError, within_bounds};

/// What a mapping says of records that it gave up.
#[derive(Clone)]
pub struct OnFailureDocument {
    /// The id of the last invocation.
    pub request_id: Option<String>,
    /// The function, with its version or alias.
    pub function_arn: Option<String>,
    /// Why they were given up, such as `RetryAttemptsExhausted`: an open word.
    pub condition: Option<String>,
    /// About how often the function was invoked for them.
    pub invocations: Option<u64>,
    /// What kind of error the function answered with last, such as `Unhandled`.
    pub function_error: Option<String>,
    /// When they were given up.
    pub given_up_at: Option<Timestamp>,
    /// The ARN of the cluster.
    pub source_arn: Option<String>,
    /// The brokers, `host:port` joined by commas.
    pub bootstrap_servers: Option<String>,
    /// Records that were given up together.
    pub batch_size: Option<u64>,
    /// Where the records lie, at least one range. Some of a range may have succeeded (esm-spec §3.1).
    pub ranges: Vec<OffsetRange>,
    /// The invocation event as JSON, where the document holds it: an object for a Kafka topic, a string for S3.
    pub payload: Option<String>,
}

/// Offsets of one partition, from the first to the last, both inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    /// The partition as a mapping names it, `<topic>-<partition>`; `None` where the document does not say.
    pub topic_partition: Option<String>,
    /// The first offset, never negative.
    pub first_offset: i64,
    /// The last offset, never below the first.
    pub last_offset: i64,
    /// The timestamp of the first record.
    pub first_at: Option<Timestamp>,
    /// The timestamp of the last record.
    pub last_at: Option<Timestamp>,
}

impl OffsetRange {
    /// Returns the topic and the partition's number, if the partition's name has both.
    ///
    /// A topic's name may hold `-`, and a partition's number may not: the last one parts them.
    #[must_use]
    pub fn topic_and_partition(&self) -> Option<(&str, i32)> {
        let (topic, digits) = self.topic_partition.as_deref()?.rsplit_once('-')?;
        let partition: i32 = digits.parse().ok()?;
        // Other spellings of the number name no partition.
        let is_a_name = !topic.is_empty() && partition >= 0 && partition.to_string() == digits;
        is_a_name.then_some((topic, partition))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    request_context: Value,
    #[serde(default)]
    response_context: Value,
    #[serde(default)]
    timestamp: Value,
    #[serde(rename = "KafkaBatchInfo")]
    kafka_batch_info: Value,
    payload: Option<Box<RawValue>>,
}

impl OnFailureDocument {
    /// Reads the body of a message; unknown fields are ignored.
    ///
    /// `recordsInfo` with ranges of several partitions is read as well as `recordInfo` with one record
    /// (esm-spec §3.1, §3.3), and offsets as strings as well as numbers.
    ///
    /// # Errors
    /// Fails if the body is not such a document, or does not say which offsets it is about.
    pub fn read(body: &str) -> Result<Self, DocumentError> {
        within_bounds(body)?;
        let wire: Wire = serde_json::from_str(body).map_err(DocumentError::Malformed)?;
        let payload = wire.payload.as_deref().map(event_json).transpose()?;
        let info = &wire.kafka_batch_info;
        Ok(Self {
            request_id: text(&wire.request_context, "requestId"),
            function_arn: text(&wire.request_context, "functionArn"),
            condition: text(&wire.request_context, "condition"),
            invocations: count(&wire.request_context, "approximateInvokeCount"),
            function_error: text(&wire.response_context, "functionError"),
            given_up_at: timestamp(&wire.timestamp),
            source_arn: text(info, "eventSourceArn"),
            bootstrap_servers: text(info, "bootstrapServers"),
            batch_size: count(info, "batchSize"),
            ranges: ranges(info, payload.as_deref())?,
            payload,
        })
    }
}

/// Leaves the payload out: it holds what customers wrote.
impl fmt::Debug for OnFailureDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnFailureDocument")
            .field("request_id", &self.request_id)
            .field("function_arn", &self.function_arn)
            .field("condition", &self.condition)
            .field("ranges", &self.ranges)
            .field("payload_bytes", &self.payload.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// The event in a payload, whether it stands there as an object or as a string of its JSON.
fn event_json(payload: &RawValue) -> Result<String, DocumentError> {
    match serde_json::from_str::<Cow<'_, str>>(payload.get()) {
        Ok(escaped) => Ok(escaped.into_owned()),
        Err(_) if payload.get().starts_with('"') => Err(DocumentError::InvalidPayload),
        Err(_) => Ok(payload.get().to_owned()),
    }
}

fn ranges(info: &Value, payload: Option<&str>) -> Result<Vec<OffsetRange>, DocumentError> {
    if let Some(Value::Object(partitions)) = info.get("recordsInfo") {
        let ranges = partitions.iter().map(|(topic_partition, range)| {
            OffsetRange {
                topic_partition: Some(topic_partition.clone()),
                first_offset: offset(range, "firstRecordOffset")?,
                last_offset: offset(range, "lastRecordOffset")?,
                first_at: timestamp(&range["firstRecordTimestamp"]),
                last_at: timestamp(&range["lastRecordTimestamp"]),
            }
            .in_order()
        });
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        if !ranges.is_empty() {
            return Ok(ranges);
        }
    }
    let Some(record @ Value::Object(_)) = info.get("recordInfo") else {
        return Err(DocumentError::NoOffsets);
    };
    let offset = offset(record, "offset")?;
    let at = timestamp(&record["timestamp"]);
    Ok(vec![OffsetRange {
        topic_partition: payload.and_then(|event| partition_of(event, offset)),
        first_offset: offset,
        last_offset: offset,
        first_at: at,
        last_at: at,
    }])
}

/// The partition of the record with this offset in an event.
fn partition_of(event: &str, offset: i64) -> Option<String> {
    let event = KafkaEvent::read(event.as_bytes()).ok()?;
    let identifiers = event
        .records
        .iter()
        .filter_map(|delivered| match delivered {
            Delivered::Record(record) => Some(record.position().into()),
            Delivered::Malformed(malformed) => malformed.item_identifier(),
        });
    let mut of_offset = identifiers.filter(|identifier| identifier.offset == offset);
    of_offset.next().map(|identifier| identifier.partition)
}

impl OffsetRange {
    fn in_order(self) -> Result<Self, DocumentError> {
        if self.first_offset <= self.last_offset {
            return Ok(self);
        }
        Err(DocumentError::InvalidOffset {
            field: "lastRecordOffset",
        })
    }
}

/// An offset as AWS writes it, a string; a number is as good.
fn offset(fields: &Value, field: &'static str) -> Result<i64, DocumentError> {
    let offset = match fields.get(field) {
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    offset
        .filter(|offset| *offset >= 0)
        .ok_or(DocumentError::InvalidOffset { field })
}

fn text(fields: &Value, field: &str) -> Option<String> {
    fields.get(field)?.as_str().map(str::to_owned)
}

fn count(fields: &Value, field: &str) -> Option<u64> {
    fields.get(field)?.as_u64()
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
