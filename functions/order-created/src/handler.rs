//! Decides what a new order does: its stock is reserved whole, or it is rejected whole.
//!
//! A payment that was there before the order is joined here (`join`); a later one is not its business.

use std::collections::BTreeMap;

use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, OrderCreated, OrderStatus,
};
use event_schema::{OrderId, ProductId, Recipient};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{EarlyPayment, Line, Order, PaidFor, Product};

use crate::join::join;

/// Why an order is rejected, as it is published.
const OUT_OF_STOCK: &str = "out_of_stock";

/// Handles `order.created`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderCreatedHandler;

impl Decide for OrderCreatedHandler {
    type Event = OrderCreated;
    const NAME: &'static str = "order-created";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<OrderCreated>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let order_id = order_id(record, work)?;
        let quantities = quantities(&record.event);
        // All are asked for before the first miss ends the run: one round loads them. Stock is peeked at, so that
        // others may order the same product meanwhile; the guards on the subtractions hold what is decided.
        let stored = work.get::<Order>(order_id.as_str());
        let early = work.get::<EarlyPayment>(&PaidFor::Order(&order_id).key());
        let products = work.peek_many::<Product, _>(quantities.keys().map(ProductId::as_str));
        let (stored, early, products) = (stored?, early?, products?);
        if stored.as_ref().is_some_and(was_called_off) {
            return Ok(());
        }
        if (stored.as_ref()).is_some_and(|order| order.status != OrderStatus::Pending) {
            return Err(Rejection::permanent(
                "order_exists",
                "the order was decided before",
            ));
        }
        let mut wanted = products.iter().zip(quantities.values());
        let is_in_stock = wanted.all(|(product, quantity)| {
            (product.as_ref()).is_some_and(|product| product.available >= *quantity)
        });
        let mut order = new_order(order_id, quantities, stored, record, work);
        order.status = if is_in_stock {
            OrderStatus::Placed
        } else {
            OrderStatus::Rejected
        };
        order.reason = (!is_in_stock).then(|| OUT_OF_STOCK.to_owned());
        order.note(record.event_id.clone());
        order.carry_out(&OrderStatus::Pending, work)?;
        work.publish(order.status_changed(OrderStatus::Pending));
        let kind = if is_in_stock {
            NotificationKind::OrderPlaced
        } else {
            NotificationKind::OrderRejected
        };
        notify(&order, kind, work)?;
        early.map_or(Ok(()), |early| join(order, early, work))
    }
}

/// Whether an order was cancelled while it was pending: nothing is to be reserved for it any more.
fn was_called_off(order: &Order) -> bool {
    order.status == OrderStatus::Cancelled && !order.has_been(&OrderStatus::Placed)
}

/// The order as the event tells of it, not decided yet.
fn new_order(
    order_id: OrderId,
    quantities: BTreeMap<ProductId, i64>,
    stored: Option<Order>,
    record: &Record<OrderCreated>,
    work: &Work<'_>,
) -> Order {
    Order {
        order_id,
        user_id: record.event.user_id.clone(),
        status: OrderStatus::Pending,
        reason: None,
        total_amount: record.event.total_amount,
        payment: None,
        quantities,
        lines: record.event.items.iter().map(Line::from).collect(),
        // That of a pending order goes on; one that its producer did not store begins here.
        ordered_at: stored
            .as_ref()
            .map_or(record.timestamp, |order| order.ordered_at),
        timeline: stored.map(|order| order.timeline).unwrap_or_default(),
        updated_at: work.now(),
    }
}

/// The order's own id; one made of the event's where an old producer sends none.
fn order_id(record: &Record<OrderCreated>, work: &mut Work<'_>) -> Result<OrderId, Rejection> {
    match &record.event.order_id {
        Some(order_id) => Ok(order_id.clone()),
        None => OrderId::new(work.unique_id()).map_err(|error| {
            Rejection::permanent("invalid_order_id", "no order id could be made").caused_by(error)
        }),
    }
}

/// Pieces by product: an order may name a product in several lines.
fn quantities(order: &OrderCreated) -> BTreeMap<ProductId, i64> {
    let mut quantities = BTreeMap::new();
    for line in &order.items {
        *quantities.entry(line.product_id.clone()).or_default() += i64::from(line.quantity);
    }
    quantities
}

/// Tells the customer what became of the order.
pub(crate) fn notify(
    order: &Order,
    kind: NotificationKind,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let recipient = Recipient::new(order.user_id.as_str()).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    work.publish(NotificationRequested {
        recipient,
        kind,
        channel: NotificationChannel::default(),
        locale: None,
        data: [("order_id", order.order_id.as_str())]
            .into_iter()
            .collect(),
    });
    Ok(())
}
