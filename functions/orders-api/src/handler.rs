//! Decides what a new order does: it is stored as pending, and `order.created` tells of it.
//!
//! Stock and payment are not its business: whoever reads the event decides them.

use std::collections::BTreeMap;

use event_schema::OrderId;
use event_schema::events::{OrderCreated, OrderLine, OrderStatus};
use processing::{Command, Rejection, Work};
use tables::Order;

use crate::answer::Accepted;
use crate::new_order::NewOrder;

/// Handles `POST /orders`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdersApiHandler;

impl Command for OrdersApiHandler {
    type Request = NewOrder;
    type Answer = Accepted;
    const NAME: &'static str = "orders-api";

    fn decide(&self, new: &NewOrder, work: &mut Work<'_>) -> Result<Accepted, Rejection> {
        // The order's id is made of the call's, and outlives the call's mark: a key that comes back after its
        // mark is gone finds its order, and must not begin it anew.
        let order_id = OrderId::new(work.unique_id()).map_err(|error| {
            Rejection::permanent("invalid_order_id", "no order id could be made").caused_by(error)
        })?;
        if work.get::<Order>(order_id.as_str())?.is_some() {
            return Err(Rejection::permanent(
                "idempotency_key_expired",
                "the key made an order whose answer is not kept any more",
            ));
        }
        let mut quantities = BTreeMap::new();
        for line in &new.items {
            *quantities.entry(line.product_id.clone()).or_default() += i64::from(line.quantity);
        }
        let mut order = Order {
            order_id: order_id.clone(),
            user_id: new.user_id.clone(),
            status: OrderStatus::Pending,
            reason: None,
            total_amount: new.total_amount,
            payment: None,
            quantities,
            lines: new.items.clone(),
            timeline: Vec::new(),
            ordered_at: work.now(),
            updated_at: work.now(),
        };
        order.note(Some(work.next_event_id()));
        work.put(&order);
        work.publish(OrderCreated {
            order_id: Some(order_id.clone()),
            user_id: new.user_id.clone(),
            total_amount: new.total_amount,
            coupon_id: new.coupon_id.clone(),
            items: new.items.iter().map(OrderLine::from).collect(),
        });
        Ok(Accepted {
            order_id,
            status: OrderStatus::Pending,
        })
    }
}
