//! What a run leaves behind, in a form in which two runs can be compared.
//!
//! Left out is what may differ: the engine's own marks, versions (a batch writes an item once), the times
//! of invocations, and how published events are laid out in rows.

use std::collections::{BTreeMap, BTreeSet};

use processing::{Body, DeadLetter, ItemKey, OUTBOX_TABLE, STATE_TABLE};
use serde_json::Value;

use crate::MemoryStore;

/// The field of an envelope that says when the event happened.
const TIMESTAMP: &str = "timestamp";

/// A topic and a key: what keeps the order of published events.
type Lane = (String, Option<String>);

/// Items, published events and dead letters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture {
    items: BTreeMap<ItemKey, Body>,
    published: BTreeMap<Lane, Vec<Published>>,
    /// Ids and codes.
    pub(super) letters: BTreeSet<(String, &'static str)>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
struct Published {
    event_id: String,
    /// The value in its canonical form, so that two of them have an order.
    value: String,
}

impl Picture {
    pub(super) fn of(
        store: &MemoryStore,
        letters: &[DeadLetter],
        volatile: &BTreeSet<String>,
    ) -> Self {
        let mut picture = Self {
            items: BTreeMap::new(),
            published: BTreeMap::new(),
            letters: letters.iter().map(|l| (l.id.to_string(), l.code)).collect(),
        };
        for (key, stored) in store.items() {
            match key.table {
                STATE_TABLE => {}
                OUTBOX_TABLE => picture.read_row(&stored.body, volatile),
                _ => {
                    picture.items.insert(key, without(stored.body, volatile));
                }
            }
        }
        for ((_, key), events) in &mut picture.published {
            // Events without a key have no order to keep.
            if key.is_none() {
                events.sort_by(|one, other| one.event_id.cmp(&other.event_id));
            }
        }
        picture
    }

    /// Reads an outbox row; rows of a lane come in the order of their keys.
    fn read_row(&mut self, row: &Body, volatile: &BTreeSet<String>) {
        let text =
            |fields: &Body, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let topic = text(row, "topic").unwrap_or_default();
        let events = row.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten().filter_map(Value::as_object) {
            let value = text(event, "value").unwrap_or_default();
            let value = match serde_json::from_str(&value) {
                Ok(Value::Object(fields)) => {
                    Value::Object(without_time(fields, volatile)).to_string()
                }
                Ok(_) | Err(_) => value,
            };
            let event_id = text(event, "event_id").unwrap_or_default();
            let lane = (topic.clone(), text(event, "key"));
            self.published
                .entry(lane)
                .or_default()
                .push(Published { event_id, value });
        }
    }

    /// Says what is first found to be different in another picture.
    pub(super) fn compare(&self, found: &Self) -> Result<(), String> {
        compare("item", &self.items, &found.items)?;
        compare("events published to", &self.published, &found.published)?;
        if self.letters != found.letters {
            let (expected, found) = (&self.letters, &found.letters);
            return Err(format!(
                "dead letters {expected:?} expected, found {found:?}"
            ));
        }
        Ok(())
    }

    /// The picture as it would be without its dead letters.
    pub(super) fn without_letters(&self) -> Self {
        Self {
            letters: BTreeSet::new(),
            ..self.clone()
        }
    }
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Result<(), String> {
    let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
    let different = keys
        .into_iter()
        .find(|key| expected.get(key) != found.get(key));
    let Some(key) = different else { return Ok(()) };
    let (expected, found) = (expected.get(key), found.get(key));
    Err(format!(
        "{what} {key:?}:\n    expected {expected:?}\n    found    {found:?}"
    ))
}

fn without(mut fields: Body, volatile: &BTreeSet<String>) -> Body {
    fields.retain(|name, _| !volatile.contains(name));
    for value in fields.values_mut() {
        let inner = match value {
            Value::Array(values) => values.iter_mut().collect(),
            value => vec![value],
        };
        for value in inner {
            if let Value::Object(fields) = value {
                *fields = without(std::mem::take(fields), volatile);
            }
        }
    }
    fields
}

fn without_time(fields: Body, volatile: &BTreeSet<String>) -> Body {
    let mut fields = without(fields, volatile);
    fields.remove(TIMESTAMP);
    fields
}
