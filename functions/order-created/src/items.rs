//! The items of this function: an order, and a product's stock.
//!
//! They hold what is decided on. Prices and descriptions of products are the catalogue's business.

use std::collections::BTreeMap;

use event_schema::events::OrderStatus;
use event_schema::{OrderId, ProductId, Timestamp, UserId};
use processing::{Item, Key};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An order as it is stored, keyed by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Who ordered.
    pub user_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it stands there, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the customer is to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_amount: Option<Decimal>,
    /// Pieces by product.
    pub quantities: BTreeMap<ProductId, i64>,
    /// When the customer ordered.
    pub ordered_at: Timestamp,
    /// When the status was set.
    pub updated_at: Timestamp,
}

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

impl Item for Order {
    const TABLE: &'static str = "orders";

    fn key(&self) -> Key {
        Key::from(self.order_id.as_str())
    }
}

impl Item for Product {
    const TABLE: &'static str = "products";

    fn key(&self) -> Key {
        Key::from(self.product_id.as_str())
    }
}
