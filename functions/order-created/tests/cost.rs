//! What a batch costs in calls: counted, because it is what the design promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use order_created::OrderCreatedHandler;
use processing::{DecideEngine, EngineSettings, Processed, Processor};
use serde_json::json;
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation, item_key,
};

const ORDERS: i64 = 100;

/// Runs a batch of 100 fresh orders over as many products as `product_of` names.
async fn hundred_orders(product_of: fn(i64) -> i64) -> (MemoryStore, Vec<Processed>) {
    let timer = VirtualTimer::automatic();
    let store = MemoryStore::with_clock(&timer);
    for product in (0..ORDERS).map(product_of) {
        let id = format!("p-{product}");
        let item = json!({ "product_id": id, "available": 1_000 });
        store.seed(item_key("products", id, "-"), &item);
    }
    let records = (0..ORDERS).map(|n| {
        KafkaRecord::new("order.order.created", 0, n)
            .key(format!("o-{n}"))
            .json(&json!({
                "event_id": format!("e-{n}"), "order_id": format!("o-{n}"),
                "user_id": format!("u-{n}"),
                "items": [{ "product_id": format!("p-{}", product_of(n)), "quantity": 1 }],
            }))
    });
    let payload = EventBuilder::new()
        .records(&records.collect::<Vec<_>>())
        .build();
    let settings = EngineSettings {
        partial_batch_response: true,
        ..EngineSettings::default()
    };
    let letters = MemoryDeadLetters::new();
    let engine = DecideEngine::new(
        OrderCreatedHandler,
        store.clone(),
        letters,
        timer.clone(),
        settings,
    );
    let mut runs = Vec::new();
    for request_id in ["fresh", "duplicates"] {
        runs.push(
            engine
                .process(&payload, &invocation(request_id, &timer))
                .await
                .unwrap(),
        );
    }
    (store, runs)
}

#[tokio::test]
async fn a_hundred_orders_of_a_hundred_products_cost_a_handful_of_calls() {
    let (store, runs) = hundred_orders(|n| n).await;
    let effort = runs.first().unwrap().effort;
    assert_eq!(store.table("orders").len(), 100);
    assert!(
        (2..=4).contains(&effort.load_calls),
        "{} load calls",
        effort.load_calls
    );
    assert!(effort.commit_calls <= 5, "{} commits", effort.commit_calls);
}

#[tokio::test]
async fn a_hundred_orders_of_one_product_write_it_once_a_commit() {
    let (store, runs) = hundred_orders(|_| 0).await;
    let effort = runs.first().unwrap().effort;
    let commits = usize::try_from(effort.commit_calls).unwrap();
    assert_eq!(store.writes_of(&item_key("products", "p-0", "-")), commits);
    assert!(commits <= 5, "{commits} commits");
    let product = store.item("products", "p-0", "-").unwrap();
    assert_eq!(product.body.get("available"), Some(&json!(900)));
}

#[tokio::test]
async fn a_batch_of_duplicates_costs_load_calls_only() {
    let (_, runs) = hundred_orders(|n| n).await;
    let effort = runs.last().unwrap().effort;
    assert!(effort.load_calls <= 4);
    assert_eq!((effort.commit_calls, effort.dead_letter_sends), (0, 0));
}
