//! What an order does: reserved whole or rejected whole, and what is told of it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use order_created::OrderCreatedHandler;
use processing::{DecideEngine, EngineSettings, Processed, Processor};
use serde_json::{Value, json};
use tables::{Order, Product};
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation, item_key,
};

const TOPIC: &str = "order.order.created";

struct Shop {
    store: MemoryStore,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
}

impl Shop {
    fn with_stock(products: &[(&str, i64)]) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        for (id, available) in products {
            let product = json!({ "product_id": id, "available": available });
            store.seed(item_key("products", *id, "-"), &product);
        }
        Self {
            store,
            letters: MemoryDeadLetters::new(),
            timer,
        }
    }

    async fn run(&self, records: &[KafkaRecord]) -> Processed {
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let engine = DecideEngine::new(
            OrderCreatedHandler,
            self.store.clone(),
            self.letters.clone(),
            self.timer.clone(),
            settings,
        );
        let payload = EventBuilder::new().records(records).build();
        engine
            .process(&payload, &invocation("request", &self.timer))
            .await
            .unwrap()
    }

    fn order(&self, id: &str) -> Order {
        let stored = self
            .store
            .item("orders", id, "-")
            .expect("the order is stored");
        serde_json::from_value(Value::Object(stored.body)).unwrap()
    }

    fn product(&self, id: &str) -> Product {
        let stored = self
            .store
            .item("products", id, "-")
            .expect("the product is stored");
        serde_json::from_value(Value::Object(stored.body)).unwrap()
    }

    fn published(&self, event_type: &str) -> Vec<Value> {
        self.store.outgoing(event_type)
    }

    fn codes(&self) -> Vec<&'static str> {
        self.letters
            .letters()
            .iter()
            .map(|letter| letter.code)
            .collect()
    }
}

fn order(offset: i64, id: &str, items: &[(&str, u32)]) -> KafkaRecord {
    let items: Vec<Value> = items
        .iter()
        .map(|(product, quantity)| json!({ "product_id": product, "quantity": quantity }))
        .collect();
    KafkaRecord::new(TOPIC, 0, offset).key(id).json(&json!({
        "event_id": format!("e-{id}"), "order_id": id, "user_id": "u-1",
        "total_amount": "199.90", "items": items,
    }))
}

#[tokio::test]
async fn an_order_reserves_its_stock() {
    let shop = Shop::with_stock(&[("p-1", 10), ("p-2", 5)]);
    shop.run(&[order(0, "o-1", &[("p-1", 3), ("p-2", 5)])])
        .await;
    let stored = shop.order("o-1");
    assert_eq!(stored.status.as_str(), "placed");
    assert_eq!(stored.total_amount, Some("199.9".parse().unwrap()));
    let first = shop.product("p-1");
    assert_eq!((first.available, first.reserved, first.changes), (7, 3, 1));
    assert_eq!(shop.product("p-2").available, 0);
    let updates = shop.published("stock.updated");
    assert_eq!(updates.len(), 2);
    assert_eq!(
        (&updates[0]["available"], &updates[0]["delta"]),
        (&json!(7), &json!(-3))
    );
    assert_eq!(
        shop.published("notification.requested")[0]["kind"],
        "order_placed"
    );
    let statuses = shop.published("order.status-changed");
    assert_eq!(statuses.len(), 1);
    assert_eq!(
        (&statuses[0]["status"], &statuses[0]["previous_status"]),
        (&json!("placed"), &json!("pending"))
    );
}

#[tokio::test]
async fn too_little_stock_of_one_product_rejects_the_whole_order() {
    let shop = Shop::with_stock(&[("p-1", 10), ("p-2", 4)]);
    shop.run(&[order(0, "o-1", &[("p-1", 3), ("p-2", 5)])])
        .await;
    let stored = shop.order("o-1");
    assert_eq!(
        (stored.status.as_str(), stored.reason.as_deref()),
        ("rejected", Some("out_of_stock"))
    );
    assert_eq!(
        (shop.product("p-1").available, shop.product("p-1").reserved),
        (10, 0)
    );
    assert!(shop.published("stock.updated").is_empty());
    assert_eq!(
        shop.published("order.status-changed")[0]["status"],
        "rejected"
    );
    assert_eq!(
        shop.published("notification.requested")[0]["kind"],
        "order_rejected"
    );
}

#[tokio::test]
async fn an_unknown_product_rejects_the_order() {
    let shop = Shop::with_stock(&[]);
    shop.run(&[order(0, "o-1", &[("p-404", 1)])]).await;
    assert_eq!(shop.order("o-1").status.as_str(), "rejected");
    assert!(shop.store.table("products").is_empty());
}

#[tokio::test]
async fn lines_of_one_product_are_added_up() {
    let shop = Shop::with_stock(&[("p-1", 4)]);
    shop.run(&[order(0, "o-1", &[("p-1", 2), ("p-1", 3)])])
        .await;
    assert_eq!(
        shop.order("o-1").status.as_str(),
        "rejected",
        "2 + 3 is more than 4"
    );
}

#[tokio::test]
async fn the_last_piece_goes_to_the_first_order() {
    let shop = Shop::with_stock(&[("p-1", 1)]);
    shop.run(&[
        order(0, "o-1", &[("p-1", 1)]),
        order(1, "o-2", &[("p-1", 1)]),
    ])
    .await;
    assert_eq!(shop.order("o-1").status.as_str(), "placed");
    assert_eq!(shop.order("o-2").status.as_str(), "rejected");
    assert_eq!(shop.product("p-1").available, 0);
}

#[tokio::test]
async fn an_order_that_was_decided_before_is_a_dead_letter() {
    let shop = Shop::with_stock(&[("p-1", 10)]);
    let again = KafkaRecord::new(TOPIC, 0, 1).key("o-1").json(&json!({
        "event_id": "another", "order_id": "o-1", "user_id": "u-1",
        "items": [{ "product_id": "p-1", "quantity": 1 }],
    }));
    shop.run(&[order(0, "o-1", &[("p-1", 1)]), again]).await;
    assert_eq!(shop.codes(), ["order_exists"]);
    assert_eq!(shop.product("p-1").available, 9);
}

#[tokio::test]
async fn a_pending_order_is_decided() {
    let shop = Shop::with_stock(&[("p-1", 10)]);
    shop.store.seed(
        item_key("orders", "o-1", "-"),
        &json!({
            "order_id": "o-1", "user_id": "u-1", "status": "pending", "quantities": {},
            "ordered_at": "2026-11-21T10:15:30.123Z", "updated_at": "2026-11-21T10:15:30.123Z",
        }),
    );
    shop.run(&[order(0, "o-1", &[("p-1", 1)])]).await;
    assert_eq!(shop.order("o-1").status.as_str(), "placed");
}

#[tokio::test]
async fn a_pending_order_keeps_its_time_and_its_timeline_goes_on() {
    for (available, status) in [(10, "placed"), (0, "rejected")] {
        let shop = Shop::with_stock(&[("p-1", available)]);
        let ordered_at = "2026-11-21T10:15:00.000Z";
        shop.store.seed(
            item_key("orders", "o-1", "-"),
            &json!({
                "order_id": "o-1", "user_id": "u-1", "status": "pending", "quantities": { "p-1": 1 },
                "lines": [{ "product_id": "p-1", "quantity": 1 }],
                "timeline": [{ "status": "pending", "at": ordered_at, "event_id": "e-o-1" }],
                "ordered_at": ordered_at, "updated_at": ordered_at,
            }),
        );
        shop.run(&[order(0, "o-1", &[("p-1", 1)])]).await;
        let stored = shop.order("o-1");
        assert_eq!(stored.ordered_at.to_string(), ordered_at);
        let entries = (stored.timeline.iter()).map(|entry| {
            (
                entry.status.as_str(),
                entry.event_id.as_ref().unwrap().as_str(),
            )
        });
        let expected = [("pending", "e-o-1"), (status, "e-o-1")];
        assert_eq!(entries.collect::<Vec<_>>(), expected);
        assert_eq!(stored.timeline[1].at, stored.updated_at);
    }
}

#[tokio::test]
async fn an_order_that_no_one_stored_before_begins_its_timeline_when_it_is_decided() {
    let shop = Shop::with_stock(&[("p-1", 10)]);
    shop.run(&[order(0, "o-1", &[("p-1", 3), ("p-1", 1)])])
        .await;
    let stored = shop.order("o-1");
    let statuses: Vec<_> = (stored.timeline.iter())
        .map(|entry| entry.status.as_str())
        .collect();
    assert_eq!(statuses, ["placed"]);
    let lines: Vec<_> = stored.lines.iter().map(|line| line.quantity).collect();
    assert_eq!(lines, [3, 1], "what was ordered, line by line");
}

#[tokio::test]
async fn an_order_without_an_id_gets_the_same_one_each_time() {
    let legacy = KafkaRecord::new(TOPIC, 0, 0).json(&json!({
        "eventId": "e-1", "userId": "u123", "items": [{ "productId": "p-1", "qty": 2 }],
    }));
    let ids: Vec<String> = {
        let (first, second) = (
            Shop::with_stock(&[("p-1", 10)]),
            Shop::with_stock(&[("p-1", 10)]),
        );
        first.run(std::slice::from_ref(&legacy)).await;
        second.run(std::slice::from_ref(&legacy)).await;
        let id = |shop: &Shop| shop.store.table("orders")[0].0.partition.clone();
        vec![id(&first), id(&second)]
    };
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_order_of_an_old_producer_without_an_event_id_is_a_dead_letter() {
    let shop = Shop::with_stock(&[("p1", 10)]);
    let old = KafkaRecord::new(TOPIC, 0, 0)
        .value(r#"{"userId":"u123","items":[{"productId":"p1","qty":2}]}"#);
    shop.run(&[old]).await;
    assert_eq!(shop.codes(), ["missing_event_id"]);
    assert_eq!(shop.product("p1").available, 10);
}
