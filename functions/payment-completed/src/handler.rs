//! Decides what a payment that succeeded does to what it is for.
//!
//! How money moves is the payment system's business; a refund is only asked for.

use event_schema::Recipient;
use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, PaymentCompleted,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{EarlyPayment, PaidFor, PaymentOutcome};

use crate::{order, reservation};

/// Handles `payment.completed`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaymentCompletedHandler;

impl Decide for PaymentCompletedHandler {
    type Event = PaymentCompleted;
    const NAME: &'static str = "payment-completed";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<PaymentCompleted>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        match PaidFor::of(event.order_id.as_ref(), event.reservation_id.as_ref()) {
            Some(PaidFor::Order(order_id)) => order::pay(order_id, record, work),
            Some(PaidFor::Reservation(id)) => reservation::confirm(id, record, work),
            None => Err(Rejection::permanent(
                "nothing_paid_for",
                "the payment is for neither order nor reservation",
            )),
        }
    }
}

/// Keeps a payment until what it is for is there; see [`EarlyPayment`].
///
/// The first outcome of a payment stands: one that failed is final, so money that comes after it has to go back.
pub(crate) fn keep(
    paid_for: PaidFor<'_>,
    record: &Record<PaymentCompleted>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let Some(early) = work.get::<EarlyPayment>(&paid_for.key())? else {
        let (event, event_id) = (&record.event, record.event_id.clone());
        let early = EarlyPayment::completed(paid_for, event, event_id, record.timestamp);
        work.put(&early);
        return Ok(());
    };
    if early.outcome == PaymentOutcome::Failed {
        return Err(not_payable());
    }
    if early.is_payment(record.event.payment_id.as_ref()) {
        return Ok(());
    }
    Err(already_paid())
}

/// Refuses a payment for what will not be paid any more: the money has to go back.
pub(crate) fn not_payable() -> Rejection {
    Rejection::permanent(
        "not_payable",
        "what was paid for is called off, refused, or released since its payment failed",
    )
}

/// Refuses a payment of another amount than is due: the money has to go back.
pub(crate) fn amount_mismatch() -> Rejection {
    Rejection::permanent("amount_mismatch", "the amount is not what it costs")
}

/// Refuses a payment for what another one paid: the money has to go back.
pub(crate) fn already_paid() -> Rejection {
    Rejection::permanent("already_paid", "another payment paid for it before")
}

/// Tells a customer that the payment has arrived.
pub(crate) fn notify(
    user: &str,
    paid_for: (&str, &str),
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let recipient = Recipient::new(user).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::PaymentCompleted,
        channel: NotificationChannel::default(),
        locale: None,
        data: [paid_for].into_iter().collect(),
    });
    Ok(())
}
