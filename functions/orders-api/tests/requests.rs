//! What a client sees: each route, each problem, and the same answer again.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use http::{Request, Response};
use orders_api::{BODY_BYTES_MAX, OrdersApi, RETRY_AFTER_SECONDS};
use serde_json::{Value, json};
use testkit::{Fault, FaultPlan, FaultyStore, MemoryStore, VirtualTimer, invocation, item_key};

const MARGIN: Duration = Duration::from_secs(2);
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Shop {
    api: OrdersApi<FaultyStore<MemoryStore>, VirtualTimer>,
    store: MemoryStore,
    timer: VirtualTimer,
}

impl Shop {
    fn new() -> Self {
        Self::with(&FaultPlan::none())
    }

    fn with(plan: &FaultPlan) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        let faulty = FaultyStore::new(store.clone(), plan);
        Self {
            api: OrdersApi::new(faulty, timer.clone(), MARGIN),
            store,
            timer,
        }
    }

    async fn send(
        &self,
        request_id: &str,
        request: Request<Vec<u8>>,
    ) -> (Response<String>, &'static str) {
        let invocation = invocation(request_id, &self.timer);
        let answer = self.api.answer(&request, &invocation).await;
        (answer.response, answer.code)
    }

    async fn post(
        &self,
        request_id: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<String> {
        let mut request = Request::post("/orders").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        self.send(request_id, request).await.0
    }

    async fn get(&self, path: &str) -> Response<String> {
        let request = Request::get(path).body(Vec::new()).unwrap();
        self.send("get", request).await.0
    }

    fn outgoing(&self) -> Vec<Value> {
        let rows = self.store.table("outbox").into_iter();
        rows.flat_map(|(_, row)| row.body["events"].as_array().unwrap().clone())
            .collect()
    }
}

fn order() -> String {
    json!({ "user_id": "u-1", "total_amount": "59.70", "coupon_id": "c-1",
        "items": [{ "product_id": "p-1", "quantity": 2, "unit_price": "19.90" },
                  { "product_id": "p-1", "quantity": 1 }] })
    .to_string()
}

fn body(response: &Response<String>) -> Value {
    serde_json::from_str(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// Asserts a problem of this status and code, and returns it.
fn problem(response: &Response<String>, status: u16, code: &str) -> Value {
    let problem = body(response);
    assert_eq!(response.status().as_u16(), status, "{problem}");
    assert_eq!(header(response, "content-type"), "application/problem+json");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code);
    assert_eq!(problem["type"], format!("urn:tailrace:problem:{code}"));
    for member in ["title", "detail"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{member}");
    }
    problem
}

#[tokio::test]
async fn an_order_is_accepted_stored_as_pending_and_told_of() {
    let shop = Shop::new();
    let response = shop.post("r-1", &[("traceparent", TRACE)], &order()).await;
    assert_eq!(response.status(), 202);
    let accepted = body(&response);
    let id = accepted["order_id"].as_str().unwrap();
    assert_eq!(accepted["status"], "pending");
    assert_eq!(header(&response, "location"), format!("/orders/{id}"));
    let stored = shop
        .store
        .item("orders", id, "-")
        .expect("it is stored")
        .body;
    assert_eq!(stored["status"], "pending");
    assert_eq!(stored["quantities"], json!({ "p-1": 3 }));
    let [event] = &shop.outgoing()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (&event["event_type"], &event["key"]),
        (&json!("order.created"), &json!(id))
    );
    assert_eq!(event["traceparent"], TRACE);
    let value: Value = serde_json::from_str(event["value"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&value["order_id"], &value["coupon_id"]),
        (&json!(id), &json!("c-1"))
    );
    assert_eq!(value["items"][0]["quantity"], 2);
}

#[tokio::test]
async fn an_order_is_shown_with_its_lines_amounts_and_timeline() {
    let shop = Shop::new();
    let accepted = shop.post("r-1", &[], &order()).await;
    let response = shop.get(header(&accepted, "location")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let shown = body(&response);
    assert_eq!(
        (&shown["total_amount"], &shown["status"]),
        (&json!("59.70"), &json!("pending"))
    );
    assert_eq!(
        shown["items"][0],
        json!({ "product_id": "p-1", "quantity": 2, "unit_price": "19.90" })
    );
    assert_eq!(
        shown["items"][1],
        json!({ "product_id": "p-1", "quantity": 1 })
    );
    let event_id = &shop.outgoing()[0]["event_id"];
    let entry = json!({ "status": "pending", "at": shown["ordered_at"], "event_id": event_id });
    assert_eq!(shown["timeline"], json!([entry]));
}

#[tokio::test]
async fn an_order_that_was_stored_before_there_were_lines_is_shown() {
    let shop = Shop::new();
    let at = "2026-11-21T10:15:30.123Z";
    let order = json!({ "order_id": "o/1 ü", "user_id": "u-1", "status": "placed",
        "quantities": { "p-1": 2 }, "ordered_at": at, "updated_at": at });
    shop.store.seed(item_key("orders", "o/1 ü", "-"), &order);
    let shown = body(&shop.get("/orders/o%2F1%20%C3%BC").await);
    assert_eq!(
        shown["items"],
        json!([{ "product_id": "p-1", "quantity": 2 }])
    );
    assert_eq!(shown["timeline"], json!([]));
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_again_and_one_order() {
    let shop = Shop::new();
    let key = [("idempotency-key", "k-1")];
    let first = shop.post("r-1", &key, &order()).await;
    let spaced = order().replace(',', " , ");
    let quoted = [("idempotency-key", "\"k-1\"")];
    for again in [
        shop.post("r-2", &key, &spaced).await,
        shop.post("r-3", &quoted, &order()).await,
    ] {
        assert_eq!(again.status(), first.status());
        assert_eq!(again.headers(), first.headers());
        assert_eq!(again.body(), first.body());
    }
    assert_eq!(
        (shop.store.table("orders").len(), shop.outgoing().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn without_a_key_each_request_is_an_order_of_its_own() {
    let shop = Shop::new();
    let first = shop.post("r-1", &[], &order()).await;
    let second = shop.post("r-2", &[], &order()).await;
    assert_ne!(first.body(), second.body());
    assert_eq!(shop.store.table("orders").len(), 2);
}

#[tokio::test]
async fn a_key_belongs_to_its_order_for_good() {
    let shop = Shop::new();
    let key = [("idempotency-key", "k-1")];
    let first = shop.post("r-1", &key, &order()).await;
    let before = shop.store.items();
    let other = order().replace("u-1", "u-2");
    problem(
        &shop.post("r-2", &key, &other).await,
        422,
        "idempotency_key_reused",
    );
    assert_eq!(shop.store.items(), before);

    // A day later the mark is gone, and the order has moved on.
    let late = Shop::new();
    let id = body(&first)["order_id"].as_str().unwrap().to_owned();
    let mut stored = shop.store.item("orders", &id, "-").unwrap().body;
    stored["status"] = json!("placed");
    late.store.seed(item_key("orders", &id, "-"), &stored);
    for again in [order(), other] {
        problem(
            &late.post("r-3", &key, &again).await,
            422,
            "idempotency_key_expired",
        );
    }
    assert_eq!(late.store.item("orders", &id, "-").unwrap().body, stored);
    assert!(late.outgoing().is_empty());
}

#[tokio::test]
async fn wrong_fields_are_named_one_by_one() {
    let shop = Shop::new();
    let wrong = json!({ "user_id": "", "items": [{ "quantity": 0 }] }).to_string();
    let problem = problem(&shop.post("r-1", &[], &wrong).await, 422, "invalid_order");
    let errors = problem["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        ["/user_id", "/items/0/product_id", "/items/0/quantity"]
    );
    assert!(
        errors
            .iter()
            .all(|error| error["code"].is_string() && error["detail"].is_string())
    );
    assert!(shop.store.items().is_empty());
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_place() {
    let shop = Shop::new();
    let deep = "[".repeat(10_000);
    for text in ["", "{", "{\"user_id\":}", "\u{feff}{}", deep.as_str()] {
        let problem = problem(&shop.post("r-1", &[], text).await, 400, "invalid_json");
        assert!(problem["detail"].as_str().unwrap().contains("line "));
    }
    let bytes = Request::post("/orders").header("content-type", "application/json");
    let bytes = bytes.body(vec![b'"', 0xff, b'"']).unwrap();
    problem(&shop.send("r-1", bytes).await.0, 400, "invalid_json");
}

#[tokio::test]
async fn a_body_has_a_bound() {
    let shop = Shop::new();
    let fitting = format!("{}{}", order(), " ".repeat(BODY_BYTES_MAX - order().len()));
    assert_eq!(shop.post("r-1", &[], &fitting).await.status(), 202);
    let larger = format!("{fitting} ");
    problem(&shop.post("r-2", &[], &larger).await, 413, "body_too_large");
}

#[tokio::test]
async fn a_body_has_to_be_said_to_be_json() {
    let shop = Shop::new();
    for (content_type, is_right) in [
        (Some("application/json"), true),
        (Some("Application/JSON; charset=utf-8"), true),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("application/jsonp"), false),
        (None, false),
    ] {
        let mut request = Request::post("/orders");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = shop
            .send("r-1", request.body(order().into_bytes()).unwrap())
            .await
            .0;
        if is_right {
            assert_eq!(response.status(), 202, "{content_type:?}");
        } else {
            problem(&response, 415, "unsupported_media_type");
        }
    }
}

#[tokio::test]
async fn a_key_is_a_word_of_bounded_length() {
    let shop = Shop::new();
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    for key in ["", "\"\"", "a b", "a\"b", longer.as_str()] {
        let response = shop
            .post("r-1", &[("idempotency-key", key)], &order())
            .await;
        problem(&response, 400, "invalid_idempotency_key");
    }
    let two = [("idempotency-key", "a"), ("idempotency-key", "b")];
    problem(
        &shop.post("r-1", &two, &order()).await,
        400,
        "invalid_idempotency_key",
    );
    let response = shop
        .post("r-1", &[("idempotency-key", &longest)], &order())
        .await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn a_malformed_trace_context_is_ignored() {
    let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for odd in [
        "",
        "x",
        zeros,
        &TRACE.to_uppercase(),
        &TRACE.replace("00-4", "ff-4"),
    ] {
        let shop = Shop::new();
        let response = shop.post("r-1", &[("traceparent", odd)], &order()).await;
        assert_eq!(response.status(), 202);
        assert_eq!(shop.outgoing()[0]["traceparent"], Value::Null, "{odd}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_there_is_not_found() {
    let shop = Shop::new();
    let long = format!("/orders/{}", "x".repeat(129));
    for path in ["/orders/o-404", "/orders/%FF", "/orders/%0A", long.as_str()] {
        problem(&shop.get(path).await, 404, "order_not_found");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_told_what_there_is() {
    let shop = Shop::new();
    for path in [
        "/",
        "/order",
        "/orders/",
        "/orders/a/b",
        "/health/",
        "//orders",
    ] {
        problem(&shop.get(path).await, 404, "not_found");
    }
    for (method, path, allowed) in [
        ("GET", "/orders", "POST"),
        ("DELETE", "/orders", "POST"),
        ("POST", "/orders/o-1", "GET"),
        ("ODD", "/orders/o-1", "GET"),
        ("HEAD", "/health", "GET"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Vec::new())
            .unwrap();
        let response = shop.send("r-1", request).await.0;
        problem(&response, 405, "method_not_allowed");
        assert_eq!(header(&response, "allow"), allowed);
    }
}

#[tokio::test]
async fn health_does_not_ask_the_store() {
    let shop = Shop::with(&FaultPlan::during(1..=100, Fault::Refused));
    let response = shop.get("/health").await;
    assert_eq!(
        (response.status().as_u16(), body(&response)),
        (200, json!({ "status": "ok" }))
    );
}

#[tokio::test]
async fn a_store_that_is_down_is_no_fault_of_the_client_and_passes() {
    for fault in [
        Fault::Refused,
        Fault::Throttled,
        Fault::HangsBefore,
        Fault::HangsAfter,
    ] {
        let shop = Shop::with(&FaultPlan::during(1..=1_000, fault));
        for response in [
            shop.post("r-1", &[], &order()).await,
            shop.get("/orders/o-1").await,
        ] {
            problem(&response, 503, "unavailable");
            let seconds: u16 = header(&response, "retry-after").parse().unwrap();
            assert_eq!(seconds, RETRY_AFTER_SECONDS);
        }
    }
}

#[tokio::test]
async fn after_an_answer_that_was_lost_the_key_finds_the_order() {
    // The commit is done, and nobody hears of it within the time of the invocation.
    let shop = Shop::with(&FaultPlan::at(2, Fault::HangsAfter));
    let key = [("idempotency-key", "k-1")];
    problem(&shop.post("r-1", &key, &order()).await, 503, "unavailable");
    assert_eq!(shop.store.table("orders").len(), 1);
    let again = shop.post("r-2", &key, &order()).await;
    assert_eq!(again.status(), 202);
    let id = body(&again)["order_id"].as_str().unwrap().to_owned();
    assert!(shop.store.item("orders", &id, "-").is_some());
    assert_eq!(shop.outgoing().len(), 1);
}

#[tokio::test]
async fn what_failed_is_logged_with_its_cause_which_the_client_is_not_told() {
    let shop = Shop::with(&FaultPlan::during(1..=1_000, Fault::Throttled));
    let request = Request::get("/orders/o-1").body(Vec::new()).unwrap();
    let invocation = invocation("r-1", &shop.timer);
    let answer = shop.api.answer(&request, &invocation).await;
    assert_eq!(answer.code, "store_throttled");
    assert!(answer.causes.concat().contains("throttled"));
    assert!(!answer.response.body().contains("throttled"));

    let shop = Shop::new();
    shop.store
        .seed(item_key("orders", "o-1", "-"), &json!({ "order_id": 7 }));
    let (response, code) = shop
        .send("r-1", Request::get("/orders/o-1").body(Vec::new()).unwrap())
        .await;
    assert_eq!((response.status().as_u16(), code), (500, "item_unreadable"));
    assert!(!response.body().contains("item_unreadable"));
}
