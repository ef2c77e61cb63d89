//! Checks of the stock: the balance is exact.

use std::collections::BTreeMap;

use event_schema::ProductId;
use event_schema::events::OrderStatus;

use super::{Check, Evidence};
use crate::text::{counted, grouped};

/// Pieces put in are available, reserved or sold; none is owed.
pub(super) fn nothing_is_lost_or_negative(evidence: &Evidence<'_>) -> Check {
    let (planned, found) = (&evidence.plan.products, &evidence.books.products);
    let mut differences = Vec::new();
    for (id, stock) in planned {
        let Some(product) = found.get(id.as_str()) else {
            differences.push(format!("expected product {id}, found none"));
            continue;
        };
        let pieces = product.available + product.reserved + product.sold;
        if pieces != stock.pieces || product.available < 0 || product.reserved < 0 {
            differences.push(format!(
                "expected {} pieces of {id}, found {} available + {} reserved + {} sold",
                grouped(stock.pieces),
                grouped(product.available),
                grouped(product.reserved),
                grouped(product.sold)
            ));
        }
    }
    let known = planned.keys().map(ProductId::as_str).collect::<Vec<_>>();
    let unknown = found.keys().filter(|id| !known.contains(&id.as_str()));
    differences.extend(unknown.map(|id| format!("expected no product {id}, found one")));
    let claim = format!(
        "{} products: initial = available + reserved + sold, none below 0",
        counted(planned.len())
    );
    Check::of(claim, &differences)
}

/// What is reserved of a product is what placed orders hold of it.
pub(super) fn reserved_is_what_placed_orders_hold(evidence: &Evidence<'_>) -> Check {
    let held = placed(evidence);
    let sum: i64 = held.values().map(|held| held.pieces).sum();
    let differences = compared(evidence, "reserved pieces", |id, reserved, _| {
        (held.get(id).map_or(0, |held| held.pieces), reserved)
    });
    let claim = format!(
        "{} reserved pieces are those of placed orders",
        grouped(sum)
    );
    Check::of(claim, &differences)
}

/// A product was changed once by each placed order of it: no effect came twice, none is missing.
pub(super) fn each_placed_order_took_effect_once(evidence: &Evidence<'_>) -> Check {
    let held = placed(evidence);
    let differences = compared(evidence, "changes", |id, _, changes| {
        (held.get(id).map_or(0, |held| held.orders), changes)
    });
    Check::of(
        "each placed order changed each of its products once",
        &differences,
    )
}

/// What placed orders hold of a product.
#[derive(Default)]
struct Held {
    pieces: i64,
    orders: i64,
}

fn placed<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, Held> {
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    let orders = evidence.books.orders.values();
    for order in orders.filter(|order| order.status == OrderStatus::Placed) {
        for (product, quantity) in &order.quantities {
            let held = held.entry(product.as_str()).or_default();
            held.pieces += quantity;
            held.orders += 1;
        }
    }
    held
}

/// Compares a number of each product; `numbers` gets id, reserved and changes, and gives expected and found.
fn compared(
    evidence: &Evidence<'_>,
    what: &str,
    numbers: impl Fn(&str, i64, i64) -> (i64, i64),
) -> Vec<String> {
    let products = evidence.books.products.iter();
    let differences = products.filter_map(|(id, product)| {
        let (expected, found) = numbers(id, product.reserved, product.changes);
        (expected != found).then(|| {
            format!(
                "expected {} {what} of {id}, found {}",
                grouped(expected),
                grouped(found)
            )
        })
    });
    differences.collect()
}
