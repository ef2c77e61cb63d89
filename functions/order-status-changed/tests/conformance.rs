//! The checks that every function passes, on this function's events.

use order_status_changed::OrderStatusChangedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn order(id: &str, status: &str) -> Value {
    let (at, product) = ("2026-11-21T10:15:30.123Z", format!("p-of-{id}"));
    json!({
        "order_id": id, "user_id": "u-1", "status": status, "total_amount": "300",
        "quantities": { product.as_str(): 2 },
        "lines": [{ "product_id": product, "quantity": 2 }],
        "timeline": [{ "status": status, "at": at, "event_id": "e-0" }],
        "ordered_at": at, "updated_at": at,
    })
}

fn product(id: &str) -> Value {
    json!({ "product_id": id, "available": 10, "reserved": 4, "sold": 4, "changes": 2 })
}

fn to(order_id: &str, status: &str) -> Value {
    json!({ "event_type": "order.status-changed", "order_id": order_id, "status": status })
}

#[tokio::test]
async fn order_status_changed_conforms() {
    let early = json!({ "paid_for": "order#o-4", "outcome": "completed", "amount": "300",
        "happened_at": "2026-11-21T10:15:30.123Z", "state": "waiting" });
    Suite::new(|| OrderStatusChangedHandler)
        .seed(item_key("orders", "o-1", "-"), &order("o-1", "placed"))
        .seed(item_key("orders", "o-2", "-"), &order("o-2", "placed"))
        .seed(item_key("orders", "o-3", "-"), &order("o-3", "paid"))
        .seed(item_key("orders", "o-4", "-"), &order("o-4", "pending"))
        .seed(item_key("payments", "order#o-4", "-"), &early)
        // A product for each order: which of two changed it first would be told by what they publish.
        .seed(item_key("products", "p-of-o-1", "-"), &product("p-of-o-1"))
        .seed(item_key("products", "p-of-o-2", "-"), &product("p-of-o-2"))
        .seed(item_key("products", "p-of-o-3", "-"), &product("p-of-o-3"))
        .event(to("o-1", "placed"), "o-1")
        .event(to("o-1", "paid"), "o-1")
        .event(to("o-1", "completed"), "o-1")
        .event(to("o-2", "cancelled"), "o-2")
        .event(
            json!({ "eventId": "e-3", "eventType": "ORDER_STATUS_CHANGED", "orderId": "o-3",
                "oldStatus": "PAID", "newStatus": "CANCELLED" }),
            "o-3",
        )
        .event(to("o-4", "cancelled"), "o-4")
        .poison(to("o-404", "paid"))
        .poison(to("o-1", "rejected"))
        .volatile("updated_at")
        .volatile("at")
        .run()
        .await;
}
