//! Orders over HTTP, through the real binary: plain HTTP, the front, payload format 2.0, the function, its tables.
//!
//! `schemathesis.rs` has what a schema-driven fuzzer finds. What the function decides is tested beside it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, and say what they did not do"
)]

mod schemathesis;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_adapters::DynamoStore;
use futures_util::future::join_all;
use local_platform::{Function, HttpFront, LocalLambda};
use processing::{ItemKey, Store as _};
use serde_json::{Value, json};
use system_tests::samples;
use system_tests::system::{System, TABLE_PREFIX};
use testkit::{EventBuilder, KafkaRecord};

const API: &str = "orders-api";
const DECIDES: &str = "order-created";
/// Times that a client sends a request again under its key.
const TRIES_MAX: usize = 20;
/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// The API with its front, and the function that decides orders.
struct Shop {
    system: System,
    lambda: LocalLambda,
    front: HttpFront,
    client: reqwest::Client,
}

impl Shop {
    async fn start() -> Self {
        let system = System::start().await;
        system.seed_products(&[("p-1", 10), ("p-2", 10)]).await;
        let functions = vec![system.function(API, false), system.function(DECIDES, true)];
        Self::of(system, functions).await
    }

    async fn of(system: System, functions: Vec<Function>) -> Self {
        let lambda = LocalLambda::start(0, functions).await.unwrap();
        let front = HttpFront::start(0, &lambda, API).await.unwrap();
        let client = reqwest::Client::builder().timeout(REQUEST_LIMIT);
        Self {
            system,
            lambda,
            front,
            client: client.build().unwrap(),
        }
    }

    async fn place(&self, key: Option<&str>, order: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}/orders", self.front.url()));
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        request.json(order).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.client.get(format!("{}{path}", self.front.url()));
        response.send().await.unwrap().json().await.unwrap()
    }

    /// Hands the events of the outbox to the function that reads them, as the mapping would.
    async fn relay(&self) -> usize {
        let outgoing = self.system.outgoing_values("order.created").await;
        let records: Vec<KafkaRecord> = (0..)
            .zip(&outgoing)
            .map(|(offset, (key, value))| {
                let record = KafkaRecord::new("order.order.created", 0, offset);
                record.key(key.as_bytes()).value(value.as_bytes())
            })
            .collect();
        let payload = EventBuilder::new().records(&records).build();
        let outcome = self.lambda.invoke(DECIDES, payload).await.unwrap();
        let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        records.len()
    }

    async fn shutdown(self) {
        self.front.shutdown().await;
        self.lambda.shutdown().await;
    }
}

fn order(product: &str, quantity: u32) -> Value {
    json!({ "user_id": "u-1", "total_amount": 30_000,
        "items": [{ "product_id": product, "quantity": quantity }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_over_http_is_decided_and_its_timeline_shows_it() {
    let shop = Shop::start().await;
    let mut places = Vec::new();
    for (product, quantity) in [("p-1", 2), ("p-404", 1)] {
        let response = shop.place(None, &order(product, quantity)).await;
        assert_eq!(response.status(), 202);
        places.push(response.headers()["location"].to_str().unwrap().to_owned());
    }
    for place in &places {
        assert_eq!(shop.get(place).await["status"], "pending");
    }
    assert_eq!(shop.relay().await, 2);
    for (place, status) in places.iter().zip(["placed", "rejected"]) {
        let shown = shop.get(place).await;
        assert_eq!(shown["status"], status, "{shown}");
        let timeline = shown["timeline"].as_array().unwrap();
        let statuses: Vec<_> = timeline
            .iter()
            .map(|entry| entry["status"].clone())
            .collect();
        assert_eq!(statuses, [json!("pending"), json!(status)]);
        assert_eq!(timeline[0]["event_id"], timeline[1]["event_id"]);
        assert_eq!(
            (&shown["total_amount"], &timeline[0]["at"]),
            (&json!("30000"), &shown["ordered_at"])
        );
    }
    assert_eq!(shop.system.picture().await.stock()["p-1"].reserved, 2);
    shop.shutdown().await;
}

/// Eight clients with one key each send it at once, twice, while processes are killed under them.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_key_are_one_order_whoever_dies() {
    const CLIENTS: usize = 8;
    let shop = Shop::start().await;
    let order = order("p-1", 1);
    let again = async |key: String| {
        for _ in 0..TRIES_MAX {
            let response = shop.place(Some(&key), &order).await;
            if response.status() == 202 {
                return response.text().await.unwrap();
            }
            let status = response.status().as_u16();
            assert!(
                [502, 503].contains(&status),
                "{status} is no answer of a process that died"
            );
        }
        panic!("no answer after {TRIES_MAX} requests");
    };
    let keys = (0..CLIENTS).map(|n| format!("key-{}", n / 2));
    let clients = join_all(keys.map(&again));
    let kills = async {
        for _ in 0..CLIENTS {
            shop.lambda.kill_one(API).await;
            tokio::task::yield_now().await;
        }
    };
    let (answers, ()) = tokio::join!(clients, kills);
    for pair in answers.chunks(2) {
        assert_eq!(pair[0], pair[1], "the same key, the same answer");
    }
    let distinct: BTreeSet<_> = answers.iter().collect();
    assert_eq!(distinct.len(), CLIENTS / 2);
    let picture = shop.system.picture().await;
    assert_eq!(picture.orders("pending").len(), CLIENTS / 2);
    assert_eq!(picture.outgoing().len(), CLIENTS / 2);
    shop.shutdown().await;
}

/// What each sample is answered with: status, and for a problem its code.
fn expected(case: &str) -> Option<(u64, Option<&'static str>)> {
    Some(match case {
        "http-api" | "function-url" | "base64" => (202, None),
        "invalid" => (422, Some("invalid_order")),
        "not-found" => (404, Some("order_not_found")),
        "health" => (200, None),
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_answered_as_an_http_front_expects_it() {
    let shop = Shop::start().await;
    let samples = samples::of(API);
    for sample in &samples {
        let Some((status, code)) = expected(sample.case) else {
            panic!("nothing is known of what {:?} must come to", sample.case);
        };
        let outcome = shop.lambda.invoke(API, sample.text.clone()).await.unwrap();
        assert!(outcome.is_success(), "{}: {outcome:?}", sample.case);
        let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(answer["statusCode"], status, "{}: {answer}", sample.case);
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            body.get("code").and_then(Value::as_str),
            code,
            "{}",
            sample.case
        );
        let location = answer["headers"]["location"].as_str();
        let stage = if sample.case == "http-api" {
            "/prod"
        } else {
            ""
        };
        let place = body["order_id"]
            .as_str()
            .map(|id| format!("{stage}/orders/{id}"));
        assert_eq!(location.map(str::to_owned), place, "{}", sample.case);
    }
    let accepted = samples
        .iter()
        .filter(|one| expected(one.case).unwrap().0 == 202);
    assert_eq!(
        shop.system.picture().await.orders("pending").len(),
        accepted.count()
    );
    shop.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_tables_it_says_when_to_try_again() {
    let system = System::start().await;
    let mut function = system.function(API, false);
    let elsewhere = "elsewhere-".to_owned();
    function
        .environment
        .insert("TABLE_PREFIX".to_owned(), elsewhere);
    let shop = Shop::of(system, vec![function]).await;
    let response = shop.place(None, &order("p-1", 1)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(shop.get("/health").await, json!({ "status": "ok" }));
    shop.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_of_a_call_goes_after_a_day_and_its_order_stays() {
    let shop = Shop::start().await;
    assert_eq!(
        shop.place(Some("k-1"), &order("p-1", 1)).await.status(),
        202
    );
    let store = DynamoStore::new(shop.system.tables(), TABLE_PREFIX);
    let key = ItemKey {
        table: "state",
        partition: "orders-api#call#key/k-1".to_owned(),
        sort: "mark".to_owned(),
    };
    let mark = store.load(&[key]).await.unwrap().remove(0).unwrap();
    assert!(mark.body["expires_at"].is_i64(), "{:?}", mark.body);
    assert_eq!(mark.body["mark"], "applied");
    shop.shutdown().await;
}
