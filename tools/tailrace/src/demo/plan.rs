//! What a demo sends: the events of all of the business, some of them twice, poison among them.
//!
//! The plan is determined by seed, number of orders and starting time. What must come of it is found afterwards from
//! what lies in Kafka ([`super::areas`]); the plan only knows what it put there on purpose.

mod line_up;
mod order;
mod poison;

use std::collections::{BTreeMap, BTreeSet};

use event_schema::{
    Envelope, Event, EventId, InvalidText, OrderId, ProductId, Timestamp, UserId, WriteError,
    header,
};
use serde_json::Value;

pub(crate) use poison::Poison;

use super::areas;
use super::random::Random;
use line_up::LineUp;
use order::Draft;

/// Of so many orders one is sent a second time.
const DUPLICATE_EVERY: u32 = 20;
/// For so many orders there is one poison record of each kind.
const POISON_EVERY: u32 = 400;

/// What a plan is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) seed: u64,
    pub(crate) orders: u32,
    /// When the first order happened; the others follow, a millisecond apart.
    pub(crate) starts_at: Timestamp,
}

impl Recipe {
    /// When something happened of which so much of its kind happened before.
    pub(crate) fn at(&self, number: u32) -> Timestamp {
        Timestamp::from_ms(self.starts_at.as_ms() + i64::from(number))
    }
}

/// What is sent, in this order, and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The stock before the first order, by product id.
    pub(crate) products: BTreeMap<ProductId, Stock>,
    /// What is ordered, by order id: what must be in the books, once each.
    pub(crate) orders: BTreeMap<String, PlannedOrder>,
    /// Items that are there before anything is sent, besides the products.
    pub(crate) seeds: Vec<Seed>,
    /// The records in the order in which they are sent.
    pub(crate) records: Vec<PlannedRecord>,
}

/// What there is of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stock {
    pub(crate) pieces: i64,
    /// Whether it is wanted more than it is there.
    pub(crate) is_scarce: bool,
}

/// An order that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedOrder {
    pub(crate) user_id: UserId,
    /// Pieces by product.
    pub(crate) quantities: BTreeMap<ProductId, i64>,
    pub(crate) payment: Payment,
}

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payment {
    /// By the payment provider, when the order is placed.
    Accepted,
    /// It costs more than the payment provider lets pass.
    Declined,
    /// Before the order itself is sent.
    Early,
}

/// An item that is there before anything is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seed {
    pub(crate) table: &'static str,
    pub(crate) partition: String,
    pub(crate) sort: String,
    pub(crate) item: Value,
}

/// A record for Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedRecord {
    pub(crate) kind: Kind,
    pub(crate) topic: &'static str,
    pub(crate) key: String,
    /// None is a tombstone.
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An order in the canonical form.
    Order,
    /// An order as older producers write it.
    LegacyOrder,
    /// Another event of the business.
    Event,
    /// An event sent a second time: the same value at a new offset.
    Duplicate,
    /// A record that can never be processed.
    Poison(Poison),
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("an id of the plan is not valid")]
    Id(#[from] InvalidText),
    #[error("an event of the plan cannot be written")]
    Event(#[from] WriteError),
    #[error("a poison record cannot be written")]
    Poison(#[from] serde_json::Error),
}

impl Plan {
    /// Makes the plan.
    pub(crate) fn new(recipe: &Recipe) -> Result<Self, PlanError> {
        let mut random = Random::new(recipe.seed);
        let drafts: Vec<Draft> = (0..recipe.orders)
            .map(|number| Draft::new(recipe, number, &mut random))
            .collect::<Result<_, _>>()?;
        let mut line_up = LineUp::default();
        for draft in &drafts {
            if let Some(payment) = draft.early_payment()? {
                line_up.push_before(draft.number, payment, &mut random);
            }
            line_up.push_in_turn(draft.number, draft.record()?);
        }
        let business = areas::plan(recipe, &mut random)?;
        for (record, is_sent_twice) in business.records {
            let copy = is_sent_twice.then(|| PlannedRecord {
                kind: Kind::Duplicate,
                ..record.clone()
            });
            let turn = line_up.push_anywhere(recipe.orders, record, &mut random);
            if let Some(copy) = copy {
                line_up.push_after(turn + 1, recipe.orders, copy, &mut random);
            }
        }
        for draft in chosen(&drafts, recipe.orders / DUPLICATE_EVERY, &mut random) {
            let copy = PlannedRecord {
                kind: Kind::Duplicate,
                ..draft.record()?
            };
            line_up.push_after(draft.number, recipe.orders, copy, &mut random);
        }
        for poison in Poison::ALL {
            let count = (recipe.orders / POISON_EVERY).max(1);
            for draft in chosen(&drafts, count, &mut random) {
                let record = poison.record(draft)?;
                line_up.push_after(draft.number, recipe.orders, record, &mut random);
            }
        }
        let orders: BTreeMap<_, _> = drafts.iter().map(Draft::order).collect();
        Ok(Self {
            products: order::stock(&orders, &mut random)?,
            orders,
            seeds: business.seeds,
            records: line_up.in_order(),
        })
    }

    /// Counts the records of these kinds.
    pub(crate) fn count(&self, is: impl Fn(Kind) -> bool) -> usize {
        self.records.iter().filter(|record| is(record.kind)).count()
    }

    /// Returns the orders that are paid before they are sent.
    pub(crate) fn paid_early(&self) -> BTreeSet<OrderId> {
        let orders = self.orders.iter();
        let early = orders.filter(|(_, order)| order.payment == Payment::Early);
        early
            .filter_map(|(id, _)| OrderId::new(id.clone()).ok())
            .collect()
    }
}

/// Makes a record of an event as its producer writes it today.
pub(super) fn record<E: Event>(
    event: E,
    event_id: &str,
    at: Timestamp,
) -> Result<PlannedRecord, PlanError> {
    let key = event.ordering_key().unwrap_or_default();
    let envelope = Envelope {
        event_id: Some(EventId::new(event_id)?),
        timestamp: Some(at),
        ..Envelope::new(event)
    };
    Ok(PlannedRecord {
        kind: Kind::Event,
        topic: E::SPEC.topic,
        key,
        value: Some(envelope.write()?),
        headers: vec![
            (header::EVENT_ID, event_id.to_owned()),
            (header::EVENT_TYPE, E::SPEC.event_type.to_owned()),
            (header::TIMESTAMP, at.to_string()),
        ],
    })
}

/// Chooses so many drafts, each once.
fn chosen<'a>(drafts: &'a [Draft], count: u32, random: &mut Random) -> Vec<&'a Draft> {
    let mut drawn: Vec<(u64, &Draft)> = drafts
        .iter()
        .filter(|draft| !draft.is_legacy)
        .map(|draft| (random.next(), draft))
        .collect();
    drawn.sort_by_key(|(lot, _)| *lot);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    drawn
        .into_iter()
        .take(count)
        .map(|(_, draft)| draft)
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
