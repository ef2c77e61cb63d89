//! `payment.completed`: an order or a reservation is paid for.
//!
//! It holds nothing of the means of payment but its kind.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::{
    AmountSchema, Deduplication, Event, EventSpec, InvalidEvent, OrderId, PaymentId, ReservationId,
    SchemaVersion, Timestamp, UserId, open_enum::open_enum,
};

open_enum! {
    /// The kind of means of payment.
    pub enum PaymentMethod {
        /// A credit or debit card.
        Card = "card",
        /// A transfer between banks.
        BankTransfer = "bank_transfer",
        /// The balance that the user keeps here.
        Balance = "balance",
        /// A wallet of somebody else.
        Wallet = "wallet",
    }
}

/// An order or a reservation is paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCompleted {
    /// The payment.
    #[serde(default, alias = "paymentId", skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// The order it is for; this or the reservation is there, and this one counts.
    #[serde(default, alias = "orderId", skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The reservation it is for.
    #[serde(
        default,
        alias = "reservationId",
        skip_serializing_if = "Option::is_none"
    )]
    pub reservation_id: Option<ReservationId>,
    /// Who paid.
    #[serde(default, alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// What was paid.
    #[serde(with = "crate::amount")]
    #[schemars(with = "AmountSchema")]
    pub amount: Decimal,
    /// How it was paid.
    #[serde(
        default,
        alias = "paymentMethod",
        alias = "payment_method",
        skip_serializing_if = "Option::is_none"
    )]
    pub method: Option<PaymentMethod>,
    /// When it was paid, where that is not when the event was made.
    #[serde(default, alias = "paidAt", skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
}

impl Event for PaymentCompleted {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "payment.completed",
        topic: "payment.payment.completed",
        alias_topics: &["payment-events"],
        legacy_types: &["PAYMENT_COMPLETED"],
        key: "order_id or reservation_id",
        dedup: Deduplication::EventId,
        partitions: 6,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        rules::payment_key(self.order_id.as_ref(), self.reservation_id.as_ref())
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        rules::paid_for(self.order_id.as_ref(), self.reservation_id.as_ref())?;
        rules::not_negative("amount", Some(self.amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(order: Option<&str>, reservation: Option<&str>, amount: i64) -> PaymentCompleted {
        PaymentCompleted {
            payment_id: None,
            order_id: order.map(|id| OrderId::new(id).unwrap()),
            reservation_id: reservation.map(|id| ReservationId::new(id).unwrap()),
            user_id: None,
            amount: amount.into(),
            method: None,
            paid_at: None,
        }
    }

    #[test]
    fn a_payment_is_ordered_by_its_order_else_its_reservation() {
        assert_eq!(
            paid(Some("o"), Some("r"), 1).ordering_key().as_deref(),
            Some("o")
        );
        assert_eq!(
            paid(None, Some("r"), 1).ordering_key().as_deref(),
            Some("r")
        );
    }

    #[test]
    fn a_payment_is_for_something_and_not_negative() {
        assert!(paid(None, Some("r"), 0).validate().is_ok());
        assert_eq!(
            paid(None, None, 1).validate().unwrap_err().path(),
            "order_id"
        );
        assert_eq!(
            paid(Some("o"), None, -1).validate().unwrap_err().path(),
            "amount"
        );
    }
}
