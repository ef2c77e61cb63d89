//! An order is paid: its reserved pieces are sold.
//!
//! An order that is not there yet, or still pending, is not decided here: its payment is kept for it.

use event_schema::OrderId;
use event_schema::events::{OrderStatus, PaymentCompleted};
use processing::{Record, Rejection, Work};
use tables::{Order, OrderPayment, PaidFor};

use crate::handler::{already_paid, amount_mismatch, keep, not_payable, notify};

/// Has the payment pay the order, or keeps it until the order is there.
pub(crate) fn pay(
    order_id: &OrderId,
    record: &Record<PaymentCompleted>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let event = &record.event;
    let Some(mut order) = work.get::<Order>(order_id.as_str())? else {
        return keep(PaidFor::Order(order_id), record, work);
    };
    if order.was_paid_with(event.payment_id.as_ref()) {
        return Ok(());
    }
    match order.status {
        OrderStatus::Pending => return keep(PaidFor::Order(order_id), record, work),
        OrderStatus::Placed => {}
        // Only a status told of the payment so far.
        OrderStatus::Paid | OrderStatus::Completed if order.payment.is_none() => {}
        OrderStatus::Paid | OrderStatus::Completed => return Err(already_paid()),
        _ => return Err(not_payable()),
    }
    if !order.is_paid_with(event.amount) {
        return Err(amount_mismatch());
    }
    order.payment = Some(OrderPayment {
        payment_id: event.payment_id.clone(),
        amount: event.amount,
    });
    let from = order.status.clone();
    if from != OrderStatus::Placed {
        work.put(&order);
        return Ok(());
    }
    let advanced = order.advance(OrderStatus::Paid, work.now(), record.event_id.clone());
    advanced.map_err(|error| not_payable().caused_by(error))?;
    order.reason = None;
    order.carry_out(&from, work)?;
    work.publish(order.status_changed(from));
    notify(
        order.user_id.as_str(),
        ("order_id", order_id.as_str()),
        work,
    )
}
