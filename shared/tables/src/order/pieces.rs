//! What a change of an order's status does to the pieces that it holds: each is available, reserved or sold.
//!
//! It is said once, so that `available + reserved + sold` holds whichever function moves an order on.

use event_schema::events::{OrderStatus, StockUpdated};
use event_schema::{OrderId, ProductId};
use processing::{Rejection, Work};

use super::Order;
use crate::Product;

impl Order {
    /// Stores the order, which has just left the status `from`, and moves its pieces as that change demands.
    ///
    /// Publishes `stock.updated` for each product of which more or fewer pieces are available now. Each subtraction
    /// is guarded, so that no number of a product falls below zero.
    ///
    /// # Errors
    /// Carries a miss; pass it on with `?`.
    pub fn carry_out(&self, from: &OrderStatus, work: &mut Work<'_>) -> Result<(), Rejection> {
        work.put(self);
        let Some((source, target)) = places(from, &self.status) else {
            return Ok(());
        };
        let changes_available = [source, target].contains(&AVAILABLE);
        // Stock is peeked at, not depended on: others may order the same product meanwhile. The guard on each
        // subtraction holds what the decision rests on.
        let products: Vec<Option<Product>> = if changes_available {
            work.peek_many(self.quantities.keys().map(ProductId::as_str))?
        } else {
            Vec::new()
        };
        for (product_id, quantity) in &self.quantities {
            let key = product_id.as_str();
            work.add::<Product>(key, source, -quantity).at_least(0);
            work.add::<Product>(key, target, *quantity);
        }
        for (product, (product_id, quantity)) in products.iter().zip(&self.quantities) {
            let delta = if target == AVAILABLE {
                *quantity
            } else {
                -quantity
            };
            work.add::<Product>(product_id.as_str(), "changes", 1);
            let before = product.as_ref();
            let before = before.map_or((0, 0), |before| (before.available, before.changes));
            work.publish(stock_updated(product_id, before, delta, &self.order_id));
        }
        Ok(())
    }
}

/// Pieces that can be ordered.
const AVAILABLE: &str = "available";
/// Pieces of orders that are placed.
const RESERVED: &str = "reserved";
/// Pieces of orders that are paid, and of those that were completed.
const SOLD: &str = "sold";

/// Where an order's pieces are taken from and where they go; none if they stay where they are.
fn places(from: &OrderStatus, to: &OrderStatus) -> Option<(&'static str, &'static str)> {
    use OrderStatus as S;
    match (from, to) {
        (S::Pending, S::Placed) => Some((AVAILABLE, RESERVED)),
        (S::Placed, S::Paid) => Some((RESERVED, SOLD)),
        (S::Placed, S::PaymentFailed | S::Cancelled) => Some((RESERVED, AVAILABLE)),
        (S::Paid, S::Cancelled) => Some((SOLD, AVAILABLE)),
        _ => None,
    }
}

fn stock_updated(
    product_id: &ProductId,
    (available, changes): (i64, i64),
    delta: i64,
    order_id: &OrderId,
) -> StockUpdated {
    StockUpdated {
        product_id: product_id.clone(),
        available: u64::try_from(available.saturating_add(delta)).unwrap_or(0),
        delta: Some(delta),
        version: u64::try_from(changes.saturating_add(1)).unwrap_or(0),
        order_id: Some(order_id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_possible;

    const STATUSES: [OrderStatus; 7] = [
        OrderStatus::Pending,
        OrderStatus::Placed,
        OrderStatus::Rejected,
        OrderStatus::Paid,
        OrderStatus::PaymentFailed,
        OrderStatus::Completed,
        OrderStatus::Cancelled,
    ];

    /// Where the pieces of an order are while it has a status; before it is placed it holds none.
    fn place(status: &OrderStatus) -> &'static str {
        match status {
            OrderStatus::Placed => RESERVED,
            OrderStatus::Paid | OrderStatus::Completed => SOLD,
            _ => AVAILABLE,
        }
    }

    #[test]
    fn pieces_go_from_the_place_of_one_status_to_that_of_the_next() {
        for (from, to) in STATUSES
            .iter()
            .flat_map(|from| STATUSES.iter().map(move |to| (from, to)))
            .filter(|(from, to)| is_possible(from, to))
        {
            let expected = (place(from) != place(to)).then_some((place(from), place(to)));
            assert_eq!(places(from, to), expected, "{from} to {to}");
        }
    }
}
