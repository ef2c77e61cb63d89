//! The checks that every function with a [`Decide`] handler passes (design §4.4, invariants 1 to 4 and 6).
//!
//! A function describes itself with a few sample events; the suite delivers them in every way that Lambda
//! may, breaks every call of every port, and compares what is left with an undisturbed run. What the
//! handler decides is not judged here: that is tested beside the handler.

mod command;
mod deliver;
mod delivery;
mod disturbance;
mod picture;
mod poison;
mod world;

use std::collections::BTreeSet;

use event_schema::Incoming as _;
use processing::{Body, Decide, ItemKey};
use serde::Serialize;
use serde_json::Value;

pub use command::CommandSuite;
pub use deliver::{DeliverSuite, SuiteStore};

use crate::KafkaRecord;
use crate::report::CheckReport;

/// Partitions over which the samples are spread by their keys.
pub const PARTITIONS: i32 = 3;

/// Where the samples' offsets begin, so that other records fit in front of them.
const FIRST_OFFSET: i64 = 10;

/// A function's description of itself, and the checks.
///
/// The samples have to be events that the handler applies, given the seeded items, one after another. Where
/// several belong together in order they have the same key. Those of different keys must come out the same in
/// whichever order they are applied: mappings promise order within a partition only.
///
/// ```no_run
/// # async fn conforms<H: processing::Decide>(handler: impl Fn() -> H) {
/// use serde_json::json;
/// use testkit::conformance::Suite;
/// use testkit::item_key;
///
/// Suite::new(handler)
///     .seed(item_key("products", "p-1", "-"), &json!({"product_id": "p-1", "stock": 10}))
///     .event(json!({"event_id": "e-1", "order_id": "o-1", "quantity": 2}), "o-1")
///     .poison(json!({"event_id": "e-2", "order_id": ""}))
///     .volatile("updated_at")
///     .run()
///     .await;
/// # }
/// ```
#[must_use = "nothing is checked before `run`"]
pub struct Suite<F> {
    make: F,
    topic: String,
    samples: Vec<Sample>,
    seeds: Vec<(ItemKey, Body)>,
    poisons: Vec<Value>,
    volatile: BTreeSet<String>,
}

#[derive(Clone)]
struct Sample {
    value: Value,
    key: Option<String>,
}

impl<H: Decide, F: Fn() -> H> Suite<F> {
    /// Starts the description of a function; `make` returns its handler.
    pub fn new(make: F) -> Self {
        Self {
            make,
            topic: (H::Event::SPECS.first()).map_or_else(String::new, |spec| spec.topic.to_owned()),
            samples: Vec::new(),
            seeds: Vec::new(),
            poisons: Vec::new(),
            volatile: BTreeSet::new(),
        }
    }

    /// Sets the topic, where it is not the canonical one of the handler's first event.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Adds a sample with its Kafka key; one without `event_id` gets one.
    pub fn event(mut self, value: Value, key: impl Into<String>) -> Self {
        self.samples.push(Sample {
            value,
            key: Some(key.into()),
        });
        self
    }

    /// Adds a sample without a Kafka key.
    pub fn event_without_key(mut self, value: Value) -> Self {
        self.samples.push(Sample { value, key: None });
        self
    }

    /// Adds an item that is there beforehand: a struct of the function or the JSON of one.
    ///
    /// # Panics
    /// If it does not serialise as an object.
    #[track_caller]
    pub fn seed(mut self, key: ItemKey, item: &impl Serialize) -> Self {
        self.seeds.push((key, crate::memory_store::body_of(item)));
        self
    }

    /// Adds a value that the handler refuses for good. A value that is no JSON and a tombstone are tried
    /// without being asked for.
    pub fn poison(mut self, value: Value) -> Self {
        self.poisons.push(value);
        self
    }

    /// Names an attribute of items, or a field of published events, at any depth, that depends on the time of
    /// the invocation and is not compared.
    pub fn volatile(mut self, name: impl Into<String>) -> Self {
        self.volatile.insert(name.into());
        self
    }

    /// Runs every check.
    ///
    /// # Panics
    /// If a check fails, naming each that did; or if there are no samples.
    pub async fn run(self) {
        assert!(
            !self.samples.is_empty(),
            "the suite of `{}` has no sample",
            H::NAME
        );
        let mut report = CheckReport::new(format!("`{}`", H::NAME));
        delivery::check(&self, &mut report).await;
        poison::check(&self, &mut report).await;
        disturbance::check(&self, &mut report).await;
        report.panic_if_any_failed();
    }

    /// The samples as records, each with an event id, in offset order within their partitions.
    fn records(&self) -> Vec<KafkaRecord> {
        self.records_of(&self.samples)
    }

    fn records_of(&self, samples: &[Sample]) -> Vec<KafkaRecord> {
        let mut offsets = [FIRST_OFFSET; PARTITIONS as usize];
        let place = |(n, sample): (usize, &Sample)| {
            let partition = match &sample.key {
                Some(key) => key.bytes().map(usize::from).sum::<usize>(),
                None => n,
            } % offsets.len();
            let offset = offsets.get_mut(partition).map_or(FIRST_OFFSET, |next| {
                *next += 1;
                *next - 1
            });
            let partition = i32::try_from(partition).unwrap_or_default();
            let record = KafkaRecord::new(self.topic.as_str(), partition, offset);
            let record = record.json(&with_event_id(&sample.value, n));
            match &sample.key {
                Some(key) => record.key(key.as_bytes()),
                None => record,
            }
        };
        samples.iter().enumerate().map(place).collect()
    }
}

fn with_event_id(value: &Value, n: usize) -> Value {
    let mut value = value.clone();
    if let Value::Object(fields) = &mut value
        && !fields.contains_key("event_id")
        && !fields.contains_key("eventId")
    {
        fields.insert(
            "event_id".to_owned(),
            Value::from(format!("conformance-{n}")),
        );
    }
    value
}
