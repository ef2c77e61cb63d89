//! Decides what a payment that failed undoes.
//!
//! A failure is final: an attempt that may still succeed is no event of the payment system.

use event_schema::Recipient;
use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, PaymentFailed,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{EarlyPayment, PaidFor, PaymentOutcome};

use crate::{order, reservation};

/// Handles `payment.failed`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaymentFailedHandler;

impl Decide for PaymentFailedHandler {
    type Event = PaymentFailed;
    const NAME: &'static str = "payment-failed";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<PaymentFailed>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let event = &record.event;
        match PaidFor::of(event.order_id.as_ref(), event.reservation_id.as_ref()) {
            Some(PaidFor::Order(order_id)) => order::release(order_id, record, work),
            Some(PaidFor::Reservation(id)) => reservation::release(id, record, work),
            None => Err(Rejection::permanent(
                "nothing_paid_for",
                "the payment was for neither order nor reservation",
            )),
        }
    }
}

/// Keeps a failure until what the payment was for is there; see [`EarlyPayment`].
pub(crate) fn keep(
    paid_for: PaidFor<'_>,
    record: &Record<PaymentFailed>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let Some(early) = work.get::<EarlyPayment>(&paid_for.key())? else {
        let (event, event_id) = (&record.event, record.event_id.clone());
        let early = EarlyPayment::failed(paid_for, event, event_id, record.timestamp);
        work.put(&early);
        return Ok(());
    };
    if early.outcome == PaymentOutcome::Completed
        && early.is_payment(record.event.payment_id.as_ref())
    {
        return Err(payment_completed());
    }
    Ok(())
}

/// Refuses the failure of the very payment that succeeded: the payment system contradicts itself.
pub(crate) fn payment_completed() -> Rejection {
    Rejection::permanent("payment_completed", "the same payment succeeded before")
}

/// Tells a customer that the payment has failed.
pub(crate) fn notify(
    user: &str,
    paid_for: (&str, &str),
    reason: Option<&str>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let recipient = Recipient::new(user).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    let reason = reason.map(|reason| ("reason", reason));
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::PaymentFailed,
        channel: NotificationChannel::default(),
        locale: None,
        data: [paid_for].into_iter().chain(reason).collect(),
    });
    Ok(())
}
