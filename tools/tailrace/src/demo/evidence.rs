//! What happened, as far as it is known from outside: the records of all topics, the items of all tables, the letters.
//!
//! Areas ask it questions; it does not know what is right.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::{Envelope, Event, EventId, Hints, Read};
use processing::Body;
use serde_json::Value;

use super::books::{Books, Kept};
use super::plan::Plan;
use super::produce::Sent;

/// The key of an item: partition and sort key.
pub(crate) type ItemKey = (String, String);

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) sent: &'a [Sent],
    pub(crate) books: &'a Books,
    /// Records that mappings handed to functions, each time counted.
    pub(crate) delivered: u64,
}

/// An event of a topic.
#[derive(Debug, Clone)]
pub(crate) struct Found<E> {
    pub(crate) event_id: Option<EventId>,
    pub(crate) timestamp: event_schema::Timestamp,
    pub(crate) event: E,
}

impl<'a> Evidence<'a> {
    /// Returns the events of a topic, each as often as it lies there, in the order of partitions and offsets.
    pub(crate) fn all<E: Event>(&self) -> Vec<Found<E>> {
        let kept = self.books.topics.get(E::SPEC.topic);
        kept.into_iter().flatten().filter_map(found).collect()
    }

    /// Returns the events of a topic by their first appearance: those that have an id, and that nobody has sent
    /// before with the same id, whatever its content.
    pub(crate) fn distinct<E: Event>(&self) -> Vec<Found<E>> {
        let mut seen = BTreeSet::new();
        let mut all = self.all::<E>();
        all.retain(|found| {
            let id = found.event_id.as_ref();
            id.is_some_and(|id| seen.insert(id.to_string()))
        });
        all
    }

    /// Returns the items of a table.
    pub(crate) fn items(&self, table: &str) -> &'a BTreeMap<ItemKey, Body> {
        static NONE: BTreeMap<ItemKey, Body> = BTreeMap::new();
        self.books.tables.get(table).unwrap_or(&NONE)
    }
}

fn found<E: Event>(kept: &Kept) -> Option<Found<E>> {
    let header = |name: &str| {
        let header = kept.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    };
    let hints = Hints {
        event_id: header("event_id"),
        event_type: header("event_type"),
        timestamp: header("timestamp"),
        topic: None,
    };
    let read = Envelope::<E>::read(kept.value.as_deref()?, hints);
    let Ok(Read::Event(envelope)) = read else {
        return None;
    };
    Some(Found {
        timestamp: envelope.timestamp.unwrap_or(kept.timestamp),
        event_id: envelope.event_id,
        event: envelope.payload,
    })
}

/// Returns a whole number of an item; what is not there counts as zero, as it does in an addition.
pub(crate) fn whole(item: &Body, field: &str) -> i64 {
    match item.get(field) {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(i64::MIN),
        Some(Value::String(text)) => text.parse().unwrap_or(i64::MIN),
        Some(_) => i64::MIN,
        None => 0,
    }
}

/// Returns a text of an item.
pub(crate) fn text<'a>(item: &'a Body, field: &str) -> &'a str {
    item.get(field).and_then(Value::as_str).unwrap_or_default()
}
