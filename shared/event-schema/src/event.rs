//! What every event type declares: its line of the catalogue, its ordering key and its own rules.
//!
//! The types themselves are in [`crate::events`], one file each.

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::SchemaVersion;

/// A payload type of the catalogue.
///
/// Its `Deserialize` is tolerant (see the crate's documentation), its `Serialize` canonical: an
/// object with `snake_case` names, none of them a name of the envelope.
pub trait Event:
    Clone + Debug + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// Its line of the catalogue.
    const SPEC: &'static EventSpec;

    /// Returns the key within which events of this type keep their order, which is also the Kafka
    /// key they are written with; `None` spreads them over the partitions.
    fn ordering_key(&self) -> Option<String>;

    /// Checks the rules that the field types cannot express.
    ///
    /// It is pure, and called on every read and every write.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn validate(&self) -> Result<(), InvalidEvent> {
        Ok(())
    }
}

/// One line of the catalogue (design §3.2); what all topics share is in [`crate::catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSpec {
    /// The canonical name, `noun.past-verb`.
    pub event_type: &'static str,
    /// The topic its writers use, `{domain}.{entity}.{event}`.
    pub topic: &'static str,
    /// Topics of existing systems that carry this event, perhaps among others.
    pub alias_topics: &'static [&'static str],
    /// `UPPER_SNAKE` names by which existing producers call it.
    pub legacy_types: &'static [&'static str],
    /// What [`Event::ordering_key`] returns, in words.
    pub key: &'static str,
    /// How its consumers recognise a record that they have already finished.
    pub dedup: Deduplication,
    /// Partitions of the topic; see [`crate::catalogue::partitions_for`].
    pub partitions: u32,
    /// Lanes of the outbox for this topic; never changes, because order within a lane is order
    /// within a key.
    pub outbox_lanes: u32,
    /// The version that writers write; readers take every minor version of its major one.
    pub schema_version: SchemaVersion,
}

impl EventSpec {
    /// Says whether `event_type` is a name of this type, canonical or legacy.
    #[must_use]
    pub fn is_named(&self, event_type: &str) -> bool {
        event_type == self.event_type || self.legacy_types.contains(&event_type)
    }

    /// Returns every topic that may carry this type, the canonical one first.
    pub fn topics(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.topic).chain(self.alias_topics.iter().copied())
    }
}

/// How the consumers of an event type recognise what they have already finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduplication {
    /// By the event's id, so that a producer that sends twice is noticed too.
    EventId,
    /// By the event's id, under a lease that fences whoever held it before.
    EventIdLeased,
    /// By the record's position in its partition.
    Position,
    /// By position, and by a key that the effect has of its own accord.
    PositionAndNaturalKey,
    /// By the key that the caller of an HTTP API sends with a request; not for records.
    IdempotencyKey,
}

impl Deduplication {
    /// Returns the stable name that the catalogue's document uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventId => "event_id",
            Self::EventIdLeased => "event_id_leased",
            Self::Position => "position",
            Self::PositionAndNaturalKey => "position_and_natural_key",
            Self::IdempotencyKey => "idempotency_key",
        }
    }
}

/// A rule of its type that an event breaks.
///
/// Neither part may hold values of the event: the text is logged and kept with dead letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rule}")]
pub struct InvalidEvent {
    path: String,
    rule: String,
}

impl InvalidEvent {
    /// Creates one from the path of the field (`items[3].quantity`) and the rule in words.
    pub fn new(path: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            rule: rule.into(),
        }
    }

    /// Returns the path of the field that breaks the rule.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the rule in words.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
