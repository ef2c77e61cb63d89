//! The whole business on the local system, as a person at a terminal sees it: `tailrace dev` and `tailrace demo`.
//!
//! What each function decides is tested beside it; here an order walks through all of them, over HTTP and Kafka.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

use std::process::Stdio;
use std::time::Duration;

use aws_adapters::DynamoStore;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use event_schema::catalogue::FUNCTIONS;
use local_platform::REGION;
use processing::{Change, Expect, ItemKey, Store as _, Transaction, Write};
use serde_json::{Value, json};
use system_tests::{binaries, repository, wait_until};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The longest wait for the system to be up, and for an order to come to its end.
const LIMIT: Duration = Duration::from_mins(2);
/// The longest that a demo may take, on a busy machine.
const DEMO_LIMIT: Duration = Duration::from_mins(8);
/// The most lines before the last one that a banner has.
const BANNER_LINES_MAX: usize = 200;

/// `tailrace` with the binaries of all functions beside it.
fn tailrace() -> Command {
    for function in FUNCTIONS {
        let _built = binaries::function(function.name);
    }
    let mut command = Command::new(binaries::function("tailrace"));
    command.current_dir(repository::root());
    for server in ["KAFKA_BOOTSTRAP_SERVERS", "AWS_ENDPOINT_URL_DYNAMODB"] {
        command.env_remove(server);
    }
    for server in ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3"] {
        command.env_remove(server);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A system that `tailrace dev` runs.
struct Dev {
    child: Child,
    orders: String,
    dynamodb: String,
    client: reqwest::Client,
}

impl Dev {
    async fn start() -> Self {
        let mut command = tailrace();
        command.arg("dev");
        for port in [
            "--http-port",
            "--lambda-port",
            "--dynamodb-port",
            "--sqs-port",
        ] {
            command.args([port, "0"]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut orders, mut dynamodb) = (None, None);
        for _ in 0..BANNER_LINES_MAX {
            let line = tokio::time::timeout(LIMIT, lines.next_line());
            let line = line.await.expect("the banner comes in time");
            let line = line.unwrap().expect("the system runs");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["orders-api", url] => orders = Some(url.to_owned()),
                ["DynamoDB", url] => dynamodb = Some(url.to_owned()),
                _ => {}
            }
            if line.contains("To try it out") {
                break;
            }
        }
        // Whoever writes the log must not wait for somebody to read it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            child,
            orders: orders.expect("the banner names orders-api"),
            dynamodb: dynamodb.expect("the banner names DynamoDB"),
            client: reqwest::Client::new(),
        }
    }

    async fn put_on_sale(&self, product: &str, pieces: i64) {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(&self.dynamodb);
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let item = json!({ "product_id": product, "available": pieces });
        let write = Write {
            key: ItemKey {
                table: "products",
                partition: product.to_owned(),
                sort: "-".to_owned(),
            },
            expect: Expect::Absent,
            change: Change::Put(item.as_object().unwrap().clone()),
        };
        let transaction = Transaction {
            token: format!("on-sale-{product}"),
            writes: vec![write],
        };
        let store = DynamoStore::new(&client, "");
        store.commit(&transaction).await.unwrap();
    }

    /// Posts an order of so many pieces at this price, and returns its path.
    async fn order(&self, product: &str, quantity: u32, price: i64) -> String {
        let order = json!({ "user_id": "u-1", "items": [
            { "product_id": product, "quantity": quantity, "unit_price": price }
        ] });
        let request = self.client.post(format!("{}/orders", self.orders));
        let answer = request.json(&order).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
        let location = answer.headers()["location"].to_str().unwrap();
        location.to_owned()
    }

    /// Waits until an order has this status, and returns the statuses that it went through.
    async fn timeline_of(&self, path: &str, status: &str) -> Vec<String> {
        let mut order = Value::Null;
        wait_until(&format!("{path} is {status}"), LIMIT, async || {
            let answer = self.client.get(format!("{}{path}", self.orders));
            order = answer.send().await.unwrap().json().await.unwrap();
            order["status"] == status
        })
        .await;
        let timeline = order["timeline"].as_array().unwrap().iter();
        timeline
            .map(|entry| entry["status"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Stops it as Ctrl-C in a service manager does.
    async fn stop(mut self) {
        let process = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-TERM", &process]).status();
        assert!(told.await.unwrap().success());
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_order_walks_the_whole_saga_and_shows_its_timeline() {
    let dev = Dev::start().await;
    dev.put_on_sale("p-1", 10).await;
    let paid = dev.order("p-1", 2, 100).await;
    let declined = dev.order("p-1", 2, 600_000).await;
    let rejected = dev.order("p-1", 11, 100).await;
    assert_eq!(
        dev.timeline_of(&paid, "completed").await,
        ["pending", "placed", "paid", "completed"]
    );
    assert_eq!(
        dev.timeline_of(&declined, "payment_failed").await,
        ["pending", "placed", "payment_failed"]
    );
    assert_eq!(
        dev.timeline_of(&rejected, "rejected").await,
        ["pending", "rejected"]
    );
    // What could not be paid is for sale again: 8 of 10 are.
    let rest = dev.order("p-1", 8, 100).await;
    dev.timeline_of(&rest, "completed").await;
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_a_small_demo_balance() {
    let mut command = tailrace();
    let log = std::env::temp_dir().join(format!("tailrace-demo-{}.log", std::process::id()));
    command.args(["demo", "--orders", "100", "--seed", "3", "--log"]);
    let mut child = (command.arg(&log).stdout(Stdio::piped()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut errors) = (String::new(), String::new());
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let ended = tokio::time::timeout(DEMO_LIMIT, async {
        let (out, errors) = tokio::join!(
            stdout.read_to_string(&mut out),
            stderr.read_to_string(&mut errors)
        );
        out.and(errors).unwrap();
        child.wait().await.unwrap()
    });
    let ended = ended.await.expect("the demo ends");
    assert_eq!(ended.code(), Some(0), "{out}\n{errors}");
    assert!(out.contains("checks hold: the books balance."), "{out}");
    std::fs::remove_file(log).unwrap();
}
