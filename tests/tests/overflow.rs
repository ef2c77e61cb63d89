//! Large values through the real function: real binary, Runtime API, `DynamoDB`, SQS and S3 protocols.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::BTreeMap;

use event_schema::ClaimCheck;
use local_platform::LocalLambda;
use processing::Payloads as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use system_tests::picture::Messages;
use system_tests::system::{BUCKET, System};
use testkit::{EventBuilder, KafkaRecord};

const FUNCTION: &str = "order-created";

/// Bytes of a large order: more than its topic takes.
const ORDER_BYTES: usize = 3 * 1024 * 1024;

/// Bytes of a value that no compression makes small enough for a message.
const NOISE_BYTES: usize = 2 * 1024 * 1024;

/// The system with its function.
struct Running {
    system: System,
    lambda: LocalLambda,
}

impl Running {
    async fn start() -> Self {
        let system = System::start().await;
        system.seed_products(&[("p-1", 10)]).await;
        let functions = vec![system.function(FUNCTION, true)];
        let lambda = LocalLambda::start(0, functions).await.unwrap();
        Self { system, lambda }
    }

    /// Delivers a record; the answer names nothing.
    async fn deliver(&self, record: &KafkaRecord) {
        let payload = EventBuilder::new().record(record).build();
        let outcome = self.lambda.invoke(FUNCTION, payload).await.unwrap();
        let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }

    async fn letters(&self) -> Messages {
        self.system.take_messages().await
    }
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// A large order as a producer would have put it on the topic, and what it sends instead.
fn large_order() -> (String, ClaimCheck, KafkaRecord) {
    let order = json!({
        "event_id": "e-1", "order_id": "o-1", "user_id": "u-1",
        "items": [{ "product_id": "p-1", "quantity": 3 }],
        "remarks": "x".repeat(ORDER_BYTES),
    });
    let value = order.to_string();
    let size = u64::try_from(value.len()).unwrap();
    let check = ClaimCheck::of_payload(BUCKET, size, sha256(value.as_bytes())).unwrap();
    let sent = json!({ "event_id": "e-1", "event_type": "order.created", "claim_check": check });
    let record = KafkaRecord::new("order.order.created", 0, 7)
        .key("o-1")
        .json(&sent);
    (value, check, record)
}

#[tokio::test]
async fn a_large_order_that_travels_as_a_claim_check_is_placed_once() {
    let running = Running::start().await;
    let (value, check, record) = large_order();
    let payloads = running.system.payloads();
    payloads.put(check.key(), value.as_bytes()).await.unwrap();
    running.deliver(&record).await;
    let picture = running.system.picture().await;
    let expected = BTreeMap::from([("p-1".to_owned(), (3, 1))]);
    assert_eq!(picture.ordered("placed"), expected);
    running.deliver(&record).await;
    assert_eq!(running.system.picture().await, picture, "twice is once");
    assert!(running.letters().await.letters.is_empty());
    running.lambda.shutdown().await;
}

#[tokio::test]
async fn a_large_order_whose_value_is_not_there_is_a_dead_letter() {
    let running = Running::start().await;
    let (_, _, record) = large_order();
    running.deliver(&record).await;
    let letters = running.letters().await.letters;
    let codes: Vec<_> = letters.iter().map(|letter| letter.code.as_str()).collect();
    assert_eq!(codes, ["payload_missing"]);
    running.lambda.shutdown().await;
}

/// Bytes that no compression makes smaller, from a fixed beginning.
fn noise() -> Vec<u8> {
    let mut random = testkit::Random::new(7);
    let words = std::iter::repeat_with(|| random.draw().to_le_bytes());
    words.flatten().take(NOISE_BYTES).collect()
}

#[tokio::test]
async fn a_dead_letter_too_large_for_its_queue_comes_back_whole_from_the_bucket() {
    let running = Running::start().await;
    let record = KafkaRecord::new("order.order.created", 0, 8)
        .key("o-2")
        .value(noise());
    running.deliver(&record).await;
    let letters = running.letters().await.letters;
    let [letter] = letters.as_slice() else {
        panic!("{} letters", letters.len());
    };
    // Among so many bytes are more brackets than any value nests.
    assert_eq!(letter.code, "value_too_deep");
    let kept: Value = serde_json::from_str(letter.record.get()).unwrap();
    assert_eq!(kept, record.to_json());
    running.lambda.shutdown().await;
}
