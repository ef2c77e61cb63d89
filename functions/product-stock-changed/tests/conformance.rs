//! The checks that every function passes, on this function's events.

use product_stock_changed::ProductStockChangedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn change(product: &str, fields: &Value) -> Value {
    let mut change = json!({ "event_type": "product.stock-changed", "product_id": product });
    for (name, value) in fields.as_object().into_iter().flatten() {
        if let Some(fields) = change.as_object_mut() {
            fields.insert(name.clone(), value.clone());
        }
    }
    change
}

#[tokio::test]
async fn product_stock_changed_conforms() {
    let product =
        json!({ "product_id": "p-1", "available": 5, "reserved": 2, "sold": 1, "changes": 3 });
    Suite::new(|| ProductStockChangedHandler)
        .seed(item_key("products", "p-1", "-"), &product)
        .event(
            change(
                "p-1",
                &json!({ "delta": 10, "version": 1, "reason": "restock" }),
            ),
            "p-1",
        )
        .event(change("p-1", &json!({ "delta": 10, "version": 1 })), "p-1")
        .event(
            change("p-1", &json!({ "available": 3, "version": 2 })),
            "p-1",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "STOCK_CHANGED", "productId": 2, "qty": 7 }),
            "2",
        )
        .poison(change("p-3", &json!({ "delta": -1 })))
        .poison(change("p-3", &json!({ "reason": "restock" })))
        .run()
        .await;
}
