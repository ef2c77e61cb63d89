//! The sales that are counted, and the mark of an order that is counted already.
//!
//! Longer spans than an hour are added up by whoever reads.

use event_schema::{EventId, OrderId, Timestamp};
use processing::{Item, Key};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Characters of a timestamp that name its day.
const DAY_CHARACTERS: usize = "2026-11-21".len();
/// Characters of a timestamp that name its hour.
const HOUR_CHARACTERS: usize = "2026-11-21T10".len();

/// The sales of an hour: of everything, of one product, or to one user.
///
/// It comes into being by being added to, so that any number of invocations may count at the same moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sales {
    /// Completed orders.
    #[serde(default)]
    pub orders: i64,
    /// Pieces sold.
    #[serde(default)]
    pub pieces: i64,
    /// What was paid; of a product, what its lines cost.
    #[serde(default)]
    pub amount: Decimal,
    /// Orders, or pieces of a product, of which no price is known; they are not in `amount`.
    #[serde(default)]
    pub unpriced: i64,
}

/// Marks an order as counted: two events of different ids may tell of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The order.
    pub order_id: OrderId,
    /// The event that it was counted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// The hour of an instant, in UTC: `2026-11-21T10`.
#[must_use]
pub fn hour(at: Timestamp) -> String {
    at.to_string().chars().take(HOUR_CHARACTERS).collect()
}

/// The key of everything sold in an hour.
pub(crate) fn of_all(hour: &str) -> Key {
    let day: String = hour.chars().take(DAY_CHARACTERS).collect();
    Key::from((format!("day#{day}"), hour))
}

/// The key of what was sold of a product in an hour.
pub(crate) fn of_product(product_id: &str, hour: &str) -> Key {
    Key::from((format!("product#{product_id}"), hour))
}

/// The key of what was sold to a user in an hour.
pub(crate) fn of_user(user_id: &str, hour: &str) -> Key {
    Key::from((format!("user#{user_id}"), hour))
}

/// The partition key of the mark of an order.
pub(crate) fn of_order(order_id: &str) -> String {
    format!("order#{order_id}")
}

impl Item for Sales {
    const TABLE: &'static str = "sales";

    /// No key: sales are added to under a key that says whose they are, and never put, which would be refused.
    fn key(&self) -> Key {
        Key::from("")
    }
}

impl Item for Counted {
    const TABLE: &'static str = "sales";

    fn key(&self) -> Key {
        Key::from(&of_order(self.order_id.as_str()))
    }
}
