//! The samples of `stock-updated` and `product-stock-changed`.
//!
//! Each case has products of its own.

use event_schema::Event as _;
use event_schema::events::{ProductStockChanged, StockUpdated};
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

const UPDATED: &str = "stock-updated";
const CHANGED: &str = "product-stock-changed";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let mut samples = updated_samples();
    samples.extend(changed_samples());
    samples
}

fn updated_samples() -> Vec<Sample> {
    let sample =
        |case, records: Vec<KafkaRecord>| Sample::new(UPDATED, case, Event::of(records).write());
    let one = |n, product: &str, available: i64, delta: i64, version: i64| {
        let about = json!({ "available": available, "delta": delta, "version": version });
        updated(0, n, product, &about)
    };
    vec![
        sample("single", vec![one(1, "p-1", 98, -2, 1)]),
        sample(
            "duplicate",
            vec![
                one(11, "p-11", 98, -2, 1),
                again(&one(11, "p-11", 98, -2, 1), 12),
            ],
        ),
        sample(
            "poison",
            vec![
                one(21, "p-21", 98, -2, 1),
                cut_off(one(22, "p-21", 97, -1, 2)),
            ],
        )
        .letter(0, 22, "invalid_json"),
        // Low, lower, restocked, and low again: told twice.
        sample(
            "low",
            vec![
                one(31, "p-31", 10, -5, 1),
                one(32, "p-31", 9, -1, 2),
                one(33, "p-31", 59, 50, 3),
                one(34, "p-31", 4, -55, 4),
            ],
        ),
        // The third change first, and two that saw the same stock: 100 - 3 - 5 + 50 in the end.
        sample(
            "out-of-order",
            vec![
                one(41, "p-41", 142, 50, 3),
                one(42, "p-41", 97, -3, 1),
                one(43, "p-41", 95, -5, 1),
            ],
        ),
        // A producer that tells no differences: the second is older than the first.
        sample(
            "without-delta",
            vec![
                updated(0, 51, "p-51", &json!({ "available": 40, "version": 5 })),
                updated(0, 52, "p-51", &json!({ "available": 60, "version": 4 })),
            ],
        ),
    ]
}

fn changed_samples() -> Vec<Sample> {
    let sample = |case, records: Vec<KafkaRecord>| {
        let sample = Sample::new(CHANGED, case, Event::of(records).write());
        let product =
            json!({ "product_id": "p-1", "available": 5, "reserved": 2, "sold": 1, "changes": 3 });
        sample.seed("products", "p-1", "-", product)
    };
    let one = |n, about: Value| changed(0, n, "p-1", &about);
    let restock = json!({ "delta": 10, "reason": "restock", "version": 1 });
    vec![
        sample("single", vec![one(1, restock.clone())]),
        sample(
            "duplicate",
            vec![
                one(11, restock.clone()),
                again(&one(11, restock.clone()), 12),
            ],
        ),
        sample(
            "poison",
            vec![one(21, restock.clone()), cut_off(one(22, restock.clone()))],
        )
        .letter(0, 22, "invalid_json"),
        sample(
            "count",
            vec![one(31, json!({ "available": 3, "reason": "correction" }))],
        ),
        // A restock, told once more as another event, and one that is older.
        sample(
            "old-version",
            vec![
                one(41, json!({ "delta": 10, "version": 2 })),
                one(42, json!({ "delta": 10, "version": 2 })),
                one(43, json!({ "available": 1, "version": 1 })),
            ],
        ),
        sample(
            "new-product",
            vec![changed(0, 51, "p-51", &json!({ "available": 8 }))],
        ),
        sample(
            "below-zero",
            vec![one(61, json!({ "delta": -6, "reason": "correction" }))],
        )
        .letter(0, 61, "below_zero"),
    ]
}

/// Record `n`: the stock of a product was changed.
fn updated(partition: i32, n: i64, product: &str, about: &Value) -> KafkaRecord {
    current(
        StockUpdated::SPEC,
        partition,
        n,
        Some(product),
        &of(product, about),
    )
}

/// Record `n`: the stock of a product is to be changed.
fn changed(partition: i32, n: i64, product: &str, about: &Value) -> KafkaRecord {
    current(
        ProductStockChanged::SPEC,
        partition,
        n,
        Some(product),
        &of(product, about),
    )
}

fn of(product: &str, about: &Value) -> Value {
    let mut fields = json!({ "product_id": product });
    for (name, field) in about.as_object().unwrap() {
        fields[name] = field.clone();
    }
    fields
}
