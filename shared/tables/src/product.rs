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
    /// Pieces of orders that are paid.
    #[serde(default)]
    pub sold: i64,
    /// Counts the changes of the stock.
    #[serde(default)]
    pub changes: i64,
}

impl Item for Product {
    const TABLE: &'static str = "products";

    fn key(&self) -> Key {
        Key::from(self.product_id.as_str())
    }
}
