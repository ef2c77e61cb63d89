//! The checks that every function passes, on this function's events.

use order_completed::OrderCompletedHandler;
use serde_json::json;
use testkit::conformance::Suite;

#[tokio::test]
async fn order_completed_conforms() {
    let at = "2026-11-21T10:15:30.123Z";
    Suite::new(|| OrderCompletedHandler)
        .event_without_key(
            json!({ "event_type": "order.completed", "order_id": "o-1", "user_id": "u-1",
            "timestamp": at, "total_amount": 30000,
            "items": [{ "product_id": "p-1", "quantity": 2, "unit_price": 15000 }] }),
        )
        .event_without_key(
            json!({ "eventId": "e-2", "eventType": "ORDER_COMPLETED", "orderId": "o-2",
            "userId": "u-1", "completedAt": at,
            "items": [{ "productId": "p-1", "qty": 1 }, { "productId": "p-2", "qty": 3, "price": "0.10" }] }),
        )
        .event_without_key(
            json!({ "order_id": "o-3", "user_id": "u-2", "timestamp": at }),
        )
        .poison(json!({ "order_id": "o-4", "user_id": "u-1", "timestamp": at,
            "items": [{ "product_id": "p-1", "quantity": 1_000_000, "unit_price": "79228162514264337593543950335" }] }))
        .run()
        .await;
}
