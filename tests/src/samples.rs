//! The sample events of `events/<function>/`: the payloads of invocations, as files for people and tools.
//!
//! They are written from here, so that a change of an event type changes them too; what a function makes
//! of them is checked elsewhere. Each case has records of its own, so that all can be sent to one system.

mod order_created;
mod orders_api;
pub mod outbox_relay;

use std::collections::BTreeMap;
use std::path::PathBuf;

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
}

impl Sample {
    /// Returns the file it is in, from the root of the repository.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("events/{}/{}.json", self.function, self.case))
    }
}

/// Returns every sample.
#[must_use]
pub fn all() -> Vec<Sample> {
    let mut all = order_created::samples();
    all.extend(orders_api::samples());
    all.extend(outbox_relay::samples());
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
