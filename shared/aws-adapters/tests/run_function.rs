//! `run_decide` as a process under a Runtime API, with an embedded `DynamoDB` and SQS.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_adapters::{DeadLetterDocument, DynamoStore, tables};
use local_platform::lambda::{LambdaOptions, LogLine};
use local_platform::{Function, Invocation, LocalLambda, LocalSqs};
use processing::{ItemKey, Store};
use serde_json::{Value, json};
use testkit::{EventBuilder, KafkaRecord};

const TOPIC: &str = "balance.balance.charged";
/// How long a function may take to be killed over bad settings, or to write a line.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A function with everything that it needs.
struct System {
    lambda: LocalLambda,
    sqs: LocalSqs,
    store: DynamoStore,
    lines: Arc<Mutex<Vec<String>>>,
}

impl System {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let dynamodb = common::dynamodb_server().await;
        let client = common::dynamodb_client(dynamodb).await;
        tables::create_tables(&client, "test-").await.unwrap();
        let sqs = LocalSqs::start(0).await.unwrap();
        let queues = aws_sdk_sqs::Client::new(&common::sdk_config(sqs.address()).await);
        queues
            .create_queue()
            .queue_name("dead-letters")
            .send()
            .await
            .unwrap();

        let mut function = Function::new("ledger", env!("CARGO_BIN_EXE_ledger-function"));
        function.timeout = Duration::from_secs(20);
        function.environment = BTreeMap::from([
            (
                "AWS_ENDPOINT_URL_DYNAMODB".to_owned(),
                format!("http://{dynamodb}"),
            ),
            ("AWS_ENDPOINT_URL_SQS".to_owned(), sqs.endpoint()),
            ("TABLE_PREFIX".to_owned(), "test-".to_owned()),
            (
                "DEAD_LETTER_QUEUE_URL".to_owned(),
                sqs.queue_url("dead-letters"),
            ),
            ("AWS_LAMBDA_LOG_LEVEL".to_owned(), "INFO".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()),
        ]);
        let own = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        function.environment.extend(own);

        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let options = LambdaOptions {
            logs: Arc::new(move |line: LogLine| kept.lock().unwrap().push(line.text)),
            ..LambdaOptions::default()
        };
        let lambda = LocalLambda::start_with(0, vec![function], options)
            .await
            .unwrap();
        Self {
            lambda,
            sqs,
            store: DynamoStore::new(&client, "test-"),
            lines,
        }
    }

    async fn invoke(&self, payload: Vec<u8>) -> Invocation {
        self.lambda.invoke("ledger", payload).await.unwrap()
    }

    async fn balance(&self, user: &str) -> Option<Value> {
        let key = ItemKey {
            table: "orders",
            partition: user.to_owned(),
            sort: "-".to_owned(),
        };
        let stored = self.store.load(&[key]).await.unwrap().pop().unwrap();
        stored.map(|stored| stored.body["balance"].clone())
    }

    async fn letters(&self) -> Vec<DeadLetterDocument> {
        let client = aws_sdk_sqs::Client::new(&common::sdk_config(self.sqs.address()).await);
        let received = client
            .receive_message()
            .queue_url(self.sqs.queue_url("dead-letters"))
            .max_number_of_messages(10)
            .send()
            .await
            .unwrap();
        let bodies = received.messages.unwrap_or_default().into_iter();
        bodies
            .map(|message| DeadLetterDocument::read(&message.body.unwrap()).unwrap())
            .collect()
    }

    /// The first line that `is_it` accepts; lines may come a moment after the answer.
    async fn line(&self, is_it: impl Fn(&str) -> bool) -> String {
        let found = async {
            loop {
                let line = self
                    .lines
                    .lock()
                    .unwrap()
                    .iter()
                    .find(|line| is_it(line))
                    .cloned();
                match line {
                    Some(line) => return line,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, found).await.unwrap()
    }
}

fn charge(offset: i64, user: &str, amount: &Value) -> KafkaRecord {
    let value = json!({
        "event_id": format!("e-{offset}"), "event_type": "balance.charged", "schema_version": "1.0",
        "user_id": user, "amount": amount,
    });
    KafkaRecord::new(TOPIC, 0, offset)
        .key(format!("user:{user}"))
        .json(&value)
}

fn payload(records: &[KafkaRecord]) -> Vec<u8> {
    EventBuilder::new().records(records).build()
}

#[tokio::test]
async fn a_function_applies_each_record_once_and_puts_aside_what_it_cannot() {
    let system = System::start(&[]).await;
    let records = [
        charge(0, "u-1", &json!(10)),
        charge(1, "u-1", &json!("not money")),
        charge(2, "u-1", &json!(5.5)),
    ];
    for _ in 0..2 {
        let answer = system.invoke(payload(&records)).await;
        assert!(
            answer.is_success(),
            "{}",
            String::from_utf8_lossy(&answer.payload)
        );
        let body: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(body, json!({"batchItemFailures": []}));
    }
    assert_eq!(system.balance("u-1").await, Some(json!("15.5")));

    let letters = system.letters().await;
    assert!(
        letters
            .iter()
            .all(|letter| letter.position.as_ref().unwrap().offset == 1)
    );
    assert_eq!(letters[0].function, "ledger");

    let metrics = system
        .line(|line| line.contains(r#"{"_aws""#) && line.contains(r#""applied":2"#))
        .await;
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(
        metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "Tailrace"
    );
    let logged = system
        .line(|line| line.contains("became a dead letter"))
        .await;
    let logged: Value = serde_json::from_str(&logged).unwrap();
    assert_eq!(
        (&logged["handler"], &logged["offset"]),
        (&json!("ledger"), &json!(1))
    );
    assert!(logged["span"]["requestId"].is_string());
    system.lambda.shutdown().await;
}

#[tokio::test]
async fn unfinished_records_are_named_or_fail_the_invocation() {
    for (partial, named) in [("true", true), ("false", false)] {
        let missing = [
            ("TABLE_PREFIX", "missing-"),
            ("PARTIAL_BATCH_RESPONSE", partial),
        ];
        let system = System::start(&missing).await;
        let answer = system.invoke(payload(&[charge(7, "u-1", &json!(1))])).await;
        let body: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(answer.is_success(), named, "{body}");
        if named {
            let identifier = &body["batchItemFailures"][0]["itemIdentifier"];
            assert_eq!(
                *identifier,
                json!({"partition": format!("{TOPIC}-0"), "offset": 7})
            );
        } else {
            assert_eq!(body["errorType"], "unfinished");
        }
        let line = system
            .line(|line| line.contains("is unfinished and comes again"))
            .await;
        assert!(line.contains("ResourceNotFoundException"), "{line}");
        system.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn a_payload_that_is_no_kafka_event_fails_the_invocation() {
    let system = System::start(&[]).await;
    for no_event in [&b"[1]"[..], b"null", br#"{"records":[]}"#] {
        let answer = system.invoke(no_event.to_vec()).await;
        let body: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(body["errorType"], "malformed_event", "{body}");
    }
    // An event without records is one all the same.
    assert!(system.invoke(b"{}".to_vec()).await.is_success());
    system.lambda.shutdown().await;
}

#[tokio::test]
async fn payloads_do_not_appear_in_logs_at_any_level() {
    let system = System::start(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")]).await;
    let answer = system
        .invoke(payload(&[charge(0, "someone-private", &json!(1))]))
        .await;
    assert!(answer.is_success());
    system
        .line(|line| line.contains("a batch was processed"))
        .await;
    // The record's value, as it travels.
    let value = charge(0, "someone-private", &json!(1)).to_json()["value"]
        .as_str()
        .unwrap()
        .to_owned();
    let lines = system.lines.lock().unwrap().clone();
    assert!(
        lines
            .iter()
            .all(|line| !line.contains("someone-private") && !line.contains(&value))
    );
    system.lambda.shutdown().await;
}

#[tokio::test]
async fn a_function_with_wrong_settings_says_all_that_is_wrong() {
    let wrong = [
        ("DEAD_LETTER_QUEUE_URL", ""),
        ("DEADLINE_MARGIN_MS", "soon"),
    ];
    let system = System::start(&wrong).await;
    let answer = system.lambda.invoke("ledger", payload(&[])).await;
    assert!(answer.is_ok_and(|answer| !answer.is_success()));
    system
        .line(|line| line.contains("2 setting(s) cannot be used"))
        .await;
    system
        .line(|line| line.contains("DEAD_LETTER_QUEUE_URL is not set; it has to be"))
        .await;
    system
        .line(|line| line.contains("DEADLINE_MARGIN_MS is \"soon\"; it has to be"))
        .await;
    system.lambda.shutdown().await;
}
