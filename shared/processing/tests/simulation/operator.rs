//! The operator: rolls out a fix, puts dead letters and parked keys back while new records arrive, gives a head
//! up, and does all of it twice when no answer comes.
//!
//! It sees what an operator sees: the dead-letter queue, the parked rows, the committed offsets. It never looks
//! at an answer; what came of an order shows in the store.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use processing::{DeadLetter, STATE_TABLE};
use serde_json::{Value, json};
use testkit::{EventBuilder, MemoryDeadLetters, MemoryStore};
use tokio::sync::oneshot;

use crate::broker::{Broker, Place, Produced};
use crate::faults::Fault;
use crate::functions::Function;
use crate::invocation::{Invoker, wait};
use crate::sim::Sim;

/// Orders that an operator gives at most to free all keys, once nothing goes wrong any more.
const LAST_ORDERS_MAX: usize = 60;

/// Whether the function's code was mended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fix(Arc<AtomicBool>);

impl Fix {
    pub(crate) fn is_rolled_out(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn roll_out(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What an operator has done.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    /// Records that were to be put back one by one.
    pub(crate) redriven: BTreeSet<Place>,
    /// Heads that were to be given up.
    pub(crate) skipped: BTreeSet<Place>,
}

/// One operator of the function.
#[derive(Clone)]
pub(crate) struct Operator {
    pub(crate) sim: Sim,
    pub(crate) broker: Broker,
    pub(crate) store: MemoryStore,
    pub(crate) letters: MemoryDeadLetters,
    pub(crate) invoker: Invoker,
    pub(crate) deeds: Arc<Mutex<Deeds>>,
}

/// The first record that waits under a key.
struct Head {
    key: String,
    row: String,
    place: Place,
}

impl Operator {
    pub(crate) fn deeds(&self) -> MutexGuard<'_, Deeds> {
        self.deeds.lock().unwrap()
    }

    /// Works while records arrive.
    pub(crate) async fn run(self) {
        while !self.broker.topic().is_drained() {
            let ms = 200 + self.sim.below(8_000);
            self.sim.sleep_ms(ms).await;
            match self.sim.below(100) {
                0..15 => self.roll_out(),
                15..50 => self.redrive_a_letter().await,
                50..60 => self.redrive_any_record().await,
                60..90 => self.unpark_some(None).await,
                _ => self.unpark_some(Some("nobody needs it")).await,
            }
        }
    }

    /// Frees every key: by a fix, else by giving up its heads.
    pub(crate) async fn finish(self) {
        self.roll_out();
        for _ in 0..LAST_ORDERS_MAX {
            let Some(before) = self.heads().into_iter().next() else {
                return;
            };
            self.unpark(&before, None).await;
            let after = self.heads().into_iter().next();
            if let Some(after) = after.filter(|after| after.place == before.place) {
                self.unpark(&after, Some("it cannot be mended")).await;
            }
        }
    }

    fn roll_out(&self) {
        if !self.invoker.fix.is_rolled_out() {
            self.sim.count(Fault::FixRolledOut);
            self.sim.note(|| "the mended code is rolled out");
            self.invoker.fix.roll_out();
        }
    }

    /// Puts back what may well be applied already.
    async fn redrive_any_record(&self) {
        let record = {
            let topic = self.broker.topic();
            let past: Vec<_> = topic
                .produced()
                .filter(|produced| topic.is_past(produced.place) && !produced.malformed)
                .collect();
            let index = self.sim.index_below(past.len().max(1));
            past.get(index).copied().cloned()
        };
        if let Some(Produced { place, record, .. }) = record {
            let topic_partition = record.position().topic_partition();
            self.redrive(place, topic_partition, record.to_json()).await;
        }
    }

    async fn redrive_a_letter(&self) {
        let letters = self.letters.letters();
        if letters.is_empty() {
            return;
        }
        let letter = &letters[self.sim.index_below(letters.len())];
        let place = place_of(letter, &self.broker);
        // What is still in the topic is delivered anyway, and in its order.
        let Some(place) = place.filter(|place| self.broker.topic().is_past(*place)) else {
            return;
        };
        let record = serde_json::from_str(letter.record.get()).unwrap();
        self.redrive(place, letter.topic_partition.clone(), record)
            .await;
    }

    async fn redrive(&self, place: Place, topic_partition: String, record: Value) {
        self.sim.count(Fault::Redriven);
        self.deeds().redriven.insert(place);
        self.sim.note(|| format!("{place} is put back"));
        let event = EventBuilder::new().redrive("operator");
        self.order(event.raw(topic_partition, record).build()).await;
    }

    async fn unpark_some(&self, skip: Option<&str>) {
        let heads = self.heads();
        if heads.is_empty() {
            return;
        }
        let head = &heads[self.sim.index_below(heads.len())];
        self.unpark(head, skip).await;
        // The same order again, for an answer that did not come.
        if self.sim.chance(20) {
            self.unpark(head, skip).await;
        }
    }

    async fn unpark(&self, head: &Head, skip: Option<&str>) {
        let Head { key, row, place } = head;
        self.sim.count(Fault::Unparked);
        let skip_head = skip.map(|reason| {
            self.sim.count(Fault::HeadSkipped);
            self.deeds().skipped.insert(*place);
            json!({ "row": row, "reason": reason })
        });
        self.sim
            .note(|| format!("key {key} is put back, its head {place} skipped: {skip:?}"));
        let redrive = json!({ "id": "operator", "parked_key": key, "skip_head": skip_head });
        let payload = json!({ "tailrace": { "redrive": redrive } });
        self.order(payload.to_string().into_bytes()).await;
    }

    async fn order(&self, payload: Vec<u8>) {
        let (answer, answered) = oneshot::channel();
        let task = self.invoker.start(payload, &[], answer);
        self.sim.note(|| format!("#{task} is the operator's"));
        let faults = [Fault::TimedOut, Fault::ZombieLeft];
        wait(&self.sim, task, answered, faults).await;
    }

    /// The heads of all parked keys, as their rows show.
    fn heads(&self) -> Vec<Head> {
        if self.invoker.function != Function::ParkingLedger {
            return Vec::new();
        }
        let mut heads: Vec<Head> = Vec::new();
        for (key, _) in self.store.table(STATE_TABLE) {
            let Some((_, ordering_key)) = key.partition.split_once("#key#") else {
                continue;
            };
            let Some(row) = key.sort.strip_prefix("row#") else {
                continue;
            };
            // Rows come in the order of their sort keys.
            if heads.last().is_some_and(|head| head.key == ordering_key) {
                continue;
            }
            let parts: Vec<_> = row.split(['#', '@']).collect();
            let topic = self.broker.topic();
            let place = topic.find(
                parts[1].parse().unwrap(),
                parts[2].parse().unwrap(),
                parts[3].parse().ok(),
            );
            heads.push(Head {
                key: ordering_key.to_owned(),
                row: key.sort.clone(),
                place: place.unwrap(),
            });
        }
        heads
    }
}

/// The record that a letter holds.
pub(crate) fn place_of(letter: &DeadLetter, broker: &Broker) -> Option<Place> {
    let position = letter.position.as_ref()?;
    let record: Value = serde_json::from_str(letter.record.get()).ok()?;
    let timestamp_ms = record["timestamp"].as_i64();
    broker
        .topic()
        .find(position.partition, position.offset, timestamp_ms)
}
