//! `notification.requested`: somebody is to be told something.
//!
//! It names the kind of message and its data; texts and addresses are found when it is delivered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{null_as_default, rules};
use crate::{
    Deduplication, Event, EventSpec, InvalidEvent, Labels, Recipient, SchemaVersion,
    open_enum::open_enum,
};

open_enum! {
    /// What a notification is about.
    pub enum NotificationKind {
        /// An order's stock is reserved.
        OrderPlaced = "order_placed",
        /// An order is refused.
        OrderRejected = "order_rejected",
        /// A payment has succeeded.
        PaymentCompleted = "payment_completed",
        /// A payment has failed.
        PaymentFailed = "payment_failed",
        /// A payment paid for nothing; the money has to go back.
        RefundDue = "refund_due",
        /// A product is running out.
        LowStock = "low_stock",
        /// An account was made.
        Welcome = "welcome",
        /// A coupon was issued.
        CouponIssued = "coupon_issued",
        /// A coupon was refused.
        CouponRefused = "coupon_refused",
        /// A reservation is to be confirmed.
        ReservationCreated = "reservation_created",
        /// A reservation is refused; its user waits.
        ReservationRefused = "reservation_refused",
        /// A reservation was not paid in time, and somebody else has its seat.
        ReservationExpired = "reservation_expired",
        /// A concert has no seats left.
        ConcertSoldOut = "concert_sold_out",
        /// A metric has crossed its threshold.
        MetricThreshold = "metric_threshold",
        /// A service has met a critical error.
        CriticalError = "critical_error",
    }
}

open_enum! {
    /// How a notification goes out.
    #[derive(Default)]
    pub enum NotificationChannel {
        /// By e-mail.
        #[default]
        Email = "email",
        /// By text message.
        Sms = "sms",
        /// To an app.
        Push = "push",
    }
}

/// Somebody is to be told something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationRequested {
    /// Who: a user id, or an address of the channel.
    pub recipient: Recipient,
    /// What it is about.
    #[serde(
        alias = "notificationType",
        alias = "notification_type",
        alias = "type"
    )]
    pub kind: NotificationKind,
    /// How it goes out; `email` where the producer does not say.
    #[serde(default, deserialize_with = "null_as_default")]
    pub channel: NotificationChannel,
    /// The language, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// What the text of this kind fills in.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Labels::is_empty"
    )]
    pub data: Labels,
}

impl Event for NotificationRequested {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "notification.requested",
        topic: "notification.notification.requested",
        alias_topics: &["notifications"],
        legacy_types: &["NOTIFICATION_REQUESTED"],
        key: "recipient",
        dedup: Deduplication::EventIdLeased,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.recipient.as_str().to_owned())
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        rules::labels("data", &self.data)
    }
}
