//! What a restock or a correction does to stock.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::StockUpdated;
use product_stock_changed::ProductStockChangedHandler;
use serde_json::{Value, json};
use tables::Product;
use testkit::{Rig, item_key};

fn shop() -> Rig<ProductStockChangedHandler> {
    let rig = Rig::new(ProductStockChangedHandler);
    let product =
        json!({ "product_id": "p-1", "available": 5, "reserved": 2, "sold": 1, "changes": 3 });
    rig.store.seed(item_key("products", "p-1", "-"), &product);
    rig
}

async fn change(rig: &Rig<ProductStockChangedHandler>, fields: Value) {
    let mut event = json!({ "product_id": "p-1" });
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    rig.send([event]).await;
}

fn stock(rig: &Rig<ProductStockChangedHandler>) -> (i64, i64, i64) {
    let product: Product = rig.item("p-1").unwrap();
    (product.available, product.reserved, product.sold)
}

/// Available, delta and version of what was told.
fn told(rig: &Rig<ProductStockChangedHandler>) -> Vec<(u64, i64, u64)> {
    let updates = rig.published::<StockUpdated>().into_iter();
    let mut told: Vec<_> = updates
        .map(|update| (update.available, update.delta.unwrap(), update.version))
        .collect();
    told.sort_by_key(|(_, _, version)| *version);
    told
}

#[tokio::test]
async fn a_restock_adds_to_what_is_available() {
    let rig = shop();
    change(&rig, json!({ "delta": 10, "reason": "restock" })).await;
    assert_eq!(stock(&rig), (15, 2, 1));
    assert_eq!(told(&rig), [(15, 10, 4)]);
}

#[tokio::test]
async fn a_count_sets_what_is_available_and_leaves_what_is_reserved_and_sold() {
    let rig = shop();
    change(&rig, json!({ "available": 3, "delta": 100 })).await;
    assert_eq!(
        stock(&rig),
        (3, 2, 1),
        "the number counts, not the difference"
    );
    assert_eq!(told(&rig), [(3, -2, 4)]);
}

#[tokio::test]
async fn a_change_that_is_not_newer_than_the_newest_is_passed_over() {
    let rig = shop();
    change(&rig, json!({ "delta": 10, "version": 7 })).await;
    for fields in [
        json!({ "available": 1, "version": 6 }),
        json!({ "delta": 10, "version": 7 }),
    ] {
        change(&rig, fields).await;
    }
    assert_eq!(stock(&rig), (15, 2, 1));
    assert_eq!(told(&rig).len(), 1);
    assert!(rig.codes().is_empty());
    // One without a version cannot be old, and does not make the next one so.
    change(&rig, json!({ "delta": 1 })).await;
    change(&rig, json!({ "delta": 2, "version": 8 })).await;
    assert_eq!(stock(&rig), (18, 2, 1));
}

#[tokio::test]
async fn stock_never_falls_below_zero() {
    let rig = shop();
    change(&rig, json!({ "delta": -5 })).await;
    assert_eq!(stock(&rig), (0, 2, 1));
    change(&rig, json!({ "delta": -1, "version": 9 })).await;
    assert_eq!(rig.codes(), ["below_zero"]);
    assert_eq!(stock(&rig), (0, 2, 1));
    change(&rig, json!({ "delta": 1, "version": 8 })).await;
    assert_eq!(
        stock(&rig),
        (1, 2, 1),
        "a refused version counts as not seen"
    );
}

#[tokio::test]
async fn an_unknown_product_comes_into_being() {
    for (fields, available) in [
        (json!({ "available": 8 }), 8),
        (json!({ "delta": 8 }), 8),
        (json!({ "available": 0 }), 0),
    ] {
        let rig = Rig::new(ProductStockChangedHandler);
        change(&rig, fields).await;
        assert_eq!(stock(&rig), (available, 0, 0));
        assert_eq!(told(&rig), [(available.unsigned_abs(), available, 1)]);
    }
    let rig = Rig::new(ProductStockChangedHandler);
    change(&rig, json!({ "delta": -1 })).await;
    assert_eq!(rig.codes(), ["below_zero"]);
    assert!(rig.store.table("products").is_empty());
}

#[tokio::test]
async fn a_count_that_finds_what_is_known_is_not_told() {
    let rig = shop();
    change(&rig, json!({ "available": 5, "version": 3 })).await;
    let product: Product = rig.item("p-1").unwrap();
    assert_eq!((product.changes, product.catalogue_version), (3, Some(3)));
    assert!(told(&rig).is_empty());
}

#[tokio::test]
async fn more_pieces_than_can_be_counted_are_a_dead_letter() {
    let rig = shop();
    change(&rig, json!({ "available": u64::MAX })).await;
    change(&rig, json!({ "delta": i64::MAX })).await;
    assert_eq!(rig.codes(), ["too_many_pieces", "too_many_pieces"]);
    assert_eq!(stock(&rig), (5, 2, 1));
}
