//! `product.stock-changed`: the catalogue side has restocked a product or corrected its stock.
//!
//! It asks for a change; `stock.updated` then says what the stock is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Deduplication, Event, EventSpec, InvalidEvent, ProductId, SchemaVersion, open_enum::open_enum,
};

open_enum! {
    /// Why stock is changed from the catalogue side.
    pub enum StockChangeReason {
        /// Goods have come in.
        Restock = "restock",
        /// Somebody has counted.
        Correction = "correction",
        /// A customer has sent goods back.
        Return = "return",
    }
}

/// The stock of a product is to be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProductStockChanged {
    /// The product.
    #[serde(alias = "productId")]
    pub product_id: ProductId,
    /// How many there are now, which sets the stock; this or `delta` is there, and this one counts.
    #[serde(
        default,
        alias = "availableStock",
        alias = "stock",
        skip_serializing_if = "Option::is_none"
    )]
    pub available: Option<u64>,
    /// How many there are more than before, which is added to the stock; fewer is negative.
    #[serde(
        default,
        alias = "quantity",
        alias = "qty",
        skip_serializing_if = "Option::is_none"
    )]
    pub delta: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StockChangeReason>,
    /// Counts the changes of the catalogue side; readers ignore a version older than theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl Event for ProductStockChanged {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "product.stock-changed",
        topic: "product.stock.changed",
        alias_topics: &["product-activity"],
        legacy_types: &["PRODUCT_STOCK_CHANGED", "STOCK_CHANGED"],
        key: "product_id",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.product_id.to_string())
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        if self.available.is_none() && self.delta.is_none() {
            return Err(InvalidEvent::new(
                "available",
                "required unless `delta` is there",
            ));
        }
        Ok(())
    }
}
