//! `order.status-changed`: an order has moved on to another status.
//!
//! Which transitions are possible is the business of the function that keeps the timeline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Deduplication, Event, EventSpec, OrderId, SchemaVersion, UserId, open_enum::open_enum,
};

open_enum! {
    /// The status of an order.
    pub enum OrderStatus {
        /// It is accepted, but its stock is not reserved yet.
        Pending = "pending",
        /// Its stock is reserved.
        Placed = "placed",
        /// It is refused, for want of stock for instance; nothing is reserved.
        Rejected = "rejected",
        /// It is paid for.
        Paid = "paid",
        /// Its payment has failed; its stock is released.
        PaymentFailed = "payment_failed",
        /// It has reached the customer.
        Completed = "completed",
        /// It is called off; its stock is released.
        Cancelled = "cancelled",
    }
}

/// An order has another status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderStatusChanged {
    /// The order.
    #[serde(alias = "orderId")]
    pub order_id: OrderId,
    /// Whose order it is.
    #[serde(default, alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// What the order is now.
    #[serde(alias = "newStatus")]
    pub status: OrderStatus,
    /// What it was before.
    #[serde(
        default,
        alias = "previousStatus",
        alias = "oldStatus",
        skip_serializing_if = "Option::is_none"
    )]
    pub previous_status: Option<OrderStatus>,
    /// Why, as a stable code (`out_of_stock`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Counts the changes of this order; readers ignore a version older than theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl Event for OrderStatusChanged {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "order.status-changed",
        topic: "order.order.status-changed",
        alias_topics: &[],
        legacy_types: &["ORDER_STATUS_CHANGED"],
        key: "order_id",
        dedup: Deduplication::EventId,
        partitions: 6,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }
}
