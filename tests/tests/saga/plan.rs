//! What happens to a shop, drawn from a seed: events, their copies, and the order in which they arrive.
//!
//! Topics have no common order, so an event may arrive before what it is about.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::Random;

use crate::shop::{AT, Function};

/// The orders of a plan.
pub(crate) const ORDERS: u64 = 6;
/// The products of a plan.
pub(crate) const PRODUCTS: u64 = 3;
/// Changes of stock from the catalogue side, beside the first of each product.
const STOCK_CHANGES: u64 = 5;
/// Of a hundred events so many arrive a second time.
const COPIES_PERCENT: u64 = 25;
/// Places between two events that belong together, where nothing is late.
const STRIDE: u64 = 100;

/// An order as it is planned.
#[derive(Clone, Debug)]
pub(crate) struct PlannedOrder {
    pub(crate) quantities: BTreeMap<String, i64>,
    pub(crate) total: i64,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// `orders-api` stores the order; no event of the saga.
    Pending { order: u64 },
    /// The order; a further one of another id is refused.
    Created { order: u64 },
    /// A payment succeeded.
    Paid {
        order: u64,
        payment: u64,
        amount: i64,
    },
    /// A payment failed.
    Failed { order: u64, payment: u64 },
    /// Somebody tells of a status.
    Status { order: u64, status: &'static str },
    /// The catalogue side changes stock.
    Stock {
        product: String,
        change: Change,
        version: Option<u64>,
    },
}

/// A change of stock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    To(i64),
    By(i64),
}

/// An event with its number, which makes its id.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) number: usize,
    pub(crate) what: What,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) orders: Vec<PlannedOrder>,
    /// In the order of arrival.
    pub(crate) arrivals: Vec<Happening>,
}

impl Plan {
    /// Draws a plan.
    pub(crate) fn new(random: &mut Random) -> Self {
        let orders: Vec<_> = (0..ORDERS).map(|n| planned_order(n, random)).collect();
        // How late events arrive: not at all, a little, or anyhow.
        let jitter = [1, STRIDE * 3, STRIDE * 20][place(random.below(3))];
        let mut arrivals = Vec::new();
        let mut number = 0;
        let mut arrive = |at: u64, what: What, random: &mut Random| {
            let happening = Happening { number, what };
            number += 1;
            arrivals.push((at + random.below(jitter), happening.clone()));
            if random.below(100) < COPIES_PERCENT {
                arrivals.push((at + random.below(jitter * 2), happening));
            }
        };
        for product in 0..PRODUCTS {
            let change = Change::To(number_of(random.below(12)));
            arrive(0, stock(product, change, Some(1)), random);
        }
        for n in 0..STOCK_CHANGES {
            let (product, pieces) = (random.below(PRODUCTS), number_of(random.below(9)));
            let change = match random.below(3) {
                0 => Change::To(pieces),
                1 => Change::By(pieces),
                _ => Change::By(-pieces),
            };
            let version = (random.below(3) > 0).then(|| 1 + random.below(4));
            arrive(n * 2 * STRIDE, stock(product, change, version), random);
        }
        for (n, order) in (0..).zip(&orders) {
            let started = (n + 1) * STRIDE;
            for (after, what) in story(n, order, random) {
                arrive(started + after * STRIDE, what, random);
            }
        }
        arrivals.sort_by_key(|(at, happening)| (*at, happening.number));
        let arrivals = arrivals.into_iter().map(|(_, happening)| happening);
        Self {
            orders,
            arrivals: arrivals.collect(),
        }
    }

    /// The order as its event tells of it, and as it is stored while it is pending.
    pub(crate) fn order(&self, order: u64) -> Value {
        let planned = &self.orders[place(order)];
        let lines = planned.quantities.iter().map(|(product, quantity)| {
            json!({ "product_id": product, "quantity": quantity, "unit_price": "1.50" })
        });
        json!({ "order_id": order_id(order), "user_id": format!("u-{order}"),
            "total_amount": planned.total.to_string(), "quantities": planned.quantities,
            "items": lines.collect::<Vec<_>>(), "ordered_at": AT, "updated_at": AT })
    }

    /// Where an event goes and what it says; none of what is no event.
    pub(crate) fn event(&self, happening: &Happening) -> Option<(Function, Value)> {
        let (function, mut value) = match &happening.what {
            What::Pending { .. } => return None,
            What::Created { order } => (Function::OrderCreated, self.order(*order)),
            What::Paid {
                order,
                payment,
                amount,
            } => (
                Function::PaymentCompleted,
                json!({ "order_id": order_id(*order), "payment_id": payment_id(*order, *payment),
                    "amount": amount }),
            ),
            What::Failed { order, payment } => (
                Function::PaymentFailed,
                json!({ "order_id": order_id(*order), "payment_id": payment_id(*order, *payment),
                    "reason": "insufficient_funds" }),
            ),
            What::Status { order, status } => (
                Function::StatusChanged,
                json!({ "order_id": order_id(*order), "status": status }),
            ),
            What::Stock {
                product,
                change,
                version,
            } => {
                let mut value = json!({ "product_id": product });
                match change {
                    Change::To(pieces) => value["available"] = json!(pieces),
                    Change::By(pieces) => value["delta"] = json!(pieces),
                }
                if let Some(version) = version {
                    value["version"] = json!(version);
                }
                (Function::ProductStockChanged, value)
            }
        };
        value["event_id"] = json!(format!("e-{}", happening.number));
        value["timestamp"] = json!(AT);
        Some((function, value))
    }
}

/// What happens to an order, with how long after its beginning.
fn story(order: u64, planned: &PlannedOrder, random: &mut Random) -> Vec<(u64, What)> {
    let mut story = Vec::new();
    if random.below(2) == 0 {
        story.push((0, What::Pending { order }));
    }
    story.push((1, What::Created { order }));
    if random.below(6) == 0 {
        story.push((2, What::Created { order }));
    }
    for payment in 0..random.below(3) {
        let amount = planned.total - i64::from(random.below(5) == 0);
        let what = match random.below(3) {
            0 => What::Failed { order, payment },
            _ => What::Paid {
                order,
                payment,
                amount,
            },
        };
        story.push((3, what));
    }
    // Sometimes both are told of one payment.
    if random.below(6) == 0 {
        story.push((3, What::Failed { order, payment: 0 }));
    }
    let statuses = [
        "cancelled",
        "completed",
        "completed",
        "paid",
        "placed",
        "payment_failed",
    ];
    for _ in 0..random.below(3) {
        let status = statuses[place(random.below(6))];
        story.push((2 + random.below(5), What::Status { order, status }));
    }
    story
}

fn planned_order(n: u64, random: &mut Random) -> PlannedOrder {
    let products = 1 + random.below(2);
    let quantities = (0..products).map(|_| {
        let product = product_id(random.below(PRODUCTS));
        (product, 1 + number_of(random.below(3)))
    });
    PlannedOrder {
        quantities: quantities.collect(),
        total: 100 * (number_of(n) + 1),
    }
}

fn stock(product: u64, change: Change, version: Option<u64>) -> What {
    let product = product_id(product);
    What::Stock {
        product,
        change,
        version,
    }
}

pub(crate) fn order_id(order: u64) -> String {
    format!("o-{order}")
}

pub(crate) fn product_id(product: u64) -> String {
    format!("p-{product}")
}

fn payment_id(order: u64, payment: u64) -> String {
    format!("pay-{order}-{payment}")
}

fn number_of(drawn: u64) -> i64 {
    i64::try_from(drawn).unwrap()
}

fn place(drawn: u64) -> usize {
    usize::try_from(drawn).unwrap()
}
