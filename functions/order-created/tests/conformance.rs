//! The checks that every function passes, on this function's events.

use order_created::OrderCreatedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn product(id: &str, available: i64) -> Value {
    json!({ "product_id": id, "available": available })
}

/// An order as `orders-api` stores it.
fn pending(id: &str) -> Value {
    let at = "2026-11-21T10:15:30.123Z";
    json!({
        "order_id": id, "user_id": "u-6", "status": "pending", "quantities": { "p-4": 1 },
        "lines": [{ "product_id": "p-4", "quantity": 1 }],
        "timeline": [{ "status": "pending", "at": at, "event_id": "e-6" }],
        "ordered_at": at, "updated_at": at,
    })
}

/// A payment that was there before its order.
fn paid_early(order_id: &str) -> Value {
    json!({ "paid_for": format!("order#{order_id}"), "outcome": "completed", "amount": "500",
        "event_id": "e-paid", "happened_at": "2026-11-21T10:15:30.123Z", "state": "waiting" })
}

#[tokio::test]
async fn order_created_conforms() {
    Suite::new(|| OrderCreatedHandler)
        .seed(item_key("products", "p-1", "-"), &product("p-1", 10))
        .seed(item_key("products", "p-2", "-"), &product("p-2", 1))
        .seed(item_key("products", "p-3", "-"), &product("p-3", 5))
        .seed(item_key("products", "p-4", "-"), &product("p-4", 1))
        .seed(item_key("orders", "o-6", "-"), &pending("o-6"))
        .seed(item_key("payments", "order#o-3", "-"), &paid_early("o-3"))
        .event(
            json!({ "event_id": "e-1", "event_type": "order.created", "order_id": "o-1",
                "user_id": "u-1", "total_amount": 30000,
                "items": [{ "product_id": "p-1", "quantity": 2 }] }),
            "o-1",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "ORDER_CREATED", "orderId": 2, "userId": 2,
                "items": [{ "productId": "p-2", "qty": 2 }] }),
            "2",
        )
        .event(
            json!({ "event_id": "e-3", "order_id": "o-3", "user_id": "u-3",
                "items": [{ "product_id": "p-3", "quantity": 1 },
                          { "product_id": "p-3", "quantity": 4 }] }),
            "o-3",
        )
        .event(
            json!({ "event_id": "e-6", "order_id": "o-6", "user_id": "u-6",
                "items": [{ "product_id": "p-4", "quantity": 1 }] }),
            "o-6",
        )
        .poison(json!({ "event_id": "e-4", "order_id": "o-4", "user_id": "u-4", "items": [] }))
        .poison(
            json!({ "event_id": "e-5", "schema_version": "9.0", "order_id": "o-5",
            "user_id": "u-5", "items": [{ "product_id": "p-1", "quantity": 1 }] }),
        )
        .volatile("updated_at")
        .volatile("at")
        .run()
        .await;
}
