//! Decides what a change of an order's status does: a step of its timeline, or a refusal.
//!
//! Whether stock suffices and whether an order is paid is decided elsewhere: the statuses that come of it are in the
//! timeline when their events arrive here, and change nothing any more.

use event_schema::events::{OrderCompleted, OrderLine, OrderStatus, OrderStatusChanged};
use event_schema::{PaymentId, Timestamp};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{EarlyPayment, EarlyPaymentState, Order, PaidFor, PaymentOutcome, refund_due};

/// Why money goes back, as it is published.
const ORDER_CANCELLED: &str = "order_cancelled";

/// Handles `order.status-changed`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderStatusChangedHandler;

impl Decide for OrderStatusChangedHandler {
    type Event = OrderStatusChanged;
    const NAME: &'static str = "order-status-changed";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<OrderStatusChanged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        let Some(mut order) = work.get::<Order>(event.order_id.as_str())? else {
            return Err(Rejection::permanent(
                "unknown_order",
                "nobody has stored the order",
            ));
        };
        if order.has_been(&event.status) {
            return Ok(());
        }
        if matches!(event.status, OrderStatus::Placed | OrderStatus::Rejected) {
            return Err(Rejection::permanent(
                "undecided_order",
                "an order is placed or rejected by whoever knows its stock",
            ));
        }
        let from = order.status.clone();
        let advanced = order.advance(event.status.clone(), work.now(), record.event_id.clone());
        advanced.map_err(|error| {
            let message = "the status cannot follow the one that the order has";
            Rejection::permanent("impossible_transition", message).caused_by(error)
        })?;
        order.reason.clone_from(&event.reason);
        order.carry_out(&from, work)?;
        match order.status {
            OrderStatus::Completed => work.publish(completed(&order, record.timestamp)),
            OrderStatus::Cancelled => return give_back(&order, &from, work),
            _ => {}
        }
        Ok(())
    }
}

/// What has reached the customer, and what was paid for it.
fn completed(order: &Order, at: Timestamp) -> OrderCompleted {
    let paid = order.payment.as_ref().map(|payment| payment.amount);
    let items = if order.lines.is_empty() {
        // Stored before orders had lines.
        let pieces = order.quantities.iter();
        let line = |(product_id, quantity): (&event_schema::ProductId, &i64)| OrderLine {
            product_id: product_id.clone(),
            quantity: u32::try_from(*quantity).unwrap_or(u32::MAX),
            unit_price: None,
        };
        pieces.map(line).collect()
    } else {
        order.lines.iter().map(OrderLine::from).collect()
    };
    OrderCompleted {
        order_id: order.order_id.clone(),
        user_id: order.user_id.clone(),
        total_amount: paid.or(order.total_amount),
        completed_at: Some(at),
        items,
    }
}

/// Asks for the money of a cancelled order to go back, if it was paid, or a payment waits for it.
fn give_back(order: &Order, from: &OrderStatus, work: &mut Work<'_>) -> Result<(), Rejection> {
    let (payment_id, amount): (Option<PaymentId>, _) = match from {
        OrderStatus::Paid => {
            let payment = order.payment.clone();
            payment.map_or((None, None), |payment| {
                (payment.payment_id, Some(payment.amount))
            })
        }
        OrderStatus::Pending => {
            let paid_for = PaidFor::Order(&order.order_id);
            let early = work.get::<EarlyPayment>(&paid_for.key())?;
            let waiting = early.filter(|early| early.state == EarlyPaymentState::Waiting);
            let Some(mut early) = waiting else {
                return Ok(());
            };
            if early.outcome == PaymentOutcome::Failed {
                return Ok(());
            }
            early.state = EarlyPaymentState::RefundDue;
            work.put(&early);
            (early.payment_id, early.amount)
        }
        _ => return Ok(()),
    };
    let paid_for = PaidFor::Order(&order.order_id);
    let request = refund_due(paid_for, payment_id.as_ref(), amount, ORDER_CANCELLED);
    work.publish(request.map_err(|error| {
        Rejection::permanent("invalid_recipient", "nobody can be told of the refund")
            .caused_by(error)
    })?);
    Ok(())
}
