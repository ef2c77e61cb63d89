//! Decides what a restock or a correction does to a product's stock.
//!
//! Pieces that are reserved or sold are not touched: only what can still be ordered is changed.

use event_schema::events::{ProductStockChanged, StockUpdated};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::Product;

/// Handles `product.stock-changed`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductStockChangedHandler;

impl Decide for ProductStockChangedHandler {
    type Event = ProductStockChanged;
    const NAME: &'static str = "product-stock-changed";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<ProductStockChanged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        let known = work.get::<Product>(event.product_id.as_str())?;
        let is_new = known.is_none();
        let mut product = known.unwrap_or_else(|| Product::new(event.product_id.clone()));
        let seen = product.catalogue_version;
        if (event.version.zip(seen)).is_some_and(|(version, seen)| version <= seen) {
            return Ok(());
        }
        let before = product.available;
        product.available = available(event, before)?;
        product.catalogue_version = event.version.or(seen);
        let delta = product.available - before;
        if delta != 0 || is_new {
            product.changes += 1;
            work.publish(StockUpdated {
                product_id: event.product_id.clone(),
                available: u64::try_from(product.available).unwrap_or(0),
                delta: Some(delta),
                version: u64::try_from(product.changes).unwrap_or(0),
                order_id: None,
            });
        }
        work.put(&product);
        Ok(())
    }
}

/// The pieces that can be ordered from now on: the number that is told counts before the difference.
fn available(event: &ProductStockChanged, before: i64) -> Result<i64, Rejection> {
    let too_many = || Rejection::permanent("too_many_pieces", "more pieces than can be counted");
    let available = match (event.available, event.delta) {
        (Some(available), _) => i64::try_from(available).map_err(|_| too_many())?,
        (None, delta) => (before.checked_add(delta.unwrap_or(0))).ok_or_else(too_many)?,
    };
    if available < 0 {
        return Err(Rejection::permanent(
            "below_zero",
            "fewer pieces can be ordered than are to be taken away",
        ));
    }
    Ok(available)
}
