//! What a payment that failed undoes: the order's stock is released, once.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{
    NotificationKind, NotificationRequested, OrderStatus, OrderStatusChanged, StockUpdated,
};
use payment_failed::PaymentFailedHandler;
use serde_json::json;
use tables::{EarlyPayment, EarlyPaymentState, Order, PaymentOutcome, Product};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:30.123Z";

fn shop(status: &str) -> Rig<PaymentFailedHandler> {
    let rig = Rig::new(PaymentFailedHandler);
    let mut order = json!({ "order_id": "o-1", "user_id": "u-1", "status": status,
        "total_amount": "300", "quantities": { "p-1": 3, "p-2": 1 },
        "timeline": [{ "status": status, "at": AT, "event_id": "e-0" }],
        "ordered_at": AT, "updated_at": AT });
    if status == "paid" {
        order["payment"] = json!({ "payment_id": "pay-1", "amount": "300" });
    }
    rig.store.seed(item_key("orders", "o-1", "-"), &order);
    for (id, reserved) in [("p-1", 3), ("p-2", 1)] {
        let product =
            json!({ "product_id": id, "available": 7, "reserved": reserved, "changes": 1 });
        rig.store.seed(item_key("products", id, "-"), &product);
    }
    rig
}

async fn fail(rig: &Rig<PaymentFailedHandler>, payment_id: Option<&str>) {
    rig.send([json!({ "order_id": "o-1", "payment_id": payment_id,
        "reason": "insufficient_funds", "timestamp": AT })])
        .await;
}

fn order(rig: &Rig<PaymentFailedHandler>) -> Order {
    rig.item("o-1").unwrap()
}

fn stock(rig: &Rig<PaymentFailedHandler>) -> [(i64, i64, i64); 2] {
    ["p-1", "p-2"].map(|id| {
        let product: Product = rig.item(id).unwrap();
        (product.available, product.reserved, product.sold)
    })
}

#[tokio::test]
async fn a_placed_order_releases_its_stock_and_all_are_told() {
    let rig = shop("placed");
    fail(&rig, Some("pay-1")).await;
    let order = order(&rig);
    assert_eq!(order.status, OrderStatus::PaymentFailed);
    assert_eq!(order.reason.as_deref(), Some("insufficient_funds"));
    assert_eq!(stock(&rig), [(10, 0, 0), (8, 0, 0)]);
    let mut updates = rig.published::<StockUpdated>();
    updates.sort_by(|a, b| a.product_id.cmp(&b.product_id));
    let updates: Vec<_> = updates
        .iter()
        .map(|update| {
            (
                update.product_id.as_str(),
                update.available,
                update.delta,
                update.version,
            )
        })
        .collect();
    assert_eq!(updates, [("p-1", 10, Some(3), 2), ("p-2", 8, Some(1), 2)]);
    let [changed] = &rig.published::<OrderStatusChanged>()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (&changed.status, changed.reason.as_deref(), changed.version),
        (
            &OrderStatus::PaymentFailed,
            Some("insufficient_funds"),
            Some(2)
        )
    );
    let [request] = &rig.published::<NotificationRequested>()[..] else {
        panic!("one event")
    };
    assert_eq!(request.kind, NotificationKind::PaymentFailed);
    assert_eq!(request.data.get("reason"), Some("insufficient_funds"));
}

#[tokio::test]
async fn stock_is_released_once_however_often_a_payment_fails() {
    let rig = shop("placed");
    for payment in [Some("pay-1"), Some("pay-1"), Some("pay-2"), None] {
        fail(&rig, payment).await;
    }
    assert_eq!(stock(&rig), [(10, 0, 0), (8, 0, 0)]);
    assert_eq!(rig.published::<OrderStatusChanged>().len(), 1);
    assert_eq!(rig.published::<StockUpdated>().len(), 2);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn an_order_that_holds_nothing_releases_nothing() {
    for status in ["rejected", "cancelled", "payment_failed", "on_hold"] {
        let rig = shop(status);
        fail(&rig, Some("pay-1")).await;
        assert_eq!(order(&rig).status.as_str(), status);
        assert_eq!(stock(&rig), [(7, 3, 0), (7, 1, 0)], "{status}");
        assert!(rig.codes().is_empty());
    }
}

#[tokio::test]
async fn an_attempt_that_failed_beside_one_that_paid_changes_nothing() {
    let rig = shop("paid");
    fail(&rig, Some("pay-0")).await;
    fail(&rig, None).await;
    assert_eq!(order(&rig).status, OrderStatus::Paid);
    assert_eq!(stock(&rig), [(7, 3, 0), (7, 1, 0)]);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn the_failure_of_the_payment_that_paid_is_refused() {
    let rig = shop("paid");
    fail(&rig, Some("pay-1")).await;
    assert_eq!(rig.codes(), ["payment_completed"]);
    assert_eq!(order(&rig).status, OrderStatus::Paid);
}

#[tokio::test]
async fn the_failure_for_an_order_that_is_not_there_or_pending_waits_for_it() {
    for rig in [Rig::new(PaymentFailedHandler), shop("pending")] {
        fail(&rig, Some("pay-1")).await;
        fail(&rig, Some("pay-2")).await;
        let early: EarlyPayment = rig.item("order#o-1").unwrap();
        assert_eq!(
            (early.outcome, early.state),
            (PaymentOutcome::Failed, EarlyPaymentState::Waiting)
        );
        assert_eq!(early.payment_id.unwrap().as_str(), "pay-1");
        assert_eq!(early.reason.as_deref(), Some("insufficient_funds"));
        assert!(rig.codes().is_empty());
        assert!(rig.published::<OrderStatusChanged>().is_empty());
    }
}

#[tokio::test]
async fn a_payment_that_waits_for_its_order_is_not_undone_by_another_attempt() {
    let rig = Rig::new(PaymentFailedHandler);
    let early = json!({ "paid_for": "order#o-1", "outcome": "completed", "payment_id": "pay-1",
        "amount": "300", "happened_at": AT, "state": "waiting" });
    rig.store
        .seed(item_key("payments", "order#o-1", "-"), &early);
    fail(&rig, Some("pay-0")).await;
    assert!(rig.codes().is_empty());
    fail(&rig, Some("pay-1")).await;
    assert_eq!(rig.codes(), ["payment_completed"]);
    let early: EarlyPayment = rig.item("order#o-1").unwrap();
    assert_eq!(early.outcome, PaymentOutcome::Completed);
}
