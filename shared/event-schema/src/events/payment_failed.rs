//! `payment.failed`: a payment did not succeed; what it was for is to be released.
//!
//! It is final: an attempt that may still succeed is no event.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PaymentMethod, rules};
use crate::{
    AmountSchema, Deduplication, Event, EventSpec, InvalidEvent, OrderId, PaymentId, ReservationId,
    SchemaVersion, Timestamp, UserId,
};

/// A payment did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFailed {
    /// The payment.
    #[serde(default, alias = "paymentId", skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// The order it was for; this or the reservation is there, and this one counts.
    #[serde(default, alias = "orderId", skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The reservation it was for.
    #[serde(
        default,
        alias = "reservationId",
        skip_serializing_if = "Option::is_none"
    )]
    pub reservation_id: Option<ReservationId>,
    /// Who was to pay.
    #[serde(default, alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// What was to be paid.
    #[serde(
        default,
        with = "crate::amount::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<AmountSchema>")]
    pub amount: Option<Decimal>,
    /// How it was to be paid.
    #[serde(
        default,
        alias = "paymentMethod",
        alias = "payment_method",
        skip_serializing_if = "Option::is_none"
    )]
    pub method: Option<PaymentMethod>,
    /// Why it failed, as a stable code (`insufficient_funds`).
    #[serde(
        default,
        alias = "failureReason",
        alias = "failure_reason",
        skip_serializing_if = "Option::is_none"
    )]
    pub reason: Option<String>,
    /// When it failed, where that is not when the event was made.
    #[serde(default, alias = "failedAt", skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

impl Event for PaymentFailed {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "payment.failed",
        topic: "payment.payment.failed",
        alias_topics: &["payment-events"],
        legacy_types: &["PAYMENT_FAILED"],
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
        rules::not_negative("amount", self.amount)
    }
}
