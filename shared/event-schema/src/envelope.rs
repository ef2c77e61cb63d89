//! The JSON value of a record: reading it tolerantly, writing it canonically.
//!
//! [`Envelope::read`] is the path of every record and can be followed top to bottom here. It does
//! not know where the bytes came from, and decides nothing about records that it cannot read:
//! [`ReadError::code`] names what is wrong, the engine decides what becomes of it.

mod bounds;
mod error;
mod fault;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::{
    bounds::{DEPTH_MAX, VALUE_BYTES_MAX, WRITTEN_BYTES_MAX},
    error::{ReadError, WriteError},
};
use crate::incoming::{Choice, choose};
use crate::{ClaimCheck, Event, EventId, Incoming, SchemaVersion, Timestamp};

/// Names of the Kafka headers that repeat the envelope, and of the one that carries the trace.
pub mod header {
    /// Repeats `event_id`.
    pub const EVENT_ID: &str = "event_id";
    /// Repeats `event_type`.
    pub const EVENT_TYPE: &str = "event_type";
    /// Repeats `timestamp`.
    pub const TIMESTAMP: &str = "timestamp";
    /// Carries the W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}

/// The field that holds the reference of a value that lies elsewhere. No payload has a field of this name.
pub const CLAIM_CHECK: &str = "claim_check";

/// An event with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<E> {
    /// Its id; old producers send none.
    pub event_id: Option<EventId>,
    /// The version it was read in, or that of the type for a new one.
    pub schema_version: SchemaVersion,
    /// When it happened, says its producer; old ones do not say.
    pub timestamp: Option<Timestamp>,
    /// The event itself.
    pub payload: E,
}

/// What Kafka headers repeat; used only for what the value lacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// The header [`header::EVENT_ID`]; an invalid one is an error, because identity depends on it.
    pub event_id: Option<&'a str>,
    /// The header [`header::EVENT_TYPE`].
    pub event_type: Option<&'a str>,
    /// The header [`header::TIMESTAMP`]; an invalid one is as good as none.
    pub timestamp: Option<&'a str>,
    /// The topic it lies on; chooses among several types where nothing names one.
    pub topic: Option<&'a str>,
}

/// What a value turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<E> {
    /// An event of a type that was asked for.
    Event(Envelope<E>),
    /// An event of the type that was asked for, whose whole value lies elsewhere.
    ClaimCheck(Claimed),
    /// Something of another type, known or not, by its name as the producer wrote it: a shared
    /// topic carries it, and who reads others ignores it.
    OtherType(String),
}

/// An event whose value lies elsewhere: what is known of it without fetching that.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// Its id, as it stands beside the reference.
    pub event_id: Option<EventId>,
    /// Where its value lies.
    pub check: ClaimCheck,
}

impl<E: Event> Envelope<E> {
    /// Creates an envelope in the type's version, without id and timestamp.
    #[must_use]
    pub fn new(payload: E) -> Self {
        Self {
            event_id: None,
            schema_version: E::SPEC.schema_version,
            timestamp: None,
            payload,
        }
    }

    /// Writes the canonical form: flat, `snake_case`, the envelope's fields first, in the type's own
    /// schema version whatever version was read.
    ///
    /// # Errors
    /// When the event breaks a rule of its type, or is larger than its topic takes.
    pub fn write(&self) -> Result<String, WriteError> {
        self.write_up_to(WRITTEN_BYTES_MAX)
    }

    /// Writes the canonical form whatever its topic takes, up to what a reader takes: it may be kept elsewhere,
    /// and [`Self::write_claim_check`] sent in its place.
    ///
    /// # Errors
    /// When the event breaks a rule of its type, or has more than [`VALUE_BYTES_MAX`] bytes.
    pub fn write_whole(&self) -> Result<String, WriteError> {
        self.write_up_to(VALUE_BYTES_MAX)
    }

    /// Writes what is sent in place of a value that lies elsewhere: the envelope and the reference.
    ///
    /// # Errors
    /// [`WriteError::Json`].
    pub fn write_claim_check(&self, check: &ClaimCheck) -> Result<String, WriteError> {
        let reference = Reference { claim_check: check };
        serde_json::to_string(&self.flat(&reference)).map_err(WriteError::Json)
    }

    fn write_up_to(&self, bytes_max: usize) -> Result<String, WriteError> {
        self.payload.validate()?;
        let json = serde_json::to_string(&self.flat(&self.payload)).map_err(WriteError::Json)?;
        let bytes = json.len();
        if bytes > bytes_max {
            return Err(WriteError::TooLarge { bytes, bytes_max });
        }
        Ok(json)
    }

    fn flat<'a, P>(&'a self, payload: &'a P) -> Flat<'a, P> {
        Flat {
            event_id: self.event_id.as_ref(),
            event_type: E::SPEC.event_type,
            schema_version: E::SPEC.schema_version,
            timestamp: self.timestamp,
            payload,
        }
    }
}

impl<P: Incoming> Envelope<P> {
    /// Reads a record's value.
    ///
    /// Unknown fields are ignored. A value that names no type, and whose hints name none, is taken for the only
    /// type that is read, or for the one that the topic carries. A field that is there twice, also in two
    /// spellings, is refused rather than guessed at. Where a reference stands in the field [`CLAIM_CHECK`],
    /// nothing else than the envelope is looked at.
    ///
    /// # Errors
    /// See [`ReadError`]; no error text holds anything of the value but field names, positions and
    /// a version number. The errors are permanent: the same bytes fail the same way.
    pub fn read(value: &[u8], hints: Hints<'_>) -> Result<Read<P>, ReadError> {
        bounds::check(value)?;
        let head = Head::read(value)?;
        let name = head.event_type(hints)?;
        let spec = match choose(P::SPECS, name.as_deref(), hints.topic) {
            Choice::One(spec) => spec,
            Choice::Other => return Ok(Read::OtherType(name.unwrap_or_default())),
            Choice::Unclear => return Err(ReadError::UnnamedEventType),
        };
        let schema_version = head.schema_version(spec.schema_version)?;
        if let Some(check) = head.claim_check()? {
            let event_id = head.event_id(hints)?;
            head.timestamp(hints)?;
            return Ok(Read::ClaimCheck(Claimed { event_id, check }));
        }
        let payload = P::read_as(spec, value)?;
        Ok(Read::Event(Self {
            event_id: head.event_id(hints)?,
            schema_version,
            timestamp: head.timestamp(hints)?,
            payload,
        }))
    }
}

/// Reads the payload fast, and on failure once more to learn which field it was.
pub(crate) fn read_payload<E: Event>(value: &[u8]) -> Result<E, ReadError> {
    serde_json::from_slice(value).or_else(|_| {
        let mut json = serde_json::Deserializer::from_slice(value);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| fault::in_field(error.path(), error.inner()))
    })
}

#[derive(Serialize)]
struct Reference<'a> {
    claim_check: &'a ClaimCheck,
}

#[derive(Serialize)]
struct Flat<'a, E> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    event_type: &'static str,
    schema_version: SchemaVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(flatten)]
    payload: &'a E,
}

/// The envelope's fields as they stand in the value, to be understood one by one.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default, alias = "eventId")]
    event_id: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "eventType")]
    event_type: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "schemaVersion")]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    claim_check: Option<&'a RawValue>,
}

impl<'a> Head<'a> {
    fn read(value: &'a [u8]) -> Result<Self, ReadError> {
        serde_json::from_slice(value).map_err(|error| fault::in_object(&error))
    }

    fn claim_check(&self) -> Result<Option<ClaimCheck>, ReadError> {
        let Some(raw) = self.claim_check else {
            return Ok(None);
        };
        let check = ClaimCheck::read_of_payload(raw.get())?;
        let bytes = usize::try_from(check.size()).unwrap_or(usize::MAX);
        if bytes > VALUE_BYTES_MAX {
            let bytes_max = VALUE_BYTES_MAX;
            return Err(ReadError::ValueTooLarge { bytes, bytes_max });
        }
        Ok(Some(check))
    }

    fn event_id(&self, hints: Hints<'_>) -> Result<Option<EventId>, ReadError> {
        let id = match (self.event_id, hints.event_id) {
            (Some(raw), _) => serde_json::from_str(raw.get()).ok(),
            (None, Some(hint)) => EventId::new(hint).ok(),
            (None, None) => return Ok(None),
        };
        id.map(Some).ok_or(ReadError::InvalidEventId)
    }

    fn event_type(&self, hints: Hints<'_>) -> Result<Option<String>, ReadError> {
        let name = match (self.event_type, hints.event_type) {
            (Some(raw), _) => serde_json::from_str(raw.get()).ok(),
            (None, Some(hint)) => Some(hint.to_owned()),
            (None, None) => return Ok(None),
        };
        name.filter(|name| bounds::is_type_name(name))
            .map(Some)
            .ok_or(ReadError::InvalidEventType)
    }

    fn schema_version(&self, supported: SchemaVersion) -> Result<SchemaVersion, ReadError> {
        let Some(raw) = self.schema_version else {
            return Ok(SchemaVersion::V1_0);
        };
        // A number counts as the text it is written with: 1.10 is minor version ten.
        let text = raw.get().trim_matches('"');
        let found: SchemaVersion = text.parse().map_err(|_| ReadError::InvalidSchemaVersion)?;
        if found.major == supported.major {
            Ok(found)
        } else {
            Err(ReadError::UnsupportedSchemaVersion { found, supported })
        }
    }

    fn timestamp(&self, hints: Hints<'_>) -> Result<Option<Timestamp>, ReadError> {
        match self.timestamp {
            Some(raw) => serde_json::from_str(raw.get())
                .map(Some)
                .map_err(|_| ReadError::InvalidTimestamp),
            None => Ok(hints.timestamp.and_then(|hint| hint.parse().ok())),
        }
    }
}

#[cfg(test)]
mod tests;
