//! Orders: placed or rejected, paid or not, delivered, and the stock under them.
//!
//! Which orders get the last pieces of a scarce product depends on how partitions were read; everything else follows.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::ProductId;
use event_schema::events::{
    OrderCompleted, OrderCreated, OrderStatus, OrderStatusChanged, StockUpdated,
};
use tables::{Order, Product};

use crate::demo::checks::Check;
use crate::demo::evidence::Evidence;
use crate::demo::plan::{Payment, PlannedOrder};
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Characters of a bar.
const BAR_WIDTH: usize = 24;

/// The orders and products of the tables, and the items that are none.
struct Shop {
    orders: BTreeMap<String, Order>,
    products: BTreeMap<String, Product>,
    unreadable: Vec<String>,
}

impl Shop {
    fn read(evidence: &Evidence<'_>) -> Self {
        let mut shop = Self {
            orders: BTreeMap::new(),
            products: BTreeMap::new(),
            unreadable: Vec::new(),
        };
        for ((id, _), body) in evidence.items("orders") {
            match serde_json::from_value(body.clone().into()) {
                Ok(order) => {
                    shop.orders.insert(id.clone(), order);
                }
                Err(error) => shop.unreadable.push(format!("order {id}: {error}")),
            }
        }
        for ((id, _), body) in evidence.items("products") {
            match serde_json::from_value(body.clone().into()) {
                Ok(product) => {
                    shop.products.insert(id.clone(), product);
                }
                Err(error) => shop.unreadable.push(format!("product {id}: {error}")),
            }
        }
        shop
    }

    /// Pieces of each product in orders of this status.
    fn pieces(&self, status: &OrderStatus) -> BTreeMap<&ProductId, i64> {
        let mut pieces = BTreeMap::new();
        let orders = self.orders.values();
        for order in orders.filter(|order| order.status == *status) {
            for (product, quantity) in &order.quantities {
                *pieces.entry(product).or_default() += quantity;
            }
        }
        pieces
    }
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let shop = Shop::read(evidence);
    vec![
        all_are_stored_once(evidence, &shop),
        all_are_where_their_payment_leads(evidence, &shop),
        rejected_ones_could_not_have_been_served(&shop),
        timelines_are_walks(&shop),
        stock_balances(evidence, &shop),
        stock_events_add_up(evidence, &shop),
        statuses_are_told(evidence, &shop),
        completions_are_told(evidence, &shop),
    ]
}

/// Every valid order is stored once, as it was first sent, however often it was sent or delivered.
fn all_are_stored_once(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let mut sent = BTreeMap::new();
    for found in evidence.distinct::<OrderCreated>() {
        let order = found.event;
        let mut quantities: BTreeMap<ProductId, i64> = BTreeMap::new();
        for line in &order.items {
            *quantities.entry(line.product_id.clone()).or_default() += i64::from(line.quantity);
        }
        let id = order.order_id.map(|id| id.to_string());
        sent.insert(id.unwrap_or_default(), (order.user_id, quantities));
    }
    let stored = shop.orders.iter();
    let stored: BTreeMap<_, _> = stored
        .map(|(id, order)| {
            (
                id.clone(),
                (order.user_id.clone(), order.quantities.clone()),
            )
        })
        .collect();
    let records = evidence.all::<OrderCreated>().len();
    let claim = format!(
        "{} records of orders made {} orders, each stored once and as it was sent",
        counted(records),
        counted(stored.len())
    );
    let mut check = Check::same(claim, &sent, &stored);
    if sent.len() != evidence.plan.orders.len() {
        let problem = format!(
            "{} orders were planned, {} sent",
            evidence.plan.orders.len(),
            sent.len()
        );
        check.problem.get_or_insert(problem);
    }
    if let Some(unreadable) = shop.unreadable.first() {
        check.problem.get_or_insert_with(|| unreadable.clone());
    }
    check
}

/// An order that was placed ends where its payment leads.
fn all_are_where_their_payment_leads(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let expected: BTreeMap<&str, &str> = (evidence.plan.orders.iter())
        .map(|(id, planned)| (id.as_str(), expected_status(id, planned, shop)))
        .collect();
    let found = shop.orders.iter();
    let found: BTreeMap<&str, &str> = found
        .map(|(id, order)| (id.as_str(), order.status.as_str()))
        .collect();
    let count = |status: &str| counted(found.values().filter(|found| **found == status).count());
    let claim = format!(
        "{} orders are completed, {} could not be paid, {} are rejected; none is left on the way",
        count("completed"),
        count("payment_failed"),
        count("rejected")
    );
    Check::same(claim, &expected, &found)
}

fn expected_status(id: &str, planned: &PlannedOrder, shop: &Shop) -> &'static str {
    let is_rejected = |order: &Order| order.status == OrderStatus::Rejected;
    match planned.payment {
        _ if shop.orders.get(id).is_some_and(is_rejected) => "rejected",
        Payment::Declined => "payment_failed",
        Payment::Accepted | Payment::Early => "completed",
    }
}

/// Scarce stock only falls here: an order that the final stock could serve could have been served at its time, too.
fn rejected_ones_could_not_have_been_served(shop: &Shop) -> Check {
    let rejected = shop.orders.iter();
    let rejected: Vec<_> = rejected
        .filter(|(_, order)| order.status == OrderStatus::Rejected)
        .collect();
    let could_be = |order: &Order| {
        order.quantities.iter().all(|(id, quantity)| {
            let product = shop.products.get(id.as_str());
            product.is_some_and(|product| product.available >= *quantity)
        })
    };
    let mut differences: Vec<_> = rejected
        .iter()
        .filter(|(_, order)| could_be(order))
        .map(|(id, _)| format!("expected order {id} placed, since there is stock for it"))
        .collect();
    if rejected.is_empty() {
        differences.push("expected rejected orders, found none".to_owned());
    }
    Check::of(
        format!(
            "{} rejected orders found too little stock",
            counted(rejected.len())
        ),
        &differences,
    )
}

/// A timeline goes from status to status as orders do, and ends where the order is.
fn timelines_are_walks(shop: &Shop) -> Check {
    let walks: [&[&str]; 4] = [
        &["placed", "paid", "completed"],
        &["placed", "payment_failed"],
        &["rejected"],
        &["pending", "placed", "paid", "completed"],
    ];
    let differences = shop.orders.iter().filter_map(|(id, order)| {
        let entries = order.timeline.iter();
        let walk: Vec<&str> = entries.map(|entry| entry.status.as_str()).collect();
        let is_walk = walks.contains(&&walk[..]) && walk.last() == Some(&order.status.as_str());
        (!is_walk).then(|| format!("order {id} went {}", walk.join(", ")))
    });
    Check::of(
        "every timeline is a walk from status to status, without a step twice or missing",
        &differences.collect::<Vec<_>>(),
    )
}

/// Pieces put in are available, reserved or sold; what is sold is what completed orders hold, and nothing is
/// reserved any more.
fn stock_balances(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let sold = shop.pieces(&OrderStatus::Completed);
    let expected: BTreeMap<String, [i64; 3]> = (evidence.plan.products.iter())
        .map(|(id, stock)| {
            let sold = sold.get(id).copied().unwrap_or(0);
            (id.to_string(), [stock.pieces - sold, 0, sold])
        })
        .collect();
    let found = shop.products.iter();
    let found: BTreeMap<String, [i64; 3]> = found
        .map(|(id, one)| (id.clone(), [one.available, one.reserved, one.sold]))
        .collect();
    let pieces: i64 = sold.values().sum();
    let claim = format!(
        "{} products: initial = available + sold, {} pieces sold, none reserved any more",
        counted(found.len()),
        grouped(pieces)
    );
    let mut check = Check::same(claim, &expected, &found);
    if let Some((id, _)) = found.iter().find(|(_, one)| one.iter().any(|n| *n < 0)) {
        check
            .problem
            .get_or_insert(format!("{id} has less than none"));
    }
    check
}

/// The deltas of `stock.updated` add up to what became of the stock.
fn stock_events_add_up(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let mut told: BTreeMap<String, i64> = BTreeMap::new();
    let events = evidence.distinct::<StockUpdated>();
    for found in &events {
        let change = told.entry(found.event.product_id.to_string()).or_default();
        *change += found.event.delta.unwrap_or(0);
    }
    told.retain(|_, change| *change != 0);
    let mut became: BTreeMap<String, i64> = BTreeMap::new();
    for (id, stock) in &evidence.plan.products {
        let available = shop
            .products
            .get(id.as_str())
            .map_or(0, |one| one.available);
        became.insert(id.to_string(), available - stock.pieces);
    }
    became.retain(|_, change| *change != 0);
    let claim = format!(
        "the deltas of {} stock.updated add up to what became of the stock",
        counted(events.len())
    );
    Check::same(claim, &became, &told)
}

/// Every status that an order took on is told once.
fn statuses_are_told(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for found in evidence.distinct::<OrderStatusChanged>() {
        let status = found.event.status.as_str().to_owned();
        *told
            .entry((found.event.order_id.to_string(), status))
            .or_default() += 1;
    }
    let mut taken: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (id, order) in &shop.orders {
        for entry in &order.timeline {
            let status = entry.status.as_str().to_owned();
            *taken.entry((id.clone(), status)).or_default() += 1;
        }
    }
    let claim = format!(
        "{} order.status-changed: one for each status of each order",
        counted(told.values().sum())
    );
    Check::same(claim, &taken, &told)
}

/// Every completed order is told of once, with what was paid.
fn completions_are_told(evidence: &Evidence<'_>, shop: &Shop) -> Check {
    let told: Vec<_> = evidence.distinct::<OrderCompleted>();
    let distinct: BTreeSet<_> = (told.iter())
        .map(|found| found.event.order_id.to_string())
        .collect();
    let amounts: BTreeMap<_, _> = (told.iter())
        .map(|found| (found.event.order_id.to_string(), found.event.total_amount))
        .collect();
    let completed = shop.orders.iter();
    let completed: BTreeMap<_, _> = completed
        .filter(|(_, order)| order.status == OrderStatus::Completed)
        .map(|(id, order)| (id.clone(), order.total_amount))
        .collect();
    let claim = format!(
        "{} order.completed: one for each completed order, with its amount",
        counted(told.len())
    );
    let mut check = Check::same(claim, &completed, &amounts);
    if distinct.len() != told.len() {
        check
            .problem
            .get_or_insert("an order is told of twice".to_owned());
    }
    check
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    let shop = Shop::read(evidence);
    let all = shop.orders.len();
    screen.heading("Orders")?;
    let mut table = Table::new(&[true, false, true]);
    for status in ["completed", "payment_failed", "rejected"] {
        let orders = shop.orders.values();
        let count = orders
            .filter(|order| order.status.as_str() == status)
            .count();
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let picture = bar(wide(count), wide(all), BAR_WIDTH);
        table.row([status, &counted(count), &picture]);
    }
    screen.line(&table.lay_out())?;
    screen.heading("Stock")?;
    screen.line(&stock(evidence, &shop).lay_out())
}

/// The scarce products one by one, all others in one row.
fn stock(evidence: &Evidence<'_>, shop: &Shop) -> Table {
    let mut table = Table::new(&[true, false, false, false, true]);
    table.row(["product", "initial", "available", "sold", "sold"]);
    let mut others = [0; 3];
    let mut count = 0_usize;
    for (id, stock) in &evidence.plan.products {
        let Some(product) = shop.products.get(id.as_str()) else {
            continue;
        };
        let numbers = [stock.pieces, product.available, product.sold];
        if stock.is_scarce {
            stock_row(&mut table, id.as_str(), numbers);
        } else {
            count += 1;
            for (sum, number) in others.iter_mut().zip(numbers) {
                *sum += number;
            }
        }
    }
    stock_row(&mut table, &format!("{} others", counted(count)), others);
    table
}

fn stock_row(table: &mut Table, what: &str, numbers: [i64; 3]) {
    let [initial, _, sold] = numbers.map(|number| u64::try_from(number).unwrap_or(0));
    let mut cells = vec![what.to_owned()];
    cells.extend(numbers.map(grouped));
    cells.push(bar(sold, initial, BAR_WIDTH));
    table.row(cells);
}
