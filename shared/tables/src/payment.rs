//! A payment that comes before what it is for, and how it is kept until both are there.
//!
//! Who pays and how is the payment system's business. Topics have no common order, so a payment may overtake its
//! order; it is stored then, and joined by whoever stores the order. Each of the two reads what the other writes
//! in the transaction in which it writes its own, so that one of them sees the other.

use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, PaymentCompleted, PaymentFailed,
};
use event_schema::{EventId, InvalidText, OrderId, PaymentId, Recipient, ReservationId, Timestamp};
use processing::{Item, Key};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Who is told that somebody has to be given money back.
pub const REFUNDS_RECIPIENT: &str = "payments";

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidFor<'a> {
    /// An order.
    Order(&'a OrderId),
    /// A reservation.
    Reservation(&'a ReservationId),
}

/// A payment whose order or reservation was not there yet, or still pending; keyed by what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyPayment {
    /// What it is for, as the item's key: see [`PaidFor::key`].
    pub paid_for: String,
    /// How it ended.
    pub outcome: PaymentOutcome,
    /// The payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// What was paid, or was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// Why it failed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// When it ended.
    pub happened_at: Timestamp,
    /// What has become of it.
    pub state: EarlyPaymentState,
}

/// How a payment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentOutcome {
    /// It succeeded.
    Completed,
    /// It did not.
    Failed,
}

/// What has become of an early payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyPaymentState {
    /// What it is for is not there yet.
    Waiting,
    /// It has taken effect on what it is for.
    Joined,
    /// It paid for nothing: the money has to go back.
    RefundDue,
}

impl<'a> PaidFor<'a> {
    /// Returns what a payment is for: the order counts where both are named.
    #[must_use]
    pub fn of(
        order_id: Option<&'a OrderId>,
        reservation_id: Option<&'a ReservationId>,
    ) -> Option<Self> {
        (order_id.map(Self::Order)).or_else(|| reservation_id.map(Self::Reservation))
    }

    /// Returns the key of an early payment for it.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::Order(id) => format!("order#{id}"),
            Self::Reservation(id) => format!("reservation#{id}"),
        }
    }
}

impl EarlyPayment {
    /// A payment that succeeded and waits for what it is for.
    #[must_use]
    pub fn completed(
        paid_for: PaidFor<'_>,
        event: &PaymentCompleted,
        event_id: Option<EventId>,
        at: Timestamp,
    ) -> Self {
        Self {
            paid_for: paid_for.key(),
            outcome: PaymentOutcome::Completed,
            payment_id: event.payment_id.clone(),
            amount: Some(event.amount),
            reason: None,
            event_id,
            happened_at: event.paid_at.unwrap_or(at),
            state: EarlyPaymentState::Waiting,
        }
    }

    /// A payment that failed and waits for what it was for.
    #[must_use]
    pub fn failed(
        paid_for: PaidFor<'_>,
        event: &PaymentFailed,
        event_id: Option<EventId>,
        at: Timestamp,
    ) -> Self {
        Self {
            paid_for: paid_for.key(),
            outcome: PaymentOutcome::Failed,
            payment_id: event.payment_id.clone(),
            amount: event.amount,
            reason: event.reason.clone(),
            event_id,
            happened_at: event.failed_at.unwrap_or(at),
            state: EarlyPaymentState::Waiting,
        }
    }

    /// Whether both are known to be one payment.
    #[must_use]
    pub fn is_payment(&self, payment_id: Option<&PaymentId>) -> bool {
        self.payment_id.is_some() && self.payment_id.as_ref() == payment_id
    }
}

/// Returns the request to tell those who see to payments that money has to go back, and why as a stable code.
///
/// # Errors
/// Never: [`REFUNDS_RECIPIENT`] is a valid recipient, which the type does not know.
pub fn refund_due(
    paid_for: PaidFor<'_>,
    payment_id: Option<&PaymentId>,
    amount: Option<Decimal>,
    reason: &str,
) -> Result<NotificationRequested, InvalidText> {
    let (name, id) = match paid_for {
        PaidFor::Order(id) => ("order_id", id.as_str()),
        PaidFor::Reservation(id) => ("reservation_id", id.as_str()),
    };
    let mut data = vec![(name, id.to_owned()), ("reason", reason.to_owned())];
    data.extend(payment_id.map(|id| ("payment_id", id.to_string())));
    data.extend(amount.map(|amount| ("amount", amount.normalize().to_string())));
    Ok(NotificationRequested {
        recipient: Recipient::new(REFUNDS_RECIPIENT)?,
        kind: NotificationKind::RefundDue,
        channel: NotificationChannel::default(),
        locale: None,
        data: data.into_iter().collect(),
    })
}

impl Item for EarlyPayment {
    const TABLE: &'static str = "payments";

    fn key(&self) -> Key {
        Key::from(&self.paid_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_counts_before_a_reservation_and_their_keys_differ() {
        let order = OrderId::new("7").unwrap();
        let reservation = ReservationId::new("7").unwrap();
        let key = |order, reservation| PaidFor::of(order, reservation).map(PaidFor::key);
        assert_eq!(
            key(Some(&order), Some(&reservation)).as_deref(),
            Some("order#7")
        );
        assert_eq!(
            key(None, Some(&reservation)).as_deref(),
            Some("reservation#7")
        );
        assert_eq!(key(None, None), None);
    }

    #[test]
    fn a_refund_names_what_was_paid_for_and_why() {
        let order = OrderId::new("o-1").unwrap();
        let payment = PaymentId::new("pay-1").unwrap();
        let amount = "19.90".parse().unwrap();
        let request = refund_due(
            PaidFor::Order(&order),
            Some(&payment),
            Some(amount),
            "order_rejected",
        )
        .unwrap();
        assert_eq!(request.recipient.as_str(), REFUNDS_RECIPIENT);
        let data: Vec<_> = request.data.iter().collect();
        let right = [
            ("amount", "19.9"),
            ("order_id", "o-1"),
            ("payment_id", "pay-1"),
            ("reason", "order_rejected"),
        ];
        assert_eq!(data, right);
    }

    #[test]
    fn a_payment_without_an_id_is_not_known_again() {
        let order = OrderId::new("o-1").unwrap();
        let event = PaymentFailed {
            payment_id: PaymentId::new("pay-1").ok(),
            order_id: Some(order.clone()),
            reservation_id: None,
            user_id: None,
            amount: None,
            method: None,
            reason: None,
            failed_at: None,
        };
        let at = Timestamp::from_ms(1);
        let mut early = EarlyPayment::failed(PaidFor::Order(&order), &event, None, at);
        assert!(early.is_payment(PaymentId::new("pay-1").ok().as_ref()));
        assert!(!early.is_payment(PaymentId::new("pay-2").ok().as_ref()));
        early.payment_id = None;
        assert!(!early.is_payment(None));
    }
}
