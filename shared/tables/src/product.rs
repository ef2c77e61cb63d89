//! A product's stock.
//!
//! Prices and descriptions of products are the catalogue's business.

use event_schema::ProductId;
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

/// A product's stock, keyed by the product's id. At rest, `available + reserved + sold` is what was put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// The product.
    pub product_id: ProductId,
    /// Pieces that can be ordered; never negative.
    pub available: i64,
    /// Pieces of orders that are not paid yet.
    #[serde(default)]
    pub reserved: i64,
    /// Pieces of orders that are paid, those of completed ones included.
    #[serde(default)]
    pub sold: i64,
    /// Counts the changes of what is available.
    #[serde(default)]
    pub changes: i64,
    /// The newest change of the catalogue side that is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_version: Option<u64>,
}

impl Product {
    /// A product of which there is nothing yet.
    #[must_use]
    pub fn new(product_id: ProductId) -> Self {
        Self {
            product_id,
            available: 0,
            reserved: 0,
            sold: 0,
            changes: 0,
            catalogue_version: None,
        }
    }
}

impl Item for Product {
    const TABLE: &'static str = "products";

    fn key(&self) -> Key {
        Key::from(self.product_id.as_str())
    }
}
