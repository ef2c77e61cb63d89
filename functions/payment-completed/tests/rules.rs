//! What a payment that succeeded does to its order: it pays it, waits for it, or is refused.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{
    NotificationKind, NotificationRequested, OrderStatus, OrderStatusChanged, StockUpdated,
};
use payment_completed::PaymentCompletedHandler;
use serde_json::{Value, json};
use tables::{EarlyPayment, EarlyPaymentState, Order, PaymentOutcome, Product};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:30.123Z";

fn shop(status: &str) -> Rig<PaymentCompletedHandler> {
    let rig = Rig::new(PaymentCompletedHandler);
    seed_order(&rig, status, &json!({ "total_amount": "30000" }));
    let product = json!({ "product_id": "p-1", "available": 7, "reserved": 3, "changes": 1 });
    rig.store.seed(item_key("products", "p-1", "-"), &product);
    rig
}

fn seed_order(rig: &Rig<PaymentCompletedHandler>, status: &str, fields: &Value) {
    let mut order = json!({ "order_id": "o-1", "user_id": "u-1", "status": status,
        "quantities": { "p-1": 3 }, "timeline": [{ "status": status, "at": AT, "event_id": "e-0" }],
        "ordered_at": AT, "updated_at": AT });
    for (name, value) in fields.as_object().unwrap() {
        order[name] = value.clone();
    }
    rig.store.seed(item_key("orders", "o-1", "-"), &order);
}

async fn pay(rig: &Rig<PaymentCompletedHandler>, payment_id: Option<&str>, amount: &str) {
    rig.send([
        json!({ "order_id": "o-1", "payment_id": payment_id, "amount": amount,
        "timestamp": AT }),
    ])
    .await;
}

fn order(rig: &Rig<PaymentCompletedHandler>) -> Order {
    rig.item("o-1").unwrap()
}

fn stock(rig: &Rig<PaymentCompletedHandler>) -> (i64, i64, i64) {
    let product: Product = rig.item("p-1").unwrap();
    (product.available, product.reserved, product.sold)
}

#[tokio::test]
async fn a_placed_order_is_paid_and_its_reserved_pieces_are_sold() {
    let rig = shop("placed");
    pay(&rig, Some("pay-1"), "30000.00").await;
    let order = order(&rig);
    assert_eq!(order.status, OrderStatus::Paid);
    assert_eq!(order.timeline.len(), 2);
    let payment = order.payment.unwrap();
    assert_eq!(
        (payment.payment_id.unwrap().as_str(), payment.amount),
        ("pay-1", 30_000.into())
    );
    assert_eq!(stock(&rig), (7, 0, 3));
    let [changed] = &rig.published::<OrderStatusChanged>()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (
            &changed.status,
            changed.previous_status.as_ref(),
            changed.version
        ),
        (&OrderStatus::Paid, Some(&OrderStatus::Placed), Some(2))
    );
    let [request] = &rig.published::<NotificationRequested>()[..] else {
        panic!("one event")
    };
    assert_eq!(request.kind, NotificationKind::PaymentCompleted);
    assert_eq!(request.recipient.as_str(), "u-1");
    assert!(
        rig.published::<StockUpdated>().is_empty(),
        "as many are available"
    );
}

#[tokio::test]
async fn one_payment_that_two_events_tell_of_pays_once() {
    let rig = shop("placed");
    pay(&rig, Some("pay-1"), "30000").await;
    pay(&rig, Some("pay-1"), "30000").await;
    assert_eq!(stock(&rig), (7, 0, 3));
    assert!(rig.codes().is_empty());
    assert_eq!(rig.published::<OrderStatusChanged>().len(), 1);
}

#[tokio::test]
async fn a_second_payment_is_refused() {
    for second in [Some("pay-2"), None] {
        let rig = shop("placed");
        pay(&rig, Some("pay-1"), "30000").await;
        pay(&rig, second, "30000").await;
        assert_eq!(rig.codes(), ["already_paid"]);
        assert_eq!(stock(&rig), (7, 0, 3));
    }
}

#[tokio::test]
async fn another_amount_than_the_order_costs_never_pays_it() {
    for amount in ["29999.99", "30000.01", "0"] {
        let rig = shop("placed");
        pay(&rig, Some("pay-1"), amount).await;
        assert_eq!(rig.codes(), ["amount_mismatch"], "{amount}");
        assert_eq!(order(&rig).status, OrderStatus::Placed);
        assert_eq!(stock(&rig), (7, 3, 0));
    }
}

#[tokio::test]
async fn an_order_whose_price_nobody_told_is_paid_with_any_amount() {
    let rig = shop("placed");
    seed_order(&rig, "placed", &json!({}));
    pay(&rig, None, "12.5").await;
    assert_eq!(order(&rig).status, OrderStatus::Paid);
}

#[tokio::test]
async fn money_for_an_order_that_will_not_be_is_refused() {
    for status in ["rejected", "payment_failed", "cancelled", "on_hold"] {
        let rig = shop(status);
        pay(&rig, Some("pay-1"), "30000").await;
        assert_eq!(rig.codes(), ["not_payable"], "{status}");
        assert_eq!(order(&rig).status.as_str(), status);
        assert_eq!(stock(&rig), (7, 3, 0));
    }
}

#[tokio::test]
async fn the_payment_of_an_order_that_is_not_there_or_pending_waits_for_it() {
    for rig in [Rig::new(PaymentCompletedHandler), shop("pending")] {
        pay(&rig, Some("pay-1"), "30000").await;
        // Told again, by another event.
        pay(&rig, Some("pay-1"), "30000").await;
        let early: EarlyPayment = rig.item("order#o-1").unwrap();
        assert_eq!(
            (early.outcome, early.state, early.amount),
            (
                PaymentOutcome::Completed,
                EarlyPaymentState::Waiting,
                Some(30_000.into())
            )
        );
        assert_eq!(early.event_id.unwrap().as_str(), "rig-0");
        assert_eq!(early.happened_at.to_string(), AT);
        assert!(rig.codes().is_empty());
        assert!(rig.published::<OrderStatusChanged>().is_empty());
    }
}

#[tokio::test]
async fn of_two_payments_for_an_order_to_come_the_second_is_refused() {
    let rig = Rig::new(PaymentCompletedHandler);
    pay(&rig, Some("pay-1"), "30000").await;
    pay(&rig, Some("pay-2"), "30000").await;
    assert_eq!(rig.codes(), ["already_paid"]);
    let early: EarlyPayment = rig.item("order#o-1").unwrap();
    assert_eq!(early.payment_id.unwrap().as_str(), "pay-1");
}

#[tokio::test]
async fn a_payment_after_one_that_failed_is_refused_before_the_order_comes_too() {
    let rig = Rig::new(PaymentCompletedHandler);
    let early = json!({ "paid_for": "order#o-1", "outcome": "failed", "payment_id": "pay-1",
        "happened_at": AT, "state": "waiting" });
    rig.store
        .seed(item_key("payments", "order#o-1", "-"), &early);
    pay(&rig, Some("pay-2"), "30000").await;
    assert_eq!(rig.codes(), ["not_payable"]);
}

#[tokio::test]
async fn a_payment_that_only_a_status_told_of_is_noted() {
    for status in ["paid", "completed"] {
        let rig = shop(status);
        pay(&rig, Some("pay-1"), "30000").await;
        let order = order(&rig);
        assert_eq!((order.status.as_str(), order.timeline.len()), (status, 1));
        assert_eq!(order.payment.unwrap().amount, 30_000.into());
        assert_eq!(
            stock(&rig),
            (7, 3, 0),
            "its pieces were moved by the status"
        );
        assert!(rig.published::<OrderStatusChanged>().is_empty());
        pay(&rig, Some("pay-2"), "30000").await;
        assert_eq!(rig.codes(), ["already_paid"]);
    }
}
