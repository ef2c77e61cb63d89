//! What a status does: a step of the timeline with its pieces, nothing, or a refusal.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{
    NotificationKind, NotificationRequested, OrderCompleted, OrderStatusChanged, StockUpdated,
};
use order_status_changed::OrderStatusChangedHandler;
use serde_json::{Value, json};
use tables::{EarlyPayment, EarlyPaymentState, Order, Product};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:30.123Z";

/// An order of three pieces that took these statuses on, and what there is of their product.
fn shop(
    statuses: &[&str],
    (available, reserved, sold): (i64, i64, i64),
) -> Rig<OrderStatusChangedHandler> {
    let rig = Rig::new(OrderStatusChangedHandler);
    let timeline: Vec<Value> = statuses
        .iter()
        .map(|status| json!({ "status": status, "at": AT, "event_id": "e-0" }))
        .collect();
    let mut order = json!({ "order_id": "o-1", "user_id": "u-1", "status": statuses.last(),
        "total_amount": "30000", "quantities": { "p-1": 3 }, "timeline": timeline,
        "lines": [{ "product_id": "p-1", "quantity": 2, "unit_price": "15000" },
                  { "product_id": "p-1", "quantity": 1 }],
        "ordered_at": AT, "updated_at": AT });
    if statuses.contains(&"paid") {
        order["payment"] = json!({ "payment_id": "pay-1", "amount": "29000" });
    }
    rig.store.seed(item_key("orders", "o-1", "-"), &order);
    let product = json!({ "product_id": "p-1", "available": available, "reserved": reserved,
        "sold": sold, "changes": 7 });
    rig.store.seed(item_key("products", "p-1", "-"), &product);
    rig
}

async fn send(rig: &Rig<OrderStatusChangedHandler>, status: &str) {
    rig.send([
        json!({ "order_id": "o-1", "status": status, "reason": "as_told",
        "timestamp": "2026-11-22T08:00:00.000Z" }),
    ])
    .await;
}

fn order(rig: &Rig<OrderStatusChangedHandler>) -> Order {
    rig.item("o-1").unwrap()
}

fn stock(rig: &Rig<OrderStatusChangedHandler>) -> (i64, i64, i64) {
    let product: Product = rig.item("p-1").unwrap();
    (product.available, product.reserved, product.sold)
}

#[tokio::test]
async fn a_paid_order_that_is_completed_is_told_with_its_lines_and_what_was_paid() {
    let rig = shop(&["placed", "paid"], (7, 0, 3));
    send(&rig, "completed").await;
    let stored = order(&rig);
    assert_eq!(stored.status.as_str(), "completed");
    assert_eq!(stored.timeline.len(), 3);
    assert_eq!(stored.reason.as_deref(), Some("as_told"));
    assert_eq!(stock(&rig), (7, 0, 3), "sold pieces stay sold");
    let [event] = &rig.published::<OrderCompleted>()[..] else {
        panic!("one event")
    };
    assert_eq!(event.total_amount, Some(29_000.into()), "paid, not ordered");
    assert_eq!(event.user_id.as_str(), "u-1");
    let quantities: Vec<_> = event.items.iter().map(|line| line.quantity).collect();
    assert_eq!(quantities, [2, 1]);
    assert_eq!(event.items[0].unit_price, Some(15_000.into()));
    let at = event.completed_at.unwrap().to_string();
    assert_eq!(at, "2026-11-22T08:00:00.000Z", "when it happened");
    assert!(rig.published::<OrderStatusChanged>().is_empty(), "no echo");
}

#[tokio::test]
async fn a_cancelled_placed_order_releases_its_stock_once() {
    let rig = shop(&["placed"], (7, 3, 0));
    send(&rig, "cancelled").await;
    send(&rig, "cancelled").await;
    assert_eq!(order(&rig).status.as_str(), "cancelled");
    assert_eq!(stock(&rig), (10, 0, 0));
    let [update] = &rig.published::<StockUpdated>()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (update.available, update.delta, update.version),
        (10, Some(3), 8)
    );
    assert_eq!(update.order_id.as_ref().unwrap().as_str(), "o-1");
    assert!(rig.published::<NotificationRequested>().is_empty());
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn a_cancelled_paid_order_puts_its_sold_pieces_back_and_its_money_has_to_go_back() {
    let rig = shop(&["placed", "paid"], (7, 0, 3));
    send(&rig, "cancelled").await;
    assert_eq!(stock(&rig), (10, 0, 0));
    let [request] = &rig.published::<NotificationRequested>()[..] else {
        panic!("one event")
    };
    assert_eq!(request.kind, NotificationKind::RefundDue);
    assert_eq!(request.recipient.as_str(), "payments");
    let data = ["order_id", "payment_id", "amount", "reason"].map(|name| request.data.get(name));
    let right = ["o-1", "pay-1", "29000", "order_cancelled"].map(Some);
    assert_eq!(data, right);
}

#[tokio::test]
async fn a_cancelled_pending_order_holds_nothing_to_release() {
    let rig = shop(&["pending"], (10, 0, 0));
    send(&rig, "cancelled").await;
    assert_eq!(order(&rig).status.as_str(), "cancelled");
    assert_eq!(stock(&rig), (10, 0, 0));
    assert!(rig.published::<StockUpdated>().is_empty());
    assert!(rig.published::<NotificationRequested>().is_empty());
}

#[tokio::test]
async fn a_payment_that_waits_for_an_order_that_is_cancelled_has_to_go_back() {
    for (outcome, refunds, state) in [
        ("completed", 1, EarlyPaymentState::RefundDue),
        ("failed", 0, EarlyPaymentState::Waiting),
    ] {
        let rig = shop(&["pending"], (10, 0, 0));
        let early = json!({ "paid_for": "order#o-1", "outcome": outcome, "amount": "30000",
            "happened_at": AT, "state": "waiting" });
        rig.store
            .seed(item_key("payments", "order#o-1", "-"), &early);
        send(&rig, "cancelled").await;
        let requests = rig.published::<NotificationRequested>();
        assert_eq!(requests.len(), refunds, "{outcome}");
        let early: EarlyPayment = rig.item("order#o-1").unwrap();
        assert_eq!(early.state, state);
    }
}

#[tokio::test]
async fn a_status_that_the_timeline_has_already_changes_nothing() {
    let rig = shop(&["pending", "placed", "paid"], (7, 0, 3));
    let before = rig.store.item("orders", "o-1", "-").unwrap();
    for status in ["pending", "placed", "paid"] {
        send(&rig, status).await;
    }
    assert_eq!(rig.store.item("orders", "o-1", "-").unwrap(), before);
    assert!(rig.codes().is_empty());
    assert!(rig.published::<StockUpdated>().is_empty());
}

#[tokio::test]
async fn a_status_moves_the_pieces_whoever_tells_of_it() {
    for (status, pieces) in [("paid", (7, 0, 3)), ("payment_failed", (10, 0, 0))] {
        let rig = shop(&["placed"], (7, 3, 0));
        send(&rig, status).await;
        assert_eq!(order(&rig).status.as_str(), status);
        assert_eq!(stock(&rig), pieces, "{status}");
    }
}

#[tokio::test]
async fn an_impossible_transition_is_a_dead_letter_and_changes_nothing() {
    for (had, told) in [
        (&["pending"][..], "paid"),
        (&["placed"], "completed"),
        (&["placed", "payment_failed"], "paid"),
        (&["placed", "cancelled"], "completed"),
        (&["placed", "paid", "completed"], "cancelled"),
        (&["rejected"], "cancelled"),
        (&["placed"], "on_hold"),
    ] {
        let rig = shop(had, (7, 3, 3));
        let before = rig.store.item("orders", "o-1", "-").unwrap();
        send(&rig, told).await;
        assert_eq!(rig.codes(), ["impossible_transition"], "{had:?} {told}");
        assert_eq!(rig.store.item("orders", "o-1", "-").unwrap(), before);
        assert_eq!(stock(&rig), (7, 3, 3));
    }
}

#[tokio::test]
async fn nobody_places_or_rejects_an_order_by_its_status() {
    for status in ["placed", "rejected"] {
        let rig = shop(&["pending"], (10, 0, 0));
        send(&rig, status).await;
        assert_eq!(rig.codes(), ["undecided_order"]);
        assert_eq!(order(&rig).status.as_str(), "pending");
    }
}

#[tokio::test]
async fn an_order_that_nobody_stored_is_a_dead_letter() {
    let rig = Rig::new(OrderStatusChangedHandler);
    send(&rig, "cancelled").await;
    assert_eq!(rig.codes(), ["unknown_order"]);
    assert!(rig.store.table("orders").is_empty());
}

#[tokio::test]
async fn an_order_that_was_stored_before_there_were_lines_is_completed_with_its_pieces() {
    let rig = shop(&["placed", "paid"], (7, 0, 3));
    let old = json!({ "order_id": "o-1", "user_id": "u-1", "status": "paid",
        "quantities": { "p-1": 3 }, "ordered_at": AT, "updated_at": AT });
    rig.store.seed(item_key("orders", "o-1", "-"), &old);
    send(&rig, "completed").await;
    let [event] = &rig.published::<OrderCompleted>()[..] else {
        panic!("one event")
    };
    assert_eq!(event.items.len(), 1);
    assert_eq!((event.items[0].quantity, event.total_amount), (3, None));
}
