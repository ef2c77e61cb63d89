//! What triggers functions by itself: streams of the embedded `DynamoDB`, and schedules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deliveries;
mod kept;
mod kills;
mod retries;
mod schedules;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use local_platform::dynamodb::Storage;
use local_platform::stream::InvokeFunction;
use local_platform::{
    Invocation, InvokeError, LocalDynamoDb, StreamConfig, StreamMapping, StreamSource,
};
use serde_json::{Value, json};

const TABLE: &str = "outbox";
const PATIENCE: Duration = Duration::from_mins(1);

/// A table with a stream of new images.
struct Table {
    server: LocalDynamoDb,
    client: Client,
}

impl Table {
    async fn in_memory() -> Self {
        Self::create(Storage::Memory).await
    }

    async fn create(storage: Storage) -> Self {
        let table = Self::open(storage).await;
        let key = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
        };
        let text = |name: &str| {
            let kind = ScalarAttributeType::S;
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute.attribute_type(kind).build().unwrap()
        };
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage);
        let create = table.client.create_table().table_name(TABLE);
        let create = create
            .key_schema(key("pk", KeyType::Hash).build().unwrap())
            .key_schema(key("sk", KeyType::Range).build().unwrap())
            .attribute_definitions(text("pk"))
            .attribute_definitions(text("sk"))
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream.build().unwrap());
        create.send().await.unwrap();
        table
    }

    /// Opens a storage that has the table.
    async fn open(storage: Storage) -> Self {
        let server = LocalDynamoDb::start(0, storage).await.unwrap();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(local_platform::REGION))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(server.endpoint());
        let client = Client::from_conf(config.build());
        Self { server, client }
    }

    /// Writes items of one partition: `sk` is the number in the order of writing.
    async fn put(&self, pk: &str, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.put_with(pk, number, "x").await;
        }
    }

    async fn put_with(&self, pk: &str, number: usize, body: &str) {
        let put = self.client.put_item().table_name(TABLE);
        let put = put.item("pk", text(pk)).item("sk", text(&sk(number)));
        put.item("body", text(body)).send().await.unwrap();
    }

    fn source(&self) -> StreamSource {
        StreamSource::local(&self.server.endpoint(), TABLE)
    }

    async fn map(&self, function: &TestFunction, config: StreamConfig) -> StreamMapping {
        let mapping = StreamMapping::start(self.source(), function.clone(), config).await;
        mapping.unwrap()
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn sk(number: usize) -> String {
    format!("{number:04}")
}

fn sks(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(sk).collect()
}

/// Short pauses, so that tests wait for little.
fn config() -> StreamConfig {
    StreamConfig {
        poll_pause: Duration::from_millis(20),
        retry_pause_first: Duration::from_millis(1),
        retry_pause_max: Duration::from_millis(10),
        ..StreamConfig::default()
    }
}

/// A function in this process: keeps the events it got and answers as it is told.
#[derive(Clone)]
struct TestFunction {
    events: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Answer>,
}

/// The answer to the invocation of this number, from 1, with this event.
type Answer = dyn Fn(usize, &Value) -> Invocation + Send + Sync;

impl TestFunction {
    fn new(answer: impl Fn(usize, &Value) -> Invocation + Send + Sync + 'static) -> Self {
        let events = Arc::default();
        let answer = Arc::new(answer);
        Self { events, answer }
    }

    /// Finishes whatever it gets.
    fn finishing() -> Self {
        Self::new(|_, _| succeeded(&json!({"batchItemFailures": []})))
    }

    fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The sort keys of each event's records.
    fn batches(&self) -> Vec<Vec<String>> {
        let sk = |record: &Value| text_at(record, "/dynamodb/Keys/sk/S").to_owned();
        let events = self.events();
        let batch = |event: &Value| records(event).iter().map(sk).collect();
        events.iter().map(batch).collect()
    }
}

impl InvokeFunction for TestFunction {
    async fn invoke(&self, payload: axum::body::Bytes) -> Result<Invocation, InvokeError> {
        assert!(payload.len() <= local_platform::lambda::PAYLOAD_BYTES_MAX);
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let number = {
            let mut events = self.events.lock().unwrap();
            events.push(event.clone());
            events.len()
        };
        Ok((self.answer)(number, &event))
    }
}

fn records(event: &Value) -> &Vec<Value> {
    event["Records"].as_array().unwrap()
}

fn sequence_number(event: &Value, record: usize) -> &str {
    text_at(event, &format!("/Records/{record}/dynamodb/SequenceNumber"))
}

fn text_at<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap()
}

fn succeeded(answer: &Value) -> Invocation {
    Invocation {
        status: 200,
        function_error: None,
        payload: answer.to_string().into_bytes(),
    }
}

fn failed() -> Invocation {
    Invocation {
        function_error: Some("Unhandled".to_owned()),
        ..succeeded(&json!({"errorType": "Test"}))
    }
}
