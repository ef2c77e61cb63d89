//! What `data-platform` stores: each event whole, and totals.
//!
//! An event that is larger than an item may be lies in parts.

use event_schema::{EventId, Incoming as _, Timestamp};
use processing::{Item, Key, Record};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::handler::Business;

/// Bytes of an event's value that lie in one item, well below what an item may have (380 kB).
pub const PART_BYTES_MAX: usize = 350_000;

/// An event as it was delivered, keyed by what it tells of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawEvent {
    /// The type and what the event tells of: `payment.completed#p-1`.
    pub subject: String,
    /// The event's id.
    pub event_id: Option<EventId>,
    /// The topic to which it goes in a replay.
    pub topic: String,
    /// When the event happened.
    pub at: Timestamp,
    /// In how many parts it lies; the first is here.
    pub parts: u32,
    /// The first part of its value.
    pub value: String,
}

/// A further part of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawPart {
    /// As of the event.
    pub subject: String,
    /// Its number, from 1.
    pub number: u32,
    /// The part of the value.
    pub value: String,
}

/// How many events there were and what they come to, keyed by what they are counted by (`hour#2026-11-21T10`,
/// `concert#c-1`, `user#u-1`, `method#card`), and by type and share. Only additions write it. The total of a
/// type is the sum of its shares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// What they are counted by.
    #[serde(default)]
    pub by: String,
    /// Type and share.
    #[serde(default)]
    pub share: String,
    /// How many.
    #[serde(default)]
    pub events: i64,
    /// What they come to; zero of those without an amount.
    #[serde(default)]
    pub amount: Decimal,
}

impl RawEvent {
    /// The sort key of the first part.
    pub(crate) const SORT: &str = "0000";

    pub(crate) fn of(record: &Record<Business>, facts: &Facts) -> Self {
        let spec = record.event.spec();
        let mut parts = parts(record.value());
        let first = parts.next().unwrap_or_default();
        Self {
            subject: format!("{}#{}", spec.event_type, facts.subject),
            event_id: record.event_id.clone(),
            topic: spec.topic.to_owned(),
            at: facts.at,
            parts: u32::try_from(parts.count()).map_or(u32::MAX, |rest| rest + 1),
            value: first.to_owned(),
        }
    }
}

impl RawPart {
    /// The parts of a value behind its first.
    pub(crate) fn rest_of(value: &str) -> impl Iterator<Item = String> {
        parts(value).skip(1).map(str::to_owned)
    }
}

impl Total {
    /// The sum of shares.
    pub fn sum<'a>(shares: impl IntoIterator<Item = &'a Self>) -> (i64, Decimal) {
        let shares = shares.into_iter();
        shares.fold((0, Decimal::ZERO), |(events, amount), share| {
            (events + share.events, amount + share.amount)
        })
    }
}

/// Cuts a value into parts, between characters; an empty one has none.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let fits = (0..=rest.len().min(PART_BYTES_MAX)).rev();
        let end = fits.into_iter().find(|end| rest.is_char_boundary(*end))?;
        let (part, left) = rest.split_at_checked(end)?;
        rest = left;
        (!part.is_empty()).then_some(part)
    })
}

impl Item for RawEvent {
    const TABLE: &'static str = "raw-events";

    fn key(&self) -> Key {
        Key::from((&self.subject, Self::SORT))
    }
}

impl Item for RawPart {
    const TABLE: &'static str = RawEvent::TABLE;

    fn key(&self) -> Key {
        Key::from((&self.subject, format!("{:04}", self.number)))
    }
}

impl Item for Total {
    const TABLE: &'static str = "totals";

    fn key(&self) -> Key {
        Key::from((&self.by, &self.share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_make_the_value_again() {
        let long = format!("a{}", "주".repeat(PART_BYTES_MAX));
        for value in ["", "a", &long, &"x".repeat(PART_BYTES_MAX + 1)] {
            let parts: Vec<_> = parts(value).collect();
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES_MAX));
            assert_eq!(parts.concat(), value);
            let least = value.len().div_ceil(PART_BYTES_MAX);
            assert!((least..=least + 1).contains(&parts.len()));
        }
    }
}
