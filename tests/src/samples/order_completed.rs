//! The samples of `order-completed`.
//!
//! Orders are numbered as their records are, and have no Kafka key: their topic is filled round robin.

use event_schema::Event as _;
use event_schema::events::OrderCompleted;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

const FUNCTION: &str = "order-completed";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let sample =
        |case, records: Vec<KafkaRecord>| Sample::new(FUNCTION, case, Event::of(records).write());
    let mut retold = completed(3, 31, &two_lines());
    retold.offset = 32;
    let value = String::from_utf8(retold.value.take().unwrap()).unwrap();
    let retold = retold.value(value.replace("000000000031", "000000000032"));
    vec![
        sample("single", vec![completed(0, 1, &two_lines())]),
        sample(
            "duplicate",
            vec![
                completed(1, 11, &two_lines()),
                again(&completed(1, 11, &two_lines()), 12),
            ],
        ),
        sample(
            "poison",
            vec![
                completed(2, 21, &two_lines()),
                cut_off(completed(2, 22, &two_lines())),
            ],
        )
        .letter(2, 22, "invalid_json"),
        // One order that two events tell of.
        sample("told-twice", vec![completed(3, 31, &two_lines()), retold]),
        // A line without a price, and no lines at all; completed in the hour before.
        sample(
            "unpriced",
            vec![
                completed(
                    4,
                    41,
                    &json!({ "items": [
                    { "product_id": "p-1", "quantity": 2, "unit_price": "0.10" },
                    { "product_id": "p-1", "quantity": 1 }] }),
                ),
                completed(
                    4,
                    42,
                    &json!({ "total_amount": 500, "completed_at": "2026-09-21T13:59:59.999Z" }),
                ),
            ],
        ),
    ]
}

fn two_lines() -> Value {
    json!({ "total_amount": 30_000, "items": [
        { "product_id": "p-1", "quantity": 2, "unit_price": 12_000 },
        { "product_id": "p-2", "quantity": 1, "unit_price": 8_000 }] })
}

/// Record `n`: order `n` was completed.
fn completed(partition: i32, n: i64, about: &Value) -> KafkaRecord {
    let mut fields = json!({ "order_id": format!("o-{n}"), "user_id": format!("u-{n}") });
    for (name, field) in about.as_object().unwrap() {
        fields[name] = field.clone();
    }
    current(OrderCompleted::SPEC, partition, n, None, &fields)
}
