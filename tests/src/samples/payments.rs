//! The samples of `payment-completed` and `payment-failed`.
//!
//! Payments and their orders are numbered as their records are; each order has two pieces of `p-1`.

use event_schema::Event as _;
use event_schema::events::{PaymentCompleted, PaymentFailed};
use serde_json::json;
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

const COMPLETED: &str = "payment-completed";
const FAILED: &str = "payment-failed";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let mut samples = completed_samples();
    samples.extend(failed_samples());
    samples
}

fn completed_samples() -> Vec<Sample> {
    let sample =
        |case, records: Vec<KafkaRecord>| Sample::new(COMPLETED, case, Event::of(records).write());
    let all = |sample: Sample, orders: &[(i64, &str)]| with_orders(sample, orders);
    vec![
        all(
            sample("single", vec![completed(0, 1, 30_000)]),
            &[(1, "placed")],
        ),
        all(
            sample(
                "duplicate",
                vec![
                    completed(1, 11, 30_000),
                    again(&completed(1, 11, 30_000), 12),
                ],
            ),
            &[(11, "placed")],
        ),
        all(
            sample(
                "poison",
                vec![completed(2, 21, 30_000), cut_off(completed(2, 22, 30_000))],
            ),
            &[(21, "placed"), (22, "placed")],
        )
        .letter(2, 22, "invalid_json"),
        // Order 31 is pending, order 32 is not there: both payments wait.
        all(
            sample(
                "early",
                vec![completed(3, 31, 30_000), completed(3, 32, 30_000)],
            ),
            &[(31, "pending")],
        ),
        // Reservation 51 is paid in time, 52 after its hold, 53 is not there.
        with_seats(
            sample(
                "reservation",
                [51, 52, 53].map(|n| reserved(COMPLETED, 5, n)).to_vec(),
            ),
            &[
                (51, "2026-09-21T14:28:00.000Z"),
                (52, "2026-09-21T14:13:30.000Z"),
            ],
        ),
        // Another amount; an order that another payment paid; one that was cancelled.
        all(
            sample(
                "refused",
                vec![
                    completed(4, 41, 29_999),
                    completed(4, 42, 30_000),
                    completed(4, 43, 30_000),
                ],
            ),
            &[(41, "placed"), (43, "cancelled")],
        )
        .seed("orders", "o-42", "-", super::order(4, "paid"))
        .letter(4, 41, "amount_mismatch")
        .letter(4, 42, "already_paid")
        .letter(4, 43, "not_payable"),
    ]
}

fn failed_samples() -> Vec<Sample> {
    let sample =
        |case, records: Vec<KafkaRecord>| Sample::new(FAILED, case, Event::of(records).write());
    vec![
        with_orders(sample("single", vec![failed(0, 1)]), &[(1, "placed")]),
        with_orders(
            sample("duplicate", vec![failed(1, 11), again(&failed(1, 11), 12)]),
            &[(11, "placed")],
        ),
        with_orders(
            sample("poison", vec![failed(2, 21), cut_off(failed(2, 22))]),
            &[(21, "placed"), (22, "placed")],
        )
        .letter(2, 22, "invalid_json"),
        // Order 31 is pending, order 32 is not there: both failures wait.
        with_orders(
            sample("early", vec![failed(3, 31), failed(3, 32)]),
            &[(31, "pending")],
        ),
        // Reservation 51 holds its seat, reservation 53 is not there.
        with_seats(
            sample(
                "reservation",
                [51, 53].map(|n| reserved(FAILED, 5, n)).to_vec(),
            ),
            &[(51, "2026-09-21T14:28:00.000Z")],
        ),
        // Order 41 was paid with this very payment, order 42 holds nothing any more.
        with_orders(
            sample("late", vec![failed(4, 41), failed(4, 42)]),
            &[(41, "paid"), (42, "cancelled")],
        )
        .letter(4, 41, "payment_completed"),
    ]
}

/// Has the orders there, and their product with what those hold that are placed or paid.
fn with_orders(sample: Sample, orders: &[(i64, &str)]) -> Sample {
    let held = |status: &str| 2 * orders.iter().filter(|(_, is)| *is == status).count();
    let product = json!({ "product_id": "p-1", "available": 100, "reserved": held("placed"),
        "sold": held("paid"), "changes": orders.len() });
    let sample = sample.seed("products", "p-1", "-", product);
    orders.iter().fold(sample, |sample, (n, status)| {
        sample.seed("orders", &format!("o-{n}"), "-", super::order(*n, status))
    })
}

/// Has a concert there, and reservations of a seat each, held until then.
fn with_seats(sample: Sample, reservations: &[(i64, &str)]) -> Sample {
    let concert = json!({ "concert_id": "c-1", "available": 7, "total_seats": 10 });
    let sample = sample.seed("concerts", "c-1", "-", concert);
    reservations.iter().fold(sample, |sample, (n, until)| {
        let (id, user, seat) = (format!("r-{n}"), format!("u-{n}"), format!("A-{n}"));
        let reservation = json!({ "reservation_id": id, "user_id": user, "concert_id": "c-1",
            "seat": seat, "amount": "30000", "state": "pending",
            "booked_at": super::ORDERED_AT, "updated_at": super::ORDERED_AT });
        let held = json!({ "concert_id": "c-1", "seat": seat, "state": "held",
            "reservation_id": id, "user_id": user, "held_until": until });
        let sample = sample.seed("reservations", &id, "-", reservation);
        sample.seed("seats", "c-1", &seat, held)
    })
}

/// Record `n`: payment `n` of reservation `n` ended as this function reads of it.
fn reserved(function: &str, partition: i32, n: i64) -> KafkaRecord {
    let reservation = format!("r-{n}");
    let fields = json!({ "payment_id": format!("pay-{n}"), "reservation_id": reservation, "amount": 30_000 });
    let spec = if function == COMPLETED {
        PaymentCompleted::SPEC
    } else {
        PaymentFailed::SPEC
    };
    current(spec, partition, n, Some(&reservation), &fields)
}

/// Record `n`: payment `n` paid order `n` with so much.
fn completed(partition: i32, n: i64, amount: i64) -> KafkaRecord {
    let order = format!("o-{n}");
    let fields = json!({ "payment_id": format!("pay-{n}"), "order_id": order,
        "user_id": format!("u-{n}"), "amount": amount, "method": "card" });
    current(PaymentCompleted::SPEC, partition, n, Some(&order), &fields)
}

/// Record `n`: payment `n` of order `n` failed.
fn failed(partition: i32, n: i64) -> KafkaRecord {
    let order = format!("o-{n}");
    let fields = json!({ "payment_id": format!("pay-{n}"), "order_id": order,
        "user_id": format!("u-{n}"), "amount": 30_000, "reason": "insufficient_funds" });
    current(PaymentFailed::SPEC, partition, n, Some(&order), &fields)
}
