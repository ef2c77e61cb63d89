//! `stock.updated`: how much of a product is available now.
//!
//! `delta` is exact and commutes: a reader that adds up the deltas of distinct events has the exact stock.
//! `available` and `version` are the state as the producer's decision saw it; where several decisions change
//! one product at the same moment, they may carry the same version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Deduplication, Event, EventSpec, OrderId, ProductId, SchemaVersion};

/// The stock of a product is another than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockUpdated {
    /// The product.
    #[serde(alias = "productId")]
    pub product_id: ProductId,
    /// How many can be ordered, as the producer saw it.
    #[serde(alias = "availableStock", alias = "stock")]
    pub available: u64,
    /// By how much that is more than before; less is negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// Counts the changes of this product's stock; readers of `available` ignore a version older than theirs.
    pub version: u64,
    /// The order that changed it.
    #[serde(default, alias = "orderId", skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

impl Event for StockUpdated {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "stock.updated",
        topic: "inventory.stock.updated",
        alias_topics: &[],
        legacy_types: &["STOCK_UPDATED"],
        key: "product_id",
        dedup: Deduplication::EventId,
        partitions: 6,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.product_id.to_string())
    }
}
