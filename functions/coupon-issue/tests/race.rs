//! Two invocations that want the same coupon at the same moment, as requests without keys make them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};

use coupon_issue::CouponIssueHandler;
use processing::{
    CommitError, DecideEngine, EngineSettings, ItemKey, Processor as _, Query, Store, StoreError,
    Stored, Transaction,
};
use serde_json::{Value, json};
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation, item_key,
};

type Engine<S> = DecideEngine<CouponIssueHandler, S, MemoryDeadLetters, VirtualTimer>;

/// A store in front of whose first commit another invocation runs to its end.
struct Overtaken {
    store: MemoryStore,
    other: Engine<MemoryStore>,
    payload: Vec<u8>,
    timer: VirtualTimer,
    has_happened: AtomicBool,
}

impl Store for Overtaken {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.store.load(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        self.store.query(query).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        if !self.has_happened.swap(true, Ordering::SeqCst) {
            let other = invocation("other", &self.timer);
            self.other.process(&self.payload, &other).await.unwrap();
        }
        self.store.commit(transaction).await
    }
}

fn engine<S: Store>(store: S, timer: &VirtualTimer) -> Engine<S> {
    let settings = EngineSettings {
        partial_batch_response: true,
        ..EngineSettings::default()
    };
    let letters = MemoryDeadLetters::new();
    DecideEngine::new(CouponIssueHandler, store, letters, timer.clone(), settings)
}

fn request(partition: i32, user: &str) -> Vec<u8> {
    let value = json!({ "event_id": format!("e-{user}-{partition}"), "coupon_id": "c-1",
        "user_id": user, "timestamp": "2026-11-21T10:15:30.123Z" });
    let record = KafkaRecord::new("coupon.coupon.issue-requested", partition, 0).json(&value);
    EventBuilder::new().record(&record).build()
}

/// Runs one user's request, which another's overtakes; who has the coupon then, and what was told, sorted.
async fn race(quantity: u64, slow: &str, fast: &str) -> (Vec<String>, Vec<String>) {
    let timer = VirtualTimer::automatic();
    let store = MemoryStore::with_clock(&timer);
    let offered = json!({ "coupon_id": "c-1", "quantity": quantity });
    store.seed(item_key("coupons", "c-1", "-"), &offered);
    let overtaken = Overtaken {
        store: store.clone(),
        other: engine(store.clone(), &timer),
        payload: request(1, fast),
        timer: timer.clone(),
        has_happened: AtomicBool::new(false),
    };
    let payload = request(0, slow);
    let engine = engine(overtaken, &timer);
    engine
        .process(&payload, &invocation("slow", &timer))
        .await
        .unwrap();
    let issued = store.table("issued-coupons").into_iter();
    let mut told: Vec<_> = (store.table("outbox").into_iter())
        .flat_map(|(_, row)| row.body.get("events").unwrap().as_array().unwrap().clone())
        .map(|event| {
            let value = event.get("value").unwrap().as_str().unwrap();
            let value: Value = serde_json::from_str(value).unwrap();
            let text = |path: &str| value.pointer(path).and_then(Value::as_str);
            let about = text("/data/reason").or(text("/kind"));
            format!("{} {}", text("/recipient").unwrap(), about.unwrap())
        })
        .collect();
    told.sort();
    (issued.map(|(key, _)| key.sort).collect(), told)
}

#[tokio::test]
async fn the_last_coupon_is_issued_once() {
    let (issued, told) = race(1, "u-slow", "u-fast").await;
    assert_eq!(issued, ["u-fast"]);
    assert_eq!(told, ["u-fast coupon_issued", "u-slow sold_out"]);
}

#[tokio::test]
async fn a_user_who_asks_in_two_partitions_gets_one() {
    let (issued, told) = race(5, "u-1", "u-1").await;
    assert_eq!(issued, ["u-1"]);
    assert_eq!(told, ["u-1 already_issued", "u-1 coupon_issued"]);
}

#[tokio::test]
async fn both_get_one_where_there_are_enough() {
    let (issued, told) = race(2, "u-slow", "u-fast").await;
    assert_eq!(issued, ["u-fast", "u-slow"]);
    assert_eq!(told, ["u-fast coupon_issued", "u-slow coupon_issued"]);
}
