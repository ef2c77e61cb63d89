//! `order.completed`: an order has reached the customer; sales are counted.
//!
//! Totals commute, so that these events need no order among themselves.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ORDER_LINES_MAX, OrderLine, null_as_default, rules};
use crate::{
    AmountSchema, Deduplication, Event, EventSpec, InvalidEvent, OrderId, SchemaVersion, Timestamp,
    UserId,
};

/// An order has reached the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCompleted {
    /// The order.
    #[serde(alias = "orderId")]
    pub order_id: OrderId,
    /// Who ordered.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// What was paid.
    #[serde(
        default,
        with = "crate::amount::optional",
        alias = "totalAmount",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<AmountSchema>")]
    pub total_amount: Option<Decimal>,
    /// When it was completed, where that is not when the event was made.
    #[serde(
        default,
        alias = "completedAt",
        skip_serializing_if = "Option::is_none"
    )]
    pub completed_at: Option<Timestamp>,
    /// What was ordered.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 50))]
    pub items: Vec<OrderLine>,
}

impl Event for OrderCompleted {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "order.completed",
        topic: "order.order.completed",
        alias_topics: &["order-completed"],
        legacy_types: &["ORDER_COMPLETED"],
        key: "none (round robin)",
        dedup: Deduplication::EventId,
        partitions: 6,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        None
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        rules::order_lines(&self.items, ORDER_LINES_MAX)?;
        rules::not_negative("total_amount", self.total_amount)
    }
}
