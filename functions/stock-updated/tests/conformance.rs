//! The checks that every function passes, on this function's events.

use serde_json::{Value, json};
use stock_updated::StockUpdatedHandler;
use testkit::conformance::Suite;

fn update(product: &str, available: i64, delta: i64, version: u64) -> Value {
    json!({ "event_type": "stock.updated", "product_id": product, "available": available,
        "delta": delta, "version": version, "timestamp": "2026-11-21T10:15:30.123Z" })
}

#[tokio::test]
async fn stock_updated_conforms() {
    Suite::new(|| StockUpdatedHandler)
        .event(update("p-1", 15, 15, 1), "p-1")
        .event(update("p-1", 9, -6, 2), "p-1")
        .event(update("p-1", 12, 3, 3), "p-1")
        .event(
            json!({ "eventId": "e-2", "eventType": "STOCK_UPDATED", "productId": "p-2",
                "stock": 3, "version": 9, "timestamp": 1_790_000_000_000_i64 }),
            "p-2",
        )
        .poison(json!({ "product_id": "p-3", "available": -1, "version": 1 }))
        .run()
        .await;
}
