//! What a payment does that was there before its order.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{NotificationRequested, OrderStatusChanged, StockUpdated};
use order_created::OrderCreatedHandler;
use serde_json::{Value, json};
use tables::{EarlyPayment, EarlyPaymentState, Order, Product};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:30.123Z";

fn shop(available: i64, payment: &Value) -> Rig<OrderCreatedHandler> {
    let rig = Rig::new(OrderCreatedHandler);
    let product = json!({ "product_id": "p-1", "available": available });
    rig.store.seed(item_key("products", "p-1", "-"), &product);
    let mut early = json!({ "paid_for": "order#o-1", "payment_id": "pay-1", "event_id": "e-pay",
        "happened_at": AT, "state": "waiting" });
    for (name, value) in payment.as_object().unwrap() {
        early[name] = value.clone();
    }
    rig.store
        .seed(item_key("payments", "order#o-1", "-"), &early);
    rig
}

fn completed(amount: &str) -> Value {
    json!({ "outcome": "completed", "amount": amount })
}

fn failed() -> Value {
    json!({ "outcome": "failed", "reason": "insufficient_funds" })
}

async fn order(rig: &Rig<OrderCreatedHandler>) -> Order {
    let items = json!([{ "product_id": "p-1", "quantity": 3 }]);
    rig.send([
        json!({ "event_id": "e-1", "order_id": "o-1", "user_id": "u-1",
        "total_amount": 30000, "items": items }),
    ])
    .await;
    rig.item("o-1").unwrap()
}

fn stock(rig: &Rig<OrderCreatedHandler>) -> (i64, i64, i64) {
    let product: Product = rig.item("p-1").unwrap();
    (product.available, product.reserved, product.sold)
}

fn state(rig: &Rig<OrderCreatedHandler>) -> EarlyPaymentState {
    rig.item::<EarlyPayment>("order#o-1").unwrap().state
}

fn statuses(rig: &Rig<OrderCreatedHandler>) -> Vec<(String, Option<u64>)> {
    let events = rig.published::<OrderStatusChanged>().into_iter();
    let mut told: Vec<_> = events
        .map(|event| (event.status.as_str().to_owned(), event.version))
        .collect();
    told.sort_by_key(|(_, version)| *version);
    told
}

fn kinds(rig: &Rig<OrderCreatedHandler>) -> Vec<String> {
    let requests = rig.published::<NotificationRequested>().into_iter();
    let mut kinds: Vec<_> = requests
        .map(|request| format!("{} to {}", request.kind, request.recipient.as_str()))
        .collect();
    kinds.sort();
    kinds
}

fn timeline(order: &Order) -> Vec<(&str, &str)> {
    let entries = order.timeline.iter();
    entries
        .map(|entry| {
            (
                entry.status.as_str(),
                entry.event_id.as_ref().unwrap().as_str(),
            )
        })
        .collect()
}

#[tokio::test]
async fn an_order_that_was_paid_before_it_came_is_paid_at_once() {
    let rig = shop(10, &completed("30000.00"));
    let order = order(&rig).await;
    assert_eq!(timeline(&order), [("placed", "e-1"), ("paid", "e-pay")]);
    let payment = order.payment.unwrap();
    assert_eq!(payment.payment_id.unwrap().as_str(), "pay-1");
    assert_eq!(payment.amount, 30_000.into());
    assert_eq!(stock(&rig), (7, 0, 3));
    assert_eq!(state(&rig), EarlyPaymentState::Joined);
    let told = statuses(&rig);
    assert_eq!(
        told,
        [("placed".to_owned(), Some(1)), ("paid".to_owned(), Some(2))]
    );
    assert_eq!(
        kinds(&rig),
        ["order_placed to u-1", "payment_completed to u-1"]
    );
    assert_eq!(rig.published::<StockUpdated>().len(), 1, "only placing it");
}

#[tokio::test]
async fn an_order_whose_payment_failed_before_it_came_holds_no_stock() {
    let rig = shop(10, &failed());
    let order = order(&rig).await;
    assert_eq!(
        timeline(&order),
        [("placed", "e-1"), ("payment_failed", "e-pay")]
    );
    assert_eq!(order.reason.as_deref(), Some("insufficient_funds"));
    assert_eq!(stock(&rig), (10, 0, 0));
    assert_eq!(state(&rig), EarlyPaymentState::Joined);
    let deltas: i64 = (rig.published::<StockUpdated>().iter())
        .map(|update| update.delta.unwrap())
        .sum();
    assert_eq!(deltas, 0, "what the events add up to is what the stock is");
    assert_eq!(
        kinds(&rig),
        ["order_placed to u-1", "payment_failed to u-1"]
    );
}

#[tokio::test]
async fn the_money_for_a_rejected_order_has_to_go_back() {
    let rig = shop(2, &completed("30000"));
    let order = order(&rig).await;
    assert_eq!(timeline(&order), [("rejected", "e-1")]);
    assert_eq!(stock(&rig), (2, 0, 0));
    assert_eq!(state(&rig), EarlyPaymentState::RefundDue);
    assert_eq!(
        kinds(&rig),
        ["order_rejected to u-1", "refund_due to payments"]
    );
}

#[tokio::test]
async fn a_failed_payment_of_a_rejected_order_is_done_with() {
    let rig = shop(2, &failed());
    let order = order(&rig).await;
    assert_eq!(timeline(&order), [("rejected", "e-1")]);
    assert_eq!(order.reason.as_deref(), Some("out_of_stock"));
    assert_eq!(state(&rig), EarlyPaymentState::Joined);
    assert_eq!(kinds(&rig), ["order_rejected to u-1"]);
}

#[tokio::test]
async fn another_amount_than_the_order_costs_never_pays_it() {
    let rig = shop(10, &completed("29999.99"));
    let order = order(&rig).await;
    assert_eq!(timeline(&order), [("placed", "e-1")]);
    assert_eq!(order.payment, None);
    assert_eq!(stock(&rig), (7, 3, 0));
    assert_eq!(state(&rig), EarlyPaymentState::RefundDue);
    let requests = rig.published::<NotificationRequested>();
    let refund = requests
        .iter()
        .find(|request| request.recipient.as_str() == "payments")
        .unwrap();
    assert_eq!(refund.data.get("reason"), Some("amount_mismatch"));
    assert_eq!(refund.data.get("order_id"), Some("o-1"));
}

#[tokio::test]
async fn a_payment_whose_money_goes_back_already_is_not_joined() {
    let mut payment = completed("30000");
    payment["state"] = json!("refund_due");
    let rig = shop(10, &payment);
    assert_eq!(timeline(&order(&rig).await), [("placed", "e-1")]);
    assert_eq!(kinds(&rig), ["order_placed to u-1"]);
}

#[tokio::test]
async fn an_order_that_was_cancelled_while_it_was_pending_stays_so() {
    let rig = shop(10, &failed());
    let cancelled = json!({ "order_id": "o-1", "user_id": "u-1", "status": "cancelled",
        "quantities": { "p-1": 3 }, "ordered_at": AT, "updated_at": AT,
        "timeline": [{ "status": "pending", "at": AT, "event_id": "e-1" },
                     { "status": "cancelled", "at": AT, "event_id": "e-2" }] });
    rig.store.seed(item_key("orders", "o-1", "-"), &cancelled);
    let order = order(&rig).await;
    assert_eq!(timeline(&order), [("pending", "e-1"), ("cancelled", "e-2")]);
    assert_eq!(stock(&rig), (10, 0, 0));
    assert!(rig.codes().is_empty() && kinds(&rig).is_empty() && statuses(&rig).is_empty());
}
