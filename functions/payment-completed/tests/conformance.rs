//! The checks that every function passes, on this function's events.

use payment_completed::PaymentCompletedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn order(id: &str, status: &str) -> Value {
    let at = "2026-11-21T10:15:30.123Z";
    json!({
        "order_id": id, "user_id": format!("u-of-{id}"), "status": status, "total_amount": "300",
        "quantities": { "p-1": 2 }, "lines": [{ "product_id": "p-1", "quantity": 2 }],
        "timeline": [{ "status": status, "at": at, "event_id": "e-0" }],
        "ordered_at": at, "updated_at": at,
    })
}

fn payment(id: &str, order_id: &str, amount: i64) -> Value {
    json!({ "event_type": "payment.completed", "payment_id": id, "order_id": order_id, "amount": amount })
}

#[tokio::test]
async fn payment_completed_conforms() {
    let product = json!({ "product_id": "p-1", "available": 10, "reserved": 6 });
    Suite::new(|| PaymentCompletedHandler)
        .seed(item_key("orders", "o-1", "-"), &order("o-1", "placed"))
        .seed(item_key("orders", "o-2", "-"), &order("o-2", "placed"))
        .seed(item_key("orders", "o-3", "-"), &order("o-3", "pending"))
        .seed(item_key("orders", "o-5", "-"), &order("o-5", "cancelled"))
        .seed(item_key("products", "p-1", "-"), &product)
        .event(payment("pay-1", "o-1", 300), "o-1")
        .event(payment("pay-1", "o-1", 300), "o-1")
        .event(
            json!({ "eventId": "e-2", "eventType": "PAYMENT_COMPLETED", "orderId": "o-2",
                "paymentId": 2, "amount": "300.00", "paymentMethod": "CARD" }),
            "o-2",
        )
        .event(payment("pay-3", "o-3", 300), "o-3")
        .event(payment("pay-4", "o-4", 300), "o-4")
        .poison(payment("pay-5", "o-5", 300))
        .poison(json!({ "event_type": "payment.completed", "amount": 300 }))
        .volatile("updated_at")
        .volatile("at")
        .volatile("happened_at")
        .run()
        .await;
}
