//! Joins an order that was just decided with the payment that was there before it.
//!
//! What a payment does that comes after the order is decided by the functions of payments.

use event_schema::events::{NotificationKind, OrderStatus};
use processing::{Rejection, Work};
use tables::{
    EarlyPayment, EarlyPaymentState, Order, OrderPayment, PaidFor, PaymentOutcome, refund_due,
};

use crate::handler::notify;

/// Why money goes back, as it is published.
const ORDER_REJECTED: &str = "order_rejected";
const AMOUNT_MISMATCH: &str = "amount_mismatch";

/// Has the payment take effect on the order, or has its money go back.
pub(crate) fn join(
    mut order: Order,
    mut early: EarlyPayment,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    if early.state != EarlyPaymentState::Waiting {
        return Ok(());
    }
    let is_placed = order.status == OrderStatus::Placed;
    early.state = EarlyPaymentState::Joined;
    match (early.outcome, early.amount) {
        (PaymentOutcome::Failed, _) if is_placed => {
            order.reason.clone_from(&early.reason);
            move_on(&mut order, OrderStatus::PaymentFailed, &early, work)?;
            notify(&order, NotificationKind::PaymentFailed, work)?;
        }
        // A rejected order needs no payment.
        (PaymentOutcome::Failed, _) => {}
        (PaymentOutcome::Completed, Some(amount)) if is_placed && order.is_paid_with(amount) => {
            let payment_id = early.payment_id.clone();
            order.payment = Some(OrderPayment { payment_id, amount });
            move_on(&mut order, OrderStatus::Paid, &early, work)?;
            notify(&order, NotificationKind::PaymentCompleted, work)?;
        }
        (PaymentOutcome::Completed, amount) => {
            early.state = EarlyPaymentState::RefundDue;
            let reason = if is_placed {
                AMOUNT_MISMATCH
            } else {
                ORDER_REJECTED
            };
            let paid_for = PaidFor::Order(&order.order_id);
            let request = refund_due(paid_for, early.payment_id.as_ref(), amount, reason);
            work.publish(request.map_err(|error| {
                Rejection::permanent("invalid_recipient", "nobody can be told of the refund")
                    .caused_by(error)
            })?);
        }
    }
    work.put(&early);
    Ok(())
}

fn move_on(
    order: &mut Order,
    to: OrderStatus,
    early: &EarlyPayment,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let from = order.status.clone();
    let advanced = order.advance(to, work.now(), early.event_id.clone());
    advanced.map_err(|error| {
        Rejection::permanent("impossible_transition", "the payment cannot be joined")
            .caused_by(error)
    })?;
    order.carry_out(&from, work)?;
    work.publish(order.status_changed(from));
    Ok(())
}
