//! One record as Lambda delivers it, with its bytes decoded.
//!
//! A record is read whole or not at all; what its value means is not known here. `Debug` shows
//! sizes in place of bytes, because payloads do not belong in logs.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

use crate::{Position, RecordError, wire};

const TOPIC: &str = "topic";
const PARTITION: &str = "partition";
const OFFSET: &str = "offset";
const TIMESTAMP: &str = "timestamp";
const TIMESTAMP_TYPE: &str = "timestampType";
const KEY: &str = "key";
const VALUE: &str = "value";
const HEADERS: &str = "headers";
const KEY_SCHEMA: &str = "keySchemaMetadata";
const VALUE_SCHEMA: &str = "valueSchemaMetadata";

/// A Kafka record as the event source mapping delivers it (esm-spec §1.1, §1.2).
///
/// Its size is bounded by the event it came in, [`EVENT_BYTES_MAX`](crate::EVENT_BYTES_MAX).
#[derive(Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The topic's name, not empty.
    pub topic: Cow<'a, str>,
    /// The partition's number, not negative.
    pub partition: i32,
    /// The record's offset in its partition, not negative.
    pub offset: i64,
    /// Unix time in milliseconds; `None` for absent, null, and Kafka's "no timestamp" (negative).
    pub timestamp_ms: Option<i64>,
    /// What the timestamp says.
    pub timestamp_type: TimestampType,
    /// The key's bytes; `None` for absent or null, empty for an empty key.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone, which Lambda sends as null or leaves out.
    pub value: Option<Vec<u8>>,
    /// The headers in their order, names repeated as they were sent.
    pub headers: Vec<Header<'a>>,
    /// The schema of the key, if the mapping uses a schema registry.
    pub key_schema: Option<SchemaMetadata<'a>>,
    /// The schema of the value, if the mapping uses a schema registry.
    pub value_schema: Option<SchemaMetadata<'a>>,
    /// The record's JSON exactly as delivered, for dead letters and parking.
    pub raw: &'a str,
}

impl<'a> Record<'a> {
    /// Reads one record alone, as redrive does; [`Record::raw`] is the input without outer space.
    ///
    /// Unknown fields are ignored. Null stands for absent throughout.
    ///
    /// # Errors
    /// Fails if the text is no record; [`RecordError`] lists the ways.
    pub fn read(json: &'a str) -> Result<Self, RecordError> {
        let raw = json.trim_matches(wire::WHITESPACE);
        let fields = Fields::read(raw)?;
        Ok(Self {
            topic: fields.topic()?,
            partition: fields.partition()?,
            offset: fields.offset()?,
            timestamp_ms: fields.timestamp_ms()?,
            timestamp_type: fields.timestamp_type()?,
            key: fields.bytes(KEY)?,
            value: fields.bytes(VALUE)?,
            headers: fields.headers()?,
            key_schema: fields.schema(KEY_SCHEMA)?,
            value_schema: fields.schema(VALUE_SCHEMA)?,
            raw,
        })
    }

    /// Returns where the record stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            topic: self.topic.clone().into_owned(),
            partition: self.partition,
            offset: self.offset,
        }
    }

    /// Returns the value of the last header of that name, as Kafka's own `lastHeader` does.
    ///
    /// `None` if there is none, or if the last one's value is null.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .rev()
            .find(|header| header.name == name)?
            .value
            .as_deref()
    }

    /// Returns [`Record::header`] as text; `None` also if it is not valid UTF-8.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.header(name)?).ok()
    }

    /// Tells whether `partition_key`, a key of an event's `records`, is this record's partition.
    pub(crate) fn is_of(&self, partition_key: &str) -> bool {
        // Built up, not split: a topic's name may hold dashes and end in digits.
        partition_key
            .strip_prefix(self.topic.as_ref())
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|number| number == self.partition.to_string())
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("timestamp_type", &self.timestamp_type)
            .field("key_bytes", &self.key.as_ref().map(Vec::len))
            .field("value_bytes", &self.value.as_ref().map(Vec::len))
            .field("headers", &self.headers)
            .field("key_schema", &self.key_schema)
            .field("value_schema", &self.value_schema)
            .field("raw_bytes", &self.raw.len())
            .finish()
    }
}

/// One header of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// The header's name, with U+FFFD for what is no valid Unicode.
    pub name: Cow<'a, str>,
    /// The header's bytes; `None` for null, which Kafka tells apart from empty.
    pub value: Option<Vec<u8>>,
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("name", &self.name)
            .field("value_bytes", &self.value.as_ref().map(Vec::len))
            .finish()
    }
}

/// Says who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer, when it made the record.
    CreateTime,
    /// The broker, when it appended the record.
    LogAppendTime,
    /// Nobody, or somebody this crate does not know: absent, null or another name.
    Unspecified,
}

/// Says with which schema of a registry a key or a value was written (esm-spec §1.2).
///
/// It is read leniently: what is not as documented is `None` and never fails the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaMetadata<'a> {
    /// The format of the schema, if it was given.
    pub data_format: Option<DataFormat<'a>>,
    /// A Glue schema version's UUID or a Confluent schema's number, as text, if it was given.
    pub schema_id: Option<Cow<'a, str>>,
}

/// The format of a registered schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataFormat<'a> {
    /// Apache Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
    /// A name this crate does not know.
    Other(Cow<'a, str>),
}

/// The members of a record's object, read field by field.
pub(crate) struct Fields<'a>(wire::Entries<'a>);

impl<'a> Fields<'a> {
    pub(crate) fn read(raw: &'a str) -> Result<Self, RecordError> {
        match wire::entries(raw) {
            Ok(Some(entries)) => Ok(Self(entries)),
            Ok(None) => Err(RecordError::NotAnObject),
            Err(error) => Err(RecordError::NotJson(error)),
        }
    }

    /// Reads the position alone, so that a record which fails otherwise can still be named.
    pub(crate) fn position(&self) -> Result<Position, RecordError> {
        Ok(Position {
            topic: self.topic()?.into_owned(),
            partition: self.partition()?,
            offset: self.offset()?,
        })
    }

    fn topic(&self) -> Result<Cow<'a, str>, RecordError> {
        wire::text(self.required(TOPIC)?)
            .filter(|topic| !topic.is_empty())
            .ok_or(RecordError::InvalidField { field: TOPIC })
    }

    fn partition(&self) -> Result<i32, RecordError> {
        wire::integer::<i32>(self.required(PARTITION)?)
            .filter(|partition| *partition >= 0)
            .ok_or(RecordError::InvalidField { field: PARTITION })
    }

    fn offset(&self) -> Result<i64, RecordError> {
        wire::integer::<i64>(self.required(OFFSET)?)
            .filter(|offset| *offset >= 0)
            .ok_or(RecordError::InvalidField { field: OFFSET })
    }

    fn timestamp_ms(&self) -> Result<Option<i64>, RecordError> {
        let Some(value) = self.optional(TIMESTAMP)? else {
            return Ok(None);
        };
        let timestamp_ms =
            wire::integer::<i64>(value).ok_or(RecordError::InvalidField { field: TIMESTAMP })?;
        Ok((timestamp_ms >= 0).then_some(timestamp_ms))
    }

    fn timestamp_type(&self) -> Result<TimestampType, RecordError> {
        let name = self.optional(TIMESTAMP_TYPE)?.and_then(wire::text);
        Ok(match name.as_deref() {
            Some("CREATE_TIME") => TimestampType::CreateTime,
            Some("LOG_APPEND_TIME") => TimestampType::LogAppendTime,
            Some(_) | None => TimestampType::Unspecified,
        })
    }

    fn bytes(&self, field: &'static str) -> Result<Option<Vec<u8>>, RecordError> {
        let Some(value) = self.optional(field)? else {
            return Ok(None);
        };
        let base64 = wire::string_bytes(value).ok_or(RecordError::InvalidField { field })?;
        // The decoder's own error repeats the byte it met, which is payload.
        STANDARD
            .decode(base64)
            .map(Some)
            .map_err(|_| RecordError::InvalidBase64 { field })
    }

    fn headers(&self) -> Result<Vec<Header<'a>>, RecordError> {
        let Some(value) = self.optional(HEADERS)? else {
            return Ok(Vec::new());
        };
        let list = wire::elements(value).ok_or(RecordError::HeadersNotAList)?;
        let mut headers = Vec::with_capacity(list.len());
        for (index, entry) in list.into_iter().enumerate() {
            let invalid = || RecordError::InvalidHeader { index };
            for (name, value) in wire::inner_entries(entry).ok_or_else(invalid)? {
                headers.push(Header {
                    name,
                    value: header_value(value).ok_or_else(invalid)?,
                });
            }
        }
        Ok(headers)
    }

    fn schema(&self, field: &'static str) -> Result<Option<SchemaMetadata<'a>>, RecordError> {
        Ok(self.optional(field)?.and_then(schema_metadata))
    }

    fn required(&self, field: &'static str) -> Result<&'a RawValue, RecordError> {
        self.optional(field)?
            .ok_or(RecordError::MissingField { field })
    }

    /// Finds a field that may be absent; null is absent.
    fn optional(&self, field: &'static str) -> Result<Option<&'a RawValue>, RecordError> {
        let mut found = self
            .0
            .iter()
            .filter(|(name, _)| name == field)
            .map(|(_, value)| *value);
        let first = found.next();
        if found.next().is_some() {
            return Err(RecordError::RepeatedField { field });
        }
        Ok(first.filter(|value| !wire::is_null(value)))
    }
}

/// Reads the value of a header: the outer `None` is an error, the inner one a null.
#[expect(
    clippy::option_option,
    reason = "null is a value of its own, beside what is no value"
)]
fn header_value(value: &RawValue) -> Option<Option<Vec<u8>>> {
    if wire::is_null(value) {
        Some(None)
    } else {
        wire::byte_list(value).map(Some)
    }
}

fn schema_metadata(value: &RawValue) -> Option<SchemaMetadata<'_>> {
    let mut schema = SchemaMetadata {
        data_format: None,
        schema_id: None,
    };
    for (name, value) in wire::inner_entries(value)? {
        match name.as_ref() {
            "dataFormat" => schema.data_format = wire::text(value).map(data_format),
            "schemaId" => schema.schema_id = schema_id(value),
            _ => {}
        }
    }
    Some(schema)
}

fn data_format(name: Cow<'_, str>) -> DataFormat<'_> {
    match name.as_ref() {
        "AVRO" => DataFormat::Avro,
        "JSON" => DataFormat::Json,
        "PROTOBUF" => DataFormat::Protobuf,
        _ => DataFormat::Other(name),
    }
}

/// Reads a schema's id; Confluent's are numbers by nature, so a JSON number is read as its digits.
fn schema_id(value: &RawValue) -> Option<Cow<'_, str>> {
    wire::text(value).or_else(|| wire::integer::<u64>(value).map(|id| id.to_string().into()))
}

#[cfg(test)]
mod tests;
