//! The checks that every function passes, on this function's events.

use payment_failed::PaymentFailedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn order(id: &str, status: &str, payment: &Value) -> Value {
    let at = "2026-11-21T10:15:30.123Z";
    json!({
        "order_id": id, "user_id": format!("u-of-{id}"), "status": status, "total_amount": "300",
        "quantities": { format!("p-of-{id}"): 2 }, "payment": payment,
        "timeline": [{ "status": status, "at": at, "event_id": "e-0" }],
        "ordered_at": at, "updated_at": at,
    })
}

fn failure(id: &str, order_id: &str) -> Value {
    json!({ "event_type": "payment.failed", "payment_id": id, "order_id": order_id,
        "reason": "insufficient_funds" })
}

#[tokio::test]
async fn payment_failed_conforms() {
    let product = |id: &str| json!({ "product_id": id, "available": 10, "reserved": 6 });
    let reservation = json!({ "reservation_id": "r-1", "user_id": "u-of-r-1", "concert_id": "c-1",
        "seat": "A-1", "amount": "90", "state": "pending",
        "booked_at": "2026-11-21T10:15:30.123Z", "updated_at": "2026-11-21T10:15:30.123Z" });
    let seat = json!({ "concert_id": "c-1", "seat": "A-1", "state": "held", "reservation_id": "r-1",
        "user_id": "u-of-r-1", "held_until": "2026-11-21T10:30:30.123Z" });
    let concert = json!({ "concert_id": "c-1", "available": 3 });
    let reserved = |id: &str| json!({ "event_type": "payment.failed", "payment_id": id, "reservation_id": id });
    let paid = json!({ "payment_id": "pay-5", "amount": "300" });
    Suite::new(|| PaymentFailedHandler)
        .seed(
            item_key("orders", "o-1", "-"),
            &order("o-1", "placed", &json!(null)),
        )
        .seed(
            item_key("orders", "o-2", "-"),
            &order("o-2", "placed", &json!(null)),
        )
        .seed(
            item_key("orders", "o-3", "-"),
            &order("o-3", "pending", &json!(null)),
        )
        .seed(item_key("orders", "o-5", "-"), &order("o-5", "paid", &paid))
        // A product for each order: which of two changed it first would be told by what they publish.
        .seed(item_key("products", "p-of-o-1", "-"), &product("p-of-o-1"))
        .seed(item_key("products", "p-of-o-2", "-"), &product("p-of-o-2"))
        .seed(item_key("concerts", "c-1", "-"), &concert)
        .seed(item_key("reservations", "r-1", "-"), &reservation)
        .seed(item_key("seats", "c-1", "A-1"), &seat)
        .event(reserved("r-1"), "r-1")
        .event(reserved("r-1"), "r-1")
        .event(reserved("r-3"), "r-3")
        .event(failure("pay-1", "o-1"), "o-1")
        .event(failure("pay-1b", "o-1"), "o-1")
        .event(
            json!({ "eventId": "e-2", "eventType": "PAYMENT_FAILED", "orderId": "o-2",
                "paymentId": 2, "failureReason": "card_expired" }),
            "o-2",
        )
        .event(failure("pay-3", "o-3"), "o-3")
        .event(failure("pay-4", "o-4"), "o-4")
        .poison(failure("pay-5", "o-5"))
        .poison(json!({ "event_type": "payment.failed", "reason": "unknown" }))
        .volatile("updated_at")
        .volatile("at")
        .volatile("happened_at")
        .run()
        .await;
}
