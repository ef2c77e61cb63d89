//! Decides what a completed order adds to the sales: of its hour, of each of its products, and of its user.
//!
//! Sales commute, so that no order waits for another; what they mean to anybody is not its business.

use std::collections::BTreeMap;

use event_schema::ProductId;
use event_schema::events::{OrderCompleted, OrderLine};
use processing::{Decide, Dedup, Key, OnPoison, Record, Rejection, Work};
use rust_decimal::Decimal;

use crate::items::{Counted, Sales, hour, of_all, of_order, of_product, of_user};

/// Handles `order.completed`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderCompletedHandler;

impl Decide for OrderCompletedHandler {
    type Event = OrderCompleted;
    const NAME: &'static str = "order-completed";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<OrderCompleted>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        let counted = work.get::<Counted>(&of_order(event.order_id.as_str()))?;
        if counted.is_some() {
            return Ok(());
        }
        work.put(&Counted {
            order_id: event.order_id.clone(),
            event_id: record.event_id.clone(),
        });
        let hour = hour(event.completed_at.unwrap_or(record.timestamp));
        let products = by_product(&event.items)?;
        let order = of_order_whole(event, &products)?;
        order.count(&of_all(&hour), work);
        order.count(&of_user(event.user_id.as_str(), &hour), work);
        for (product_id, sold) in &products {
            sold.count(&of_product(product_id.as_str(), &hour), work);
        }
        Ok(())
    }
}

/// What one order adds to sales.
#[derive(Clone, Copy, Debug, Default)]
struct Sold {
    pieces: i64,
    amount: Decimal,
    unpriced: i64,
}

impl Sold {
    /// Adds it up under a key; what is nothing is not written.
    fn count(&self, key: &Key, work: &mut Work<'_>) {
        work.add::<Sales>(key.clone(), "orders", 1);
        work.add::<Sales>(key.clone(), "pieces", self.pieces);
        if !self.amount.is_zero() {
            work.add::<Sales>(key.clone(), "amount", self.amount);
        }
        if self.unpriced > 0 {
            work.add::<Sales>(key.clone(), "unpriced", self.unpriced);
        }
    }
}

/// The lines by product: an order may name a product in several.
fn by_product(lines: &[OrderLine]) -> Result<BTreeMap<&ProductId, Sold>, Rejection> {
    let mut products: BTreeMap<&ProductId, Sold> = BTreeMap::new();
    for line in lines {
        let sold = products.entry(&line.product_id).or_default();
        let pieces = i64::from(line.quantity);
        sold.pieces += pieces;
        match line.unit_price {
            Some(price) => {
                let amount = price.checked_mul(pieces.into());
                sold.amount = sum(amount, sold.amount)?;
            }
            None => sold.unpriced += pieces,
        }
    }
    Ok(products)
}

/// The order as a whole: what was paid, else what its lines cost, if each has a price.
fn of_order_whole(
    event: &OrderCompleted,
    products: &BTreeMap<&ProductId, Sold>,
) -> Result<Sold, Rejection> {
    let mut whole = Sold::default();
    for sold in products.values() {
        whole.pieces += sold.pieces;
        whole.unpriced += sold.unpriced;
        whole.amount = sum(Some(sold.amount), whole.amount)?;
    }
    let is_known = event.total_amount.is_some() || (whole.unpriced == 0 && !products.is_empty());
    let by_lines = if is_known {
        whole.amount
    } else {
        Decimal::ZERO
    };
    Ok(Sold {
        pieces: whole.pieces,
        amount: event.total_amount.unwrap_or(by_lines),
        unpriced: i64::from(!is_known),
    })
}

fn sum(amount: Option<Decimal>, before: Decimal) -> Result<Decimal, Rejection> {
    let sum = amount.and_then(|amount| amount.checked_add(before));
    sum.ok_or_else(|| {
        Rejection::permanent(
            "amount_too_large",
            "the order costs more than a number can say",
        )
    })
}
