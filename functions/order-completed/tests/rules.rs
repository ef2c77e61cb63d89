//! What a completed order adds to the sales of its hour, its products and its user.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use order_completed::{OrderCompletedHandler, Sales};
use serde_json::{Value, json};
use testkit::Rig;

const HOUR: &str = "2026-11-21T10";

async fn completed(order_id: &str, fields: Value) -> Rig<OrderCompletedHandler> {
    let rig = Rig::new(OrderCompletedHandler);
    rig.send([event(order_id, &fields)]).await;
    rig
}

fn event(order_id: &str, fields: &Value) -> Value {
    let mut event = json!({ "order_id": order_id, "user_id": "u-1",
        "timestamp": "2026-11-21T10:59:59.999Z" });
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// Orders, pieces, amount and what has no price, of one key.
fn sales(rig: &Rig<OrderCompletedHandler>, of: &str, hour: &str) -> (i64, i64, String, i64) {
    let sales: Sales = rig.item((of, hour)).unwrap_or_default();
    let amount = sales.amount.normalize().to_string();
    (sales.orders, sales.pieces, amount, sales.unpriced)
}

fn said(orders: i64, pieces: i64, amount: &str, unpriced: i64) -> (i64, i64, String, i64) {
    (orders, pieces, amount.to_owned(), unpriced)
}

#[tokio::test]
async fn an_order_counts_for_its_hour_its_products_and_its_user() {
    let rig = completed(
        "o-1",
        json!({ "total_amount": 28000, "items": [
            { "product_id": "p-1", "quantity": 2, "unit_price": 10000 },
            { "product_id": "p-2", "quantity": 1, "unit_price": 9000 }] }),
    )
    .await;
    let whole = said(1, 3, "28000", 0);
    assert_eq!(sales(&rig, "day#2026-11-21", HOUR), whole);
    assert_eq!(sales(&rig, "user#u-1", HOUR), whole);
    assert_eq!(sales(&rig, "product#p-1", HOUR), said(1, 2, "20000", 0));
    assert_eq!(sales(&rig, "product#p-2", HOUR), said(1, 1, "9000", 0));
}

#[tokio::test]
async fn lines_of_one_product_count_as_one_order_of_it() {
    let rig = completed(
        "o-1",
        json!({ "items": [
            { "product_id": "p-1", "quantity": 2, "unit_price": "0.10" },
            { "product_id": "p-1", "quantity": 3, "unit_price": "0.20" }] }),
    )
    .await;
    assert_eq!(sales(&rig, "product#p-1", HOUR), said(1, 5, "0.8", 0));
    let whole = said(1, 5, "0.8", 0);
    assert_eq!(sales(&rig, "user#u-1", HOUR), whole, "what its lines cost");
}

#[tokio::test]
async fn pieces_without_a_price_count_and_are_told_apart() {
    let items = json!([{ "product_id": "p-1", "quantity": 2 },
        { "product_id": "p-1", "quantity": 1, "unit_price": 7 }]);
    let rig = completed("o-1", json!({ "items": items })).await;
    assert_eq!(sales(&rig, "product#p-1", HOUR), said(1, 3, "7", 2));
    let whole = sales(&rig, "day#2026-11-21", HOUR);
    assert_eq!(whole, said(1, 3, "0", 1), "a part of the price is no price");
    let rig = completed("o-1", json!({ "items": items, "total_amount": 20 })).await;
    let whole = sales(&rig, "day#2026-11-21", HOUR);
    assert_eq!(whole, said(1, 3, "20", 0), "what was paid is known");
}

#[tokio::test]
async fn an_order_without_lines_counts_with_what_was_paid() {
    let rig = completed("o-1", json!({ "total_amount": "12.50" })).await;
    assert_eq!(sales(&rig, "user#u-1", HOUR), said(1, 0, "12.5", 0));
    let rig = completed("o-1", json!({})).await;
    assert_eq!(sales(&rig, "user#u-1", HOUR), said(1, 0, "0", 1));
}

#[tokio::test]
async fn the_hour_is_that_of_the_completion_not_that_of_the_event_or_the_invocation() {
    let fields = json!({ "completed_at": "2026-11-20T23:30:00.000-02:00", "total_amount": 5 });
    let rig = completed("o-1", fields).await;
    let hour = "2026-11-21T01";
    assert_eq!(sales(&rig, "day#2026-11-21", hour), said(1, 0, "5", 0));
    assert_eq!(
        rig.store.table("sales").len(),
        3,
        "hour, user, and the mark"
    );
}

#[tokio::test]
async fn orders_add_up() {
    let rig = Rig::new(OrderCompletedHandler);
    let items = json!([{ "product_id": "p-1", "quantity": 2, "unit_price": "1.25" }]);
    let orders = (0..30).map(|n| event(&format!("o-{n}"), &json!({ "items": items })));
    rig.send(orders).await;
    assert_eq!(sales(&rig, "product#p-1", HOUR), said(30, 60, "75", 0));
    assert_eq!(sales(&rig, "user#u-1", HOUR), said(30, 60, "75", 0));
}

#[tokio::test]
async fn an_order_that_two_events_tell_of_counts_once() {
    let rig = completed("o-1", json!({ "total_amount": 5 })).await;
    rig.send([event("o-1", &json!({ "total_amount": 5 }))])
        .await;
    assert_eq!(sales(&rig, "user#u-1", HOUR), said(1, 0, "5", 0));
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn an_amount_that_no_number_holds_is_a_dead_letter() {
    let rig = completed(
        "o-1",
        json!({ "items": [{ "product_id": "p-1", "quantity": 1_000_000,
            "unit_price": "79228162514264337593543950335" }] }),
    )
    .await;
    assert_eq!(rig.codes(), ["amount_too_large"]);
    assert!(rig.store.table("sales").is_empty());
}
