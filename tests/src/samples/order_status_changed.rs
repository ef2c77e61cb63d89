//! The samples of `order-status-changed`.
//!
//! Orders are numbered as their records are; each has two pieces of `p-1`.

use event_schema::Event as _;
use event_schema::events::OrderStatusChanged;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

const FUNCTION: &str = "order-status-changed";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let sample =
        |case, records: Vec<KafkaRecord>| Sample::new(FUNCTION, case, Event::of(records).write());
    vec![
        // Completed: the lines and what was paid are told.
        in_stock(
            sample("single", vec![to(0, 1, "completed")]),
            &[(1, "paid")],
        ),
        in_stock(
            sample(
                "duplicate",
                vec![to(1, 11, "cancelled"), again(&to(1, 11, "cancelled"), 12)],
            ),
            &[(11, "placed")],
        ),
        in_stock(
            sample(
                "poison",
                vec![to(2, 21, "completed"), cut_off(to(2, 22, "completed"))],
            ),
            &[(21, "paid"), (22, "paid")],
        )
        .letter(2, 22, "invalid_json"),
        // A placed one, a paid one and a pending one with a payment that waits for it.
        in_stock(
            sample(
                "cancelled",
                vec![
                    to(3, 31, "cancelled"),
                    to(3, 32, "cancelled"),
                    to(3, 33, "cancelled"),
                ],
            ),
            &[(31, "placed"), (32, "paid"), (33, "pending")],
        )
        .seed("payments", "order#o-33", "-", payment(33)),
        // Their functions have put them into the timeline before they published them.
        in_stock(
            sample("known", vec![to(4, 41, "placed"), to(4, 42, "paid")]),
            &[(41, "placed"), (42, "paid")],
        ),
        in_stock(
            sample(
                "impossible",
                vec![
                    to(5, 51, "completed"),
                    to(5, 52, "placed"),
                    to(5, 53, "cancelled"),
                ],
            ),
            &[(51, "placed"), (52, "pending")],
        )
        .letter(5, 51, "impossible_transition")
        .letter(5, 52, "undecided_order")
        .letter(5, 53, "unknown_order"),
    ]
}

/// Has the orders there, and their product with what they hold.
fn in_stock(sample: Sample, orders: &[(i64, &str)]) -> Sample {
    let held = |status: &str| 2 * orders.iter().filter(|(_, is)| *is == status).count();
    let product = json!({ "product_id": "p-1", "available": 100, "reserved": held("placed"),
        "sold": held("paid"), "changes": orders.len() });
    let sample = sample.seed("products", "p-1", "-", product);
    orders.iter().fold(sample, |sample, (n, status)| {
        sample.seed("orders", &format!("o-{n}"), "-", super::order(*n, status))
    })
}

fn payment(n: i64) -> Value {
    json!({ "paid_for": format!("order#o-{n}"), "outcome": "completed", "payment_id": format!("pay-{n}"),
        "amount": "30000", "happened_at": super::ORDERED_AT, "state": "waiting" })
}

/// Record `n`: order `n` has this status.
fn to(partition: i32, n: i64, status: &str) -> KafkaRecord {
    let order = format!("o-{n}");
    let fields = json!({ "order_id": order, "status": status });
    current(
        OrderStatusChanged::SPEC,
        partition,
        n,
        Some(&order),
        &fields,
    )
}
