//! The stock of a product as it is read: what its events add up to.
//!
//! Orders are not decided on it: it lags behind. `products` is what they are decided on.

use event_schema::events::StockUpdated;
use event_schema::{ProductId, Timestamp};
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

/// How few pieces are low stock, of products that have no bound of their own.
pub const LOW_STOCK_PIECES: i64 = 10;

/// The stock of a product, keyed by the product's id.
///
/// `available` is `opening` and every delta since; the opening is what the oldest known change found. Deltas of
/// distinct events are exact and commute, so that it is exact in the end in whichever order they arrive.
/// Producers of one product tell differences or the whole, not both: a whole may hold differences that are still to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// The product.
    pub product_id: ProductId,
    /// Pieces that can be ordered. Below zero only as long as an earlier event has not arrived.
    pub available: i64,
    /// The newest change that is in it.
    pub version: u64,
    /// Pieces before the oldest change that is in it.
    pub opening: i64,
    /// That change.
    pub opening_version: u64,
    /// So many pieces or fewer are low stock; set by whoever keeps the product, else [`LOW_STOCK_PIECES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_stock_pieces: Option<i64>,
    /// When the newest change happened.
    pub changed_at: Timestamp,
}

impl StockLevel {
    /// What an event says of a product that is not known yet.
    #[must_use]
    pub fn opened_by(event: &StockUpdated, at: Timestamp) -> Self {
        let available = pieces(event.available);
        Self {
            product_id: event.product_id.clone(),
            available,
            version: event.version,
            opening: available.saturating_sub(event.delta.unwrap_or(0)),
            opening_version: event.version,
            low_stock_pieces: None,
            changed_at: at,
        }
    }

    /// Takes in a further event.
    pub fn take_in(&mut self, event: &StockUpdated, at: Timestamp) {
        match event.delta {
            Some(delta) => {
                if event.version < self.opening_version {
                    // An older change than any so far: what it found is the better opening.
                    let opening = pieces(event.available).saturating_sub(delta);
                    let moved = opening.saturating_sub(self.opening);
                    self.available = self.available.saturating_add(moved);
                    (self.opening, self.opening_version) = (opening, event.version);
                }
                self.available = self.available.saturating_add(delta);
            }
            // A producer without deltas tells the whole; what it told before something newer is past.
            None if event.version > self.version => {
                let moved = pieces(event.available).saturating_sub(self.available);
                self.opening = self.opening.saturating_add(moved);
                self.available = pieces(event.available);
            }
            None => {}
        }
        self.version = self.version.max(event.version);
        self.changed_at = self.changed_at.max(at);
    }

    /// How few pieces are low stock.
    #[must_use]
    pub fn bound(&self) -> i64 {
        self.low_stock_pieces.unwrap_or(LOW_STOCK_PIECES)
    }
}

/// More pieces than can be counted are as good as the most that can.
fn pieces(available: u64) -> i64 {
    i64::try_from(available).unwrap_or(i64::MAX)
}

impl Item for StockLevel {
    const TABLE: &'static str = "stock";

    fn key(&self) -> Key {
        Key::from(self.product_id.as_str())
    }
}
