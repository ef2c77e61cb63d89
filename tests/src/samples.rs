//! The sample events of `events/<function>/`: the payloads of invocations, as files for people and tools.
//!
//! They are written from here, so that a change of an event type changes them too; what a function makes
//! of them is checked elsewhere. Each case has records of its own, so that all can be sent to one system.

mod balance_charged;
mod concert_sold_out;
mod coupon_issue;
mod data_platform;
mod error_logged;
mod metric_recorded;
mod notification;
mod order_completed;
pub mod order_created;
mod order_status_changed;
mod orders_api;
pub mod outbox_relay;
mod payments;
mod ranking;
mod reservation_created;
mod stock;
mod user_activity;
mod user_registered;

use std::collections::BTreeMap;
use std::path::PathBuf;

use event_schema::EventSpec;
use serde_json::{Value, json};
use testkit::{CLUSTER_ARN, KafkaRecord};

/// The fields of a record, in the order in which esm-spec §1.1 shows them; others follow.
const FIELDS: [&str; 8] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestampType",
    "key",
    "value",
    "headers",
];

/// One sample event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The function it is for.
    pub function: &'static str,
    /// The case it shows, which is the name of its file.
    pub case: &'static str,
    /// The payload.
    pub text: String,
    /// The items that are there before it is sent.
    pub seeds: Vec<Seed>,
    /// The dead letters that it leaves: partition, offset, code.
    pub letters: Vec<(i32, i64, &'static str)>,
}

/// An item that is there before a sample is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Its table.
    pub table: &'static str,
    /// Its key in the table.
    pub key: (String, String),
    /// The item.
    pub item: Value,
}

impl Sample {
    /// A sample that finds empty tables and leaves no dead letter.
    fn new(function: &'static str, case: &'static str, text: String) -> Self {
        Self {
            function,
            case,
            text,
            seeds: Vec::new(),
            letters: Vec::new(),
        }
    }

    /// Has an item there beforehand; `sort` is `-` in tables that need no sort key.
    fn seed(mut self, table: &'static str, partition: &str, sort: &str, item: Value) -> Self {
        let key = (partition.to_owned(), sort.to_owned());
        self.seeds.push(Seed { table, key, item });
        self
    }

    /// Says that the record there becomes a dead letter.
    fn letter(mut self, partition: i32, offset: i64, code: &'static str) -> Self {
        self.letters.push((partition, offset, code));
        self
    }

    /// Returns the file it is in, from the root of the repository.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("events/{}/{}.json", self.function, self.case))
    }
}

/// Returns every sample.
#[must_use]
pub fn all() -> Vec<Sample> {
    let mut all = balance_charged::samples();
    all.extend(concert_sold_out::samples());
    all.extend(coupon_issue::samples());
    all.extend(data_platform::samples());
    all.extend(error_logged::samples());
    all.extend(metric_recorded::samples());
    all.extend(notification::samples());
    all.extend(order_completed::samples());
    all.extend(order_created::samples());
    all.extend(order_status_changed::samples());
    all.extend(orders_api::samples());
    all.extend(outbox_relay::samples());
    all.extend(payments::samples());
    all.extend(ranking::samples());
    all.extend(reservation_created::samples());
    all.extend(stock::samples());
    all.extend(user_activity::samples());
    all.extend(user_registered::samples());
    all
}

/// Returns the samples of one function.
#[must_use]
pub fn of(function: &str) -> Vec<Sample> {
    let all = all().into_iter();
    all.filter(|sample| sample.function == function).collect()
}

/// The event of one invocation while it is put together.
#[derive(Clone, Debug, Default)]
struct Event {
    partitions: BTreeMap<String, Vec<Value>>,
    also: Vec<(&'static str, Value)>,
}

impl Event {
    fn of(records: impl IntoIterator<Item = KafkaRecord>) -> Self {
        records.into_iter().fold(Self::default(), |event, record| {
            let json = record.to_json();
            event.record(&record, json)
        })
    }

    /// Appends a record in another form than the usual one.
    fn record(mut self, record: &KafkaRecord, json: Value) -> Self {
        let partition = record.position().topic_partition();
        self.partitions.entry(partition).or_default().push(json);
        self
    }

    /// Appends a member beside `records`.
    fn also(mut self, name: &'static str, value: Value) -> Self {
        self.also.push((name, value));
        self
    }

    /// Writes the event with a record on each line.
    fn write(&self) -> String {
        let bootstrap = "boot-a1b2c3d4.c2.kafka-serverless.eu-central-1.amazonaws.com:9098";
        let mut members = vec![
            member("eventSource", &json!("aws:kafka")),
            member("eventSourceArn", &json!(CLUSTER_ARN)),
            member("bootstrapServers", &json!(bootstrap)),
        ];
        members.extend(self.also.iter().map(|(name, value)| member(name, value)));
        let partitions = self.partitions.iter().map(|(name, records)| {
            let lines: Vec<String> = records
                .iter()
                .map(|one| format!("      {}", line(one)))
                .collect();
            format!("    {}: [\n{}\n    ]", json!(name), lines.join(",\n"))
        });
        let partitions = partitions.collect::<Vec<_>>().join(",\n");
        members.push(format!("  \"records\": {{\n{partitions}\n  }}"));
        format!("{{\n{}\n}}\n", members.join(",\n"))
    }
}

/// Record number `n` of a topic, as a current producer sends an event of this type: `fields` are those of its
/// payload. Numbers are offsets, and told apart in event ids.
fn current(
    spec: &'static EventSpec,
    partition: i32,
    n: i64,
    key: Option<&str>,
    fields: &Value,
) -> KafkaRecord {
    let id = format!("01996c5d-0000-7000-8000-{n:012}");
    let timestamp = format!("2026-09-21T14:{:02}:{:02}.000Z", 13 + n / 60 % 46, n % 60);
    let mut value = json!({
        "event_id": id, "event_type": spec.event_type,
        "schema_version": spec.schema_version.to_string(), "timestamp": timestamp,
    });
    for (name, field) in fields.as_object().unwrap() {
        value[name] = field.clone();
    }
    let record = KafkaRecord::new(spec.topic, partition, n)
        .json(&value)
        .header("event_id", id)
        .header("event_type", spec.event_type)
        .header("timestamp", timestamp);
    match key {
        Some(key) => record.key(key),
        None => record,
    }
}

/// When the orders of samples were ordered.
const ORDERED_AT: &str = "2026-09-21T14:13:00.000Z";

/// Order `n` of two pieces of `p-1` as it is stored with this status; a paid one was paid with payment `n`.
fn order(n: i64, status: &str) -> Value {
    let mut order = json!({
        "order_id": format!("o-{n}"), "user_id": format!("u-{n}"), "status": status,
        "total_amount": "30000", "quantities": { "p-1": 2 },
        "lines": [{ "product_id": "p-1", "quantity": 2, "unit_price": "15000" }],
        "timeline": [{ "status": status, "at": ORDERED_AT }],
        "ordered_at": ORDERED_AT, "updated_at": ORDERED_AT,
    });
    if status == "paid" {
        order["payment"] = json!({ "payment_id": format!("pay-{n}"), "amount": "30000" });
    }
    order
}

/// The same record at another offset, as a producer sends it that did not hear its acknowledgement.
fn again(record: &KafkaRecord, offset: i64) -> KafkaRecord {
    KafkaRecord {
        offset,
        ..record.clone()
    }
}

/// The record with its value cut off in the middle: no JSON any more.
fn cut_off(mut record: KafkaRecord) -> KafkaRecord {
    let value = record.value.as_mut().unwrap();
    value.truncate(value.len() / 2);
    record
}

fn member(name: &str, value: &Value) -> String {
    format!("  {}: {value}", json!(name))
}

/// Writes a record in one line, its fields in a fixed order.
fn line(record: &Value) -> String {
    let fields = record.as_object().unwrap();
    let known = FIELDS
        .iter()
        .filter_map(|name| Some((*name, fields.get(*name)?)));
    let others = fields.iter().map(|(name, value)| (name.as_str(), value));
    let others = others.filter(|(name, _)| !FIELDS.contains(name));
    let members = known
        .chain(others)
        .map(|(name, value)| format!("{}: {value}", json!(name)));
    format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
}
