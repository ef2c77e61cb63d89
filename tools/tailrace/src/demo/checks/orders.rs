//! Checks of the orders: all there, once, as sent, and decided.

use event_schema::events::OrderStatus;

use super::{Check, Evidence};
use crate::text::counted;

/// Every valid order is stored once, however often it was sent or delivered, and nothing else is.
pub(super) fn all_are_stored_once(evidence: &Evidence<'_>) -> Check {
    let (planned, stored) = (&evidence.plan.orders, &evidence.books.orders);
    let missing = planned.keys().filter(|id| !stored.contains_key(*id));
    let unknown = stored.keys().filter(|id| !planned.contains_key(*id));
    let differences: Vec<String> = missing
        .map(|id| format!("expected order {id}, found none"))
        .chain(unknown.map(|id| format!("expected no order {id}, found one")))
        .collect();
    let claim = format!(
        "{} valid records made {} orders, each stored once",
        counted(evidence.plan.valid_records()),
        counted(stored.len())
    );
    Check::of(claim, &differences)
}

/// An order holds the user and the quantities of its first record, not of one that took its event id.
pub(super) fn all_hold_what_was_sent(evidence: &Evidence<'_>) -> Check {
    let stored = &evidence.books.orders;
    let differences: Vec<String> = evidence
        .plan
        .orders
        .iter()
        .filter_map(|(id, planned)| {
            let order = stored.get(id)?;
            let is_same = order.order_id.as_str() == id
                && order.user_id == planned.user_id
                && order.quantities == planned.quantities;
            (!is_same).then(|| format!("expected order {id} as it was sent, found another content"))
        })
        .collect();
    Check::of("each order holds what was sent", &differences)
}

/// A placed order has its stock; a rejected one could not have had it.
///
/// Stock only falls here: an order that the final stock could serve could have been served at its time, too.
pub(super) fn all_are_decided_as_the_stock_allows(evidence: &Evidence<'_>) -> Check {
    let products = &evidence.books.products;
    let mut differences = Vec::new();
    let (mut placed, mut rejected) = (0_usize, 0_usize);
    for (id, order) in &evidence.books.orders {
        if order.status == OrderStatus::Placed {
            placed += 1;
            continue;
        }
        if order.status != OrderStatus::Rejected {
            differences.push(format!(
                "expected order {id} placed or rejected, found {}",
                order.status.as_str()
            ));
            continue;
        }
        rejected += 1;
        let is_short = order.quantities.iter().any(|(product, quantity)| {
            let product = products.get(product.as_str());
            product.is_none_or(|product| product.available < *quantity)
        });
        if !is_short {
            differences.push(format!(
                "expected order {id} placed, since there is stock for it, found rejected"
            ));
        }
    }
    if placed == 0 || rejected == 0 {
        differences.push(format!(
            "expected placed and rejected orders, found {} and {}",
            counted(placed),
            counted(rejected)
        ));
    }
    let claim = format!(
        "{} orders are placed, {} rejected for want of stock",
        counted(placed),
        counted(rejected)
    );
    Check::of(claim, &differences)
}
