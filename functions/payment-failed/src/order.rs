//! The compensation of an order: its reserved pieces are available again, once.
//!
//! An order that is not there yet, or still pending, holds nothing: the failure is kept for it.

use event_schema::OrderId;
use event_schema::events::{OrderStatus, PaymentFailed};
use processing::{Record, Rejection, Work};
use tables::{Order, PaidFor};

use crate::handler::{keep, notify, payment_completed};

/// Releases what the order holds, or keeps the failure until the order is there.
pub(crate) fn release(
    order_id: &OrderId,
    record: &Record<PaymentFailed>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let event = &record.event;
    let Some(mut order) = work.get::<Order>(order_id.as_str())? else {
        return keep(PaidFor::Order(order_id), record, work);
    };
    if order.was_paid_with(event.payment_id.as_ref()) {
        return Err(payment_completed());
    }
    match order.status {
        OrderStatus::Pending => return keep(PaidFor::Order(order_id), record, work),
        OrderStatus::Placed => {}
        // It holds nothing, or another attempt paid it: this one changes nothing.
        _ => return Ok(()),
    }
    let from = order.status.clone();
    let advanced = order.advance(
        OrderStatus::PaymentFailed,
        work.now(),
        record.event_id.clone(),
    );
    advanced.map_err(|error| {
        Rejection::permanent(
            "impossible_transition",
            "the order holds nothing to release",
        )
        .caused_by(error)
    })?;
    order.reason.clone_from(&event.reason);
    order.carry_out(&from, work)?;
    work.publish(order.status_changed(from));
    let paid_for = ("order_id", order_id.as_str());
    notify(
        order.user_id.as_str(),
        paid_for,
        event.reason.as_deref(),
        work,
    )
}
