//! The kinds of poison: records that can never be processed, and the code each must end with.
//!
//! The codes are those of `event-schema` and of the engine; here they are expectations, written out on purpose.

use event_schema::Event as _;
use event_schema::events::{ORDER_LINES_MAX, OrderCreated};
use serde_json::{Map, Value, json};

use super::order::Draft;
use super::{Kind, PlanError, PlannedRecord};

/// A kind of poison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Poison {
    /// Half a JSON object.
    InvalidJson,
    /// No event id to know it by.
    MissingEventId,
    /// A schema version of which nothing is known.
    UnknownMajorVersion,
    /// One line more than an order may have.
    TooManyLines,
    /// No value.
    Tombstone,
    /// The event id of an order, with another content.
    ReusedEventId,
}

impl Poison {
    pub(crate) const ALL: [Self; 6] = [
        Self::InvalidJson,
        Self::MissingEventId,
        Self::UnknownMajorVersion,
        Self::TooManyLines,
        Self::Tombstone,
        Self::ReusedEventId,
    ];

    /// The code of its dead letter.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::MissingEventId => "missing_event_id",
            Self::UnknownMajorVersion => "unsupported_schema_version",
            Self::TooManyLines => "invalid_event",
            Self::Tombstone => "tombstone",
            Self::ReusedEventId => "event_id_reused",
        }
    }

    /// What it is, in a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::InvalidJson => "half a JSON object",
            Self::MissingEventId => "no event id",
            Self::UnknownMajorVersion => "schema version 2.0",
            Self::TooManyLines => "51 lines",
            Self::Tombstone => "no value",
            Self::ReusedEventId => "the event id of an order, other content",
        }
    }

    /// Makes one out of an order.
    pub(super) fn record(self, draft: &Draft) -> Result<PlannedRecord, PlanError> {
        let mut event: Map<String, Value> = serde_json::from_str(&draft.canonical()?)?;
        let key = match self {
            // The same key, so the same partition: it comes behind the order whose event id it has.
            Self::ReusedEventId => draft.order_id.to_string(),
            Self::InvalidJson
            | Self::MissingEventId
            | Self::UnknownMajorVersion
            | Self::TooManyLines
            | Self::Tombstone => {
                let key = format!("bad-{}-{:05}", self.code(), draft.number);
                event.insert("event_id".to_owned(), json!(format!("event-{key}")));
                event.insert("order_id".to_owned(), json!(key));
                key
            }
        };
        Ok(PlannedRecord {
            kind: Kind::Poison(self),
            topic: OrderCreated::SPEC.topic,
            key,
            value: self.spoil(event, draft)?,
            headers: Vec::new(),
        })
    }

    fn spoil(
        self,
        mut event: Map<String, Value>,
        draft: &Draft,
    ) -> Result<Option<String>, PlanError> {
        match self {
            Self::InvalidJson => {
                let whole = serde_json::to_string(&event)?;
                return Ok(Some(whole.chars().take(whole.len() / 2).collect()));
            }
            Self::Tombstone => return Ok(None),
            Self::MissingEventId => {
                event.remove("event_id");
            }
            Self::UnknownMajorVersion => {
                event.insert("schema_version".to_owned(), json!("2.0"));
            }
            Self::TooManyLines => {
                let line = serde_json::to_value(draft.event.items.first())?;
                let lines = vec![line; ORDER_LINES_MAX + 1];
                event.insert("items".to_owned(), Value::Array(lines));
            }
            Self::ReusedEventId => {
                event.insert("user_id".to_owned(), json!("u-someone-else"));
            }
        }
        Ok(Some(serde_json::to_string(&event)?))
    }
}
