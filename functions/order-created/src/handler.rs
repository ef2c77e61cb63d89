//! Decides what a new order does: its stock is reserved whole, or it is rejected whole.
//!
//! Payment is not its business: it leaves the order `placed`.

use std::collections::BTreeMap;

use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, OrderCreated, OrderStatus,
    OrderStatusChanged, StockUpdated,
};
use event_schema::{OrderId, ProductId, Recipient};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{Line, Order, Product};

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
        let stored = work.get::<Order>(order_id.as_str())?;
        if (stored.as_ref()).is_some_and(|order| order.status != OrderStatus::Pending) {
            return Err(Rejection::permanent(
                "order_exists",
                "the order was decided before",
            ));
        }
        let quantities = quantities(&record.event);
        // Stock is peeked at, not depended on: others may order the same product meanwhile. The guard on
        // each subtraction holds what the decision rests on.
        let products: Vec<Option<Product>> =
            work.peek_many(quantities.keys().map(ProductId::as_str))?;
        let in_stock: Option<Vec<Product>> = products
            .into_iter()
            .zip(quantities.values())
            .map(|(product, quantity)| product.filter(|product| product.available >= *quantity))
            .collect();
        let mut order = Order {
            order_id,
            user_id: record.event.user_id.clone(),
            status: if in_stock.is_some() {
                OrderStatus::Placed
            } else {
                OrderStatus::Rejected
            },
            reason: in_stock.is_none().then(|| OUT_OF_STOCK.to_owned()),
            total_amount: record.event.total_amount,
            quantities,
            lines: record.event.items.iter().map(Line::from).collect(),
            // That of a pending order goes on; one that its producer did not store begins here.
            ordered_at: stored
                .as_ref()
                .map_or(record.timestamp, |order| order.ordered_at),
            timeline: stored.map(|order| order.timeline).unwrap_or_default(),
            updated_at: work.now(),
        };
        order.note(record.event_id.clone());
        work.put(&order);
        match in_stock {
            Some(products) => place(&order, &products, work),
            None => reject(&order, work),
        }
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

fn place(order: &Order, products: &[Product], work: &mut Work<'_>) -> Result<(), Rejection> {
    for (product, (product_id, quantity)) in products.iter().zip(&order.quantities) {
        work.add::<Product>(product_id.as_str(), "available", -quantity)
            .at_least(0);
        work.add::<Product>(product_id.as_str(), "reserved", *quantity);
        work.add::<Product>(product_id.as_str(), "changes", 1);
        work.publish(StockUpdated {
            product_id: product_id.clone(),
            available: u64::try_from(product.available - quantity).unwrap_or(0),
            delta: Some(-quantity),
            version: u64::try_from(product.changes + 1).unwrap_or(0),
            order_id: Some(order.order_id.clone()),
        });
    }
    notify(order, NotificationKind::OrderPlaced, work)
}

fn reject(order: &Order, work: &mut Work<'_>) -> Result<(), Rejection> {
    work.publish(OrderStatusChanged {
        order_id: order.order_id.clone(),
        user_id: Some(order.user_id.clone()),
        status: OrderStatus::Rejected,
        previous_status: Some(OrderStatus::Pending),
        reason: order.reason.clone(),
        version: None,
    });
    notify(order, NotificationKind::OrderRejected, work)
}

fn notify(order: &Order, kind: NotificationKind, work: &mut Work<'_>) -> Result<(), Rejection> {
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
