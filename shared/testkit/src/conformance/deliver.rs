//! The checks of a delivery: what holds of every function with a [`Deliver`] handler, whatever its ports do.
//!
//! The handler's own port has to be over the store that the suite gives it, so that its calls fail too and what
//! it delivered can be looked at. What a delivery says is for the function's own tests.

use std::collections::BTreeSet;
use std::time::Duration;

use processing::{Body, Deliver, DeliverEngine, EngineSettings, ItemKey, Outcome, STATE_TABLE};
use serde::Serialize;
use serde_json::{Value, json};

use super::FIRST_OFFSET;
use crate::report::CheckReport;
use crate::{
    Deliveries, Fault, FaultPlan, FaultyDeadLetters, FaultyStore, KafkaRecord, MappingModel,
    MemoryDeadLetters, MemoryStore, Port, Reading, VirtualTimer,
};

/// Calls that fail in a row: more than a delivery is tried again.
const OUTAGE_CALLS: usize = 12;
/// Seeds that are tried under each reading.
const SEEDS: u64 = 12;
/// How many calls of a thousand go wrong at random.
const FAULTS_PER_MILLE: u64 = 150;
/// The call after which nothing goes wrong at random any more.
const RANDOM_CALLS: usize = 40;
/// Added to the offsets of events that are sent again.
const SENT_AGAIN_OFFSET: i64 = 1_000;

/// The pause before each invocation: a lease lasts as long as its invocation may, and its record answers
/// `leased` so long.
const INVOCATION_PAUSE: Duration = Duration::from_secs(5);

type Check = Result<(), String>;

/// The store that the suite gives to the handler's port.
pub type SuiteStore = FaultyStore<MemoryStore>;

/// Describes a delivery, and checks it.
///
/// Every sample is an event that is delivered, given the seeded items. What is delivered is what lies in tables
/// other than the engine's own.
#[must_use = "nothing is checked before `run`"]
pub struct DeliverSuite<F> {
    make: F,
    topic: String,
    samples: Vec<(Value, String)>,
    seeds: Vec<(ItemKey, Body)>,
    poisons: Vec<Value>,
}

/// What came of a run.
struct Run {
    deliveries: Deliveries,
    items: Vec<(ItemKey, Body)>,
    /// Codes and records of the dead letters.
    letters: Vec<(&'static str, Option<Value>)>,
}

impl<H: Deliver, F: Fn(SuiteStore) -> H> DeliverSuite<F> {
    /// Starts the description of a delivery; `make` returns its handler over a store.
    pub fn new(make: F) -> Self {
        use event_schema::Incoming as _;
        Self {
            make,
            topic: (H::Event::SPECS.first()).map_or_else(String::new, |spec| spec.topic.to_owned()),
            samples: Vec::new(),
            seeds: Vec::new(),
            poisons: Vec::new(),
        }
    }

    /// Adds a sample with its Kafka key and an event id of its own.
    pub fn event(mut self, value: Value, key: impl Into<String>) -> Self {
        self.samples.push((value, key.into()));
        self
    }

    /// Adds an item that is there beforehand.
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
        let samples = self.records();
        let once = self.calmly(&samples, Reading::ListedOnly, 0).await;
        report.note("every sample is delivered", once.all_applied(&samples));
        report.note("unknown fields are tolerated", self.unknown_fields().await);
        for reading in Reading::ALL {
            let twice = self.calmly(&samples, reading, 1).await;
            let sentence = format!("a batch that comes twice is delivered once ({reading:?})");
            report.note(sentence, twice.equals(&once));
            let sentence = format!("an event that is sent again is delivered once ({reading:?})");
            report.note(sentence, self.sent_again(&once, reading).await);
            self.each_call(&once, reading, &mut report).await;
            self.at_random(&once, reading, &mut report).await;
        }
        for (name, value) in self.poison_values() {
            let sentence = format!("{name} becomes a dead letter beside its neighbours");
            report.note(sentence, self.beside(value.as_deref(), &once).await);
        }
        report.panic_if_any_failed();
    }

    async fn unknown_fields(&self) -> Check {
        let tomorrow = json!({ "list": [1, null, { "deep": "x" }], "text": "y" });
        let mut records = self.records();
        for (record, (value, _)) in records.iter_mut().zip(self.samples_with_ids()) {
            let mut value = value;
            if let Value::Object(fields) = &mut value {
                fields.insert("field_of_tomorrow".to_owned(), tomorrow.clone());
            }
            record.value = Some(value.to_string().into_bytes());
        }
        let run = self.calmly(&records, Reading::ListedOnly, 0).await;
        run.all_applied(&records)
    }

    async fn sent_again(&self, once: &Run, reading: Reading) -> Check {
        let mut records = self.records();
        let again: Vec<_> = (records.iter().cloned())
            .map(|record| KafkaRecord {
                offset: record.offset + SENT_AGAIN_OFFSET,
                ..record
            })
            .collect();
        records.extend(again);
        let run = self.calmly(&records, reading, 0).await;
        run.equals(once)
    }

    /// Each call of each port fails in each way: once, which a delivery gets over, and for long, which may make
    /// it a dead letter, but never makes it vanish.
    async fn each_call(&self, once: &Run, reading: Reading, report: &mut CheckReport) {
        let records = self.records();
        let plan = FaultPlan::none();
        self.deliver(&records, reading, 0, &plan).await;
        for (number, call) in (1..).zip(plan.calls()) {
            let faults = Fault::ALL.into_iter();
            for fault in faults.filter(|fault| call.port.fault(*fault) == *fault) {
                let about = format!(
                    "call {number} ({:?}) meets {fault:?} ({reading:?})",
                    call.port
                );
                let plan = FaultPlan::at(number, fault);
                let run = self.deliver(&records, reading, 0, &plan).await;
                report.note(
                    format!("nothing is lost or repeated when {about}"),
                    run.equals(once),
                );
                let plan = FaultPlan::during(number..=number + OUTAGE_CALLS, fault);
                let run = self.deliver(&records, reading, 0, &plan).await;
                let sentence =
                    format!("nothing vanishes when {about}, and {OUTAGE_CALLS} behind it");
                report.note(sentence, run.accounts_for(&records, once));
            }
        }
    }

    async fn at_random(&self, once: &Run, reading: Reading, report: &mut CheckReport) {
        let records = self.records();
        for seed in 0..SEEDS {
            let plan = FaultPlan::random(seed, FAULTS_PER_MILLE, RANDOM_CALLS);
            let run = self.deliver(&records, reading, 1, &plan).await;
            let sentence = format!("nothing vanishes under seed {seed} ({reading:?})");
            report.note(sentence, run.accounts_for(&records, once));
        }
    }

    /// There is one letter, which holds the record as it was delivered, also when its first sending fails.
    async fn beside(&self, value: Option<&[u8]>, once: &Run) -> Check {
        let samples = self.records();
        let mut poison = KafkaRecord::new(self.topic.as_str(), 0, FIRST_OFFSET - 1);
        poison.key = Some(super::poison::POISON_KEY.into());
        poison.value = value.map(<[u8]>::to_vec);
        let mut records = vec![poison.clone()];
        records.extend(samples.clone());
        let plan = FaultPlan::none();
        self.deliver(&records, Reading::ListedOnly, 0, &plan).await;
        let calls = plan.calls();
        let sending = calls.iter().position(|call| call.port == Port::Send);
        let sending = sending.ok_or("no letter was sent")? + 1;
        for plan in [FaultPlan::none(), FaultPlan::at(sending, Fault::Refused)] {
            let run = self.deliver(&records, Reading::ListedOnly, 0, &plan).await;
            match run.deliveries.outcome(&poison.position()) {
                Some(Outcome::DeadLettered(_)) => {}
                other => return Err(format!("it came to {other:?}")),
            }
            run.all_applied(&samples)?;
            let held: Vec<_> = run
                .letters
                .iter()
                .map(|(_, record)| record.clone())
                .collect();
            if held != [Some(poison.to_json())] {
                return Err("one letter with the record as it was delivered expected".to_owned());
            }
            expect_items(&once.items, &run.items)?;
        }
        Ok(())
    }

    fn poison_values(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let broken = Some(b"{\"recipient\":".to_vec());
        let own = (1..).zip(&self.poisons).map(|(n, value)| {
            let value = super::with_event_id(value, self.samples.len() + n);
            (format!("poison {n}"), Some(value.to_string().into_bytes()))
        });
        let usual = [
            ("a value that is no JSON".to_owned(), broken),
            ("a tombstone".to_owned(), None),
        ];
        usual.into_iter().chain(own).collect()
    }

    fn samples_with_ids(&self) -> impl Iterator<Item = (Value, &String)> {
        let samples = self.samples.iter().enumerate();
        samples.map(|(n, (value, key))| (super::with_event_id(value, n), key))
    }

    fn records(&self) -> Vec<KafkaRecord> {
        let records = (FIRST_OFFSET..).zip(self.samples_with_ids());
        let records = records.map(|(offset, (value, key))| {
            KafkaRecord::new(self.topic.as_str(), 0, offset)
                .key(key.as_bytes())
                .json(&value)
        });
        records.collect()
    }

    /// A run in which nothing goes wrong.
    async fn calmly(&self, records: &[KafkaRecord], reading: Reading, copies: usize) -> Run {
        let plan = FaultPlan::none();
        self.deliver(records, reading, copies, &plan).await
    }

    async fn deliver(
        &self,
        records: &[KafkaRecord],
        reading: Reading,
        copies: usize,
        plan: &FaultPlan,
    ) -> Run {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        for (key, body) in &self.seeds {
            store.seed(key.clone(), body);
        }
        let queue = MemoryDeadLetters::new();
        let faulty = || FaultyStore::new(store.clone(), plan);
        let engine = DeliverEngine::new(
            (self.make)(faulty()),
            faulty(),
            FaultyDeadLetters::new(queue.clone(), plan),
            timer.clone(),
            EngineSettings {
                partial_batch_response: reading.partial_batch_response(),
                ..EngineSettings::default()
            },
        );
        let mapping = MappingModel::new(reading, &timer);
        let mapping = mapping.records(records.iter().cloned()).copies(copies);
        let mapping = mapping.pause(INVOCATION_PAUSE);
        let deliveries = mapping.run(&engine).await;
        let items = store.items().into_iter();
        let letters = queue.letters().into_iter();
        Run {
            deliveries,
            items: items
                .filter(|(key, _)| key.table != STATE_TABLE)
                .map(|(key, stored)| (key, stored.body))
                .collect(),
            letters: letters
                .map(|letter| (letter.code, serde_json::from_str(letter.record.get()).ok()))
                .collect(),
        }
    }
}

impl Run {
    fn all_applied(&self, records: &[KafkaRecord]) -> Check {
        records.iter().try_for_each(|record| {
            let position = record.position();
            match self.deliveries.outcome(&position) {
                Some(Outcome::Applied) => Ok(()),
                other => Err(format!("{position} should be applied, found {other:?}")),
            }
        })
    }

    /// It left what the other left, and no dead letter.
    fn equals(&self, other: &Self) -> Check {
        self.is_complete()?;
        if !self.letters.is_empty() {
            return Err(format!("dead letters: {:?}", self.letters));
        }
        expect_items(&other.items, &self.items)
    }

    /// Every record is finished, and delivered or a dead letter; nothing else is delivered.
    fn accounts_for(&self, records: &[KafkaRecord], undisturbed: &Self) -> Check {
        self.is_complete()?;
        let strange = self
            .items
            .iter()
            .find(|item| !undisturbed.items.contains(item));
        if let Some(strange) = strange {
            return Err(format!("an undisturbed run leaves no {strange:?}"));
        }
        let put_aside: BTreeSet<_> = (self.letters.iter())
            .filter_map(|(_, record)| Some(record.as_ref()?.get("offset")?.as_i64()))
            .collect();
        let missing = undisturbed.items.len() - self.items.len();
        let is_sampled =
            |offset: &Option<i64>| records.iter().any(|record| Some(record.offset) == *offset);
        if missing > put_aside.iter().filter(|offset| is_sampled(offset)).count() {
            return Err(format!(
                "{missing} are not delivered, and the letters are of {put_aside:?}"
            ));
        }
        Ok(())
    }

    fn is_complete(&self) -> Check {
        let Deliveries {
            given_up,
            answers_refused,
            ..
        } = &self.deliveries;
        if given_up.is_empty() && *answers_refused == 0 {
            return Ok(());
        }
        Err(format!(
            "never finished: {given_up:?}; answers not understood: {answers_refused}"
        ))
    }
}

fn expect_items(expected: &[(ItemKey, Body)], found: &[(ItemKey, Body)]) -> Check {
    if expected == found {
        return Ok(());
    }
    Err(format!("delivered {found:?}\n    expected  {expected:?}"))
}
