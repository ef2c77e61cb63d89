//! The checks that every command passes, on this function's requests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use orders_api::{NewOrder, OrdersApiHandler};
use serde_json::json;
use testkit::conformance::CommandSuite;

fn order(lines: u32) -> NewOrder {
    let line = |n| json!({ "product_id": format!("p-{n}"), "quantity": n, "unit_price": "19.90" });
    let items: Vec<_> = (1..=lines).map(line).collect();
    let body = json!({ "user_id": "u-1", "total_amount": 30_000, "items": items });
    NewOrder::read(&body).unwrap()
}

#[tokio::test]
async fn orders_api_conforms() {
    CommandSuite::new(|| OrdersApiHandler)
        .call("key/k-1", "one line", order(1))
        .call("request/r-1", "as many lines as may be", order(50))
        .volatile("ordered_at")
        .volatile("updated_at")
        .volatile("at")
        .run()
        .await;
}
