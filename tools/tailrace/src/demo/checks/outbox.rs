//! Checks of the outbox: what the orders lead to is there to be published, once each.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::events::{
    NotificationKind, NotificationRequested, OrderStatus, OrderStatusChanged, StockUpdated,
};
use event_schema::{Envelope, Event, Hints, Read};

use super::{Check, Evidence};
use crate::text::counted;

/// Every event has an id of its own.
pub(super) fn ids_are_distinct(evidence: &Evidence<'_>) -> Check {
    let published = &evidence.books.published;
    let mut seen = BTreeSet::new();
    let differences: Vec<String> = published
        .iter()
        .filter(|event| event.event_id.is_empty() || !seen.insert(&event.event_id))
        .map(|event| {
            format!(
                "expected event id {:?} once, found it again",
                event.event_id
            )
        })
        .collect();
    let claim = format!(
        "{} events wait in the outbox, each with its own id",
        counted(published.len())
    );
    Check::of(claim, &differences)
}

/// One `stock.updated` for each product of each placed order.
pub(super) fn stock_updates_match(evidence: &Evidence<'_>) -> Check {
    let mut expected = Tally::default();
    for (id, order) in &evidence.books.orders {
        if order.status == OrderStatus::Placed {
            for (product, quantity) in &order.quantities {
                expected.add(format!("{product} of order {id} by -{quantity}"));
            }
        }
    }
    let found = found(evidence, |event: StockUpdated| {
        let order_id = event.order_id?;
        let (product, delta) = (event.product_id, event.delta?);
        Some(format!("{product} of order {order_id} by {delta}"))
    });
    expected.against(
        &found,
        StockUpdated::SPEC.event_type,
        "product of a placed order",
    )
}

/// One `order.status-changed` for each rejected order.
pub(super) fn rejections_match(evidence: &Evidence<'_>) -> Check {
    let mut expected = Tally::default();
    for (id, order) in &evidence.books.orders {
        if order.status == OrderStatus::Rejected {
            expected.add(format!("order {id} rejected"));
        }
    }
    let found = found(evidence, |event: OrderStatusChanged| {
        let (id, status) = (event.order_id, event.status);
        Some(format!("order {id} {}", status.as_str()))
    });
    expected.against(
        &found,
        OrderStatusChanged::SPEC.event_type,
        "rejected order",
    )
}

/// One `notification.requested` for each order, about what became of it.
pub(super) fn notifications_match(evidence: &Evidence<'_>) -> Check {
    let mut expected = Tally::default();
    for (id, order) in &evidence.books.orders {
        let kind = if order.status == OrderStatus::Placed {
            NotificationKind::OrderPlaced
        } else {
            NotificationKind::OrderRejected
        };
        let user = order.user_id.as_str();
        expected.add(format!("{} of order {id} to {user}", kind.as_str()));
    }
    let found = found(evidence, |event: NotificationRequested| {
        let order_id = event.data.get("order_id")?;
        let (kind, user) = (event.kind.as_str(), event.recipient.as_str());
        Some(format!("{kind} of order {order_id} to {user}"))
    });
    expected.against(&found, NotificationRequested::SPEC.event_type, "order")
}

/// How often each thing is there.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, thing: String) {
        *self.0.entry(thing).or_default() += 1;
    }

    /// Makes the check that the same things are there as often as expected.
    fn against(&self, found: &Self, event_type: &str, of_what: &str) -> Check {
        let times = |tally: &Self, thing: &String| tally.0.get(thing).copied().unwrap_or(0);
        let things: BTreeSet<&String> = self.0.keys().chain(found.0.keys()).collect();
        let differences: Vec<String> = things
            .into_iter()
            .filter_map(|thing| {
                let (expected, found) = (times(self, thing), times(found, thing));
                (expected != found)
                    .then(|| format!("expected {expected} {event_type} for {thing}, found {found}"))
            })
            .collect();
        let count = counted(found.0.values().sum());
        Check::of(
            format!("{count} {event_type}: one for each {of_what}"),
            &differences,
        )
    }
}

/// Counts the events of one type by what they say; one that cannot be read is a thing of its own.
fn found<E: Event>(evidence: &Evidence<'_>, says: impl Fn(E) -> Option<String>) -> Tally {
    let mut tally = Tally::default();
    let published = evidence.books.published.iter();
    for event in published.filter(|event| event.event_type == E::SPEC.event_type) {
        let thing = match Envelope::<E>::read(event.value.as_bytes(), Hints::default()) {
            Ok(Read::Event(envelope)) => says(envelope.payload),
            Ok(Read::ClaimCheck(_) | Read::OtherType(_)) | Err(_) => None,
        };
        tally.add(thing.unwrap_or_else(|| format!("nothing known ({})", event.event_id)));
    }
    tally
}
