//! A look at every invocation between the mapping and the function: what is delivered, how often, and what a
//! process that died had already done.
//!
//! It changes nothing, and nothing is judged by it: it says how hard a run was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_adapters::DynamoStore;
use esm_emulator::{HttpInvoke, Invoke, InvokeAnswer, InvokeError, InvokeRequest};
use processing::{ItemKey, Store as _, Stored};
use serde::Deserialize;
use serde_json::Value;
use system_tests::topic::Position;

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Records delivered, each as often as it was.
    pub(crate) deliveries: u64,
    /// Invocations.
    pub(crate) invocations: u64,
    /// Invocations that the function answered by itself, with an error or without.
    pub(crate) answered: u64,
    /// Batches that were delivered although each of their records had been finished before.
    pub(crate) duplicate_batches: u64,
    /// Invocations whose process died.
    pub(crate) crashes: u64,
    /// Of those that delivered records for the first time: died before the first effect was durable.
    pub(crate) died_before_commits: u64,
    /// Died when some effects were durable.
    pub(crate) died_between_commits: u64,
    /// Died when all effects were durable and the answer was not given.
    pub(crate) died_behind_commits: u64,
    delivered: HashMap<Position, u32>,
    finished: HashSet<Position>,
}

/// An invoker that is watched.
pub(crate) struct Watch {
    pub(crate) inner: HttpInvoke,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) store: DynamoStore,
    pub(crate) table: &'static str,
    /// The item of each record that takes effect.
    pub(crate) effects: Arc<HashMap<Position, String>>,
}

/// What is read of an event.
#[derive(Deserialize)]
struct Event {
    records: BTreeMap<String, Vec<Delivered>>,
}

#[derive(Deserialize)]
struct Delivered {
    partition: i32,
    offset: i64,
}

impl Invoke for Watch {
    async fn invoke(&self, request: InvokeRequest) -> Result<InvokeAnswer, InvokeError> {
        let batch = positions(&request.event);
        self.with_seen(|seen| seen.note_delivery(&batch));
        let answer = self.inner.invoke(request).await;
        match &answer {
            Ok(answer) if answer.function_error.is_none() => {
                let unfinished = listed(&answer.body);
                self.with_seen(|seen| seen.note_finished(&batch, &unfinished));
            }
            Ok(answer) if has_crashed(answer) => self.note_crash(&batch).await,
            Ok(_) => self.with_seen(|seen| seen.answered += 1),
            Err(_) => {}
        }
        answer
    }
}

impl Watch {
    fn with_seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at what the dead process left. Only records that nobody else has had tell anything.
    async fn note_crash(&self, batch: &[Position]) {
        let is_first = self.with_seen(|seen| {
            seen.crashes += 1;
            batch
                .iter()
                .all(|record| seen.delivered.get(record) == Some(&1))
        });
        let (offsets, keys): (Vec<i64>, Vec<ItemKey>) = batch
            .iter()
            .filter_map(|record| {
                let key = ItemKey {
                    table: self.table,
                    partition: self.effects.get(record)?.clone(),
                    sort: "-".to_owned(),
                };
                Some((record.offset, key))
            })
            .unzip();
        if !is_first || keys.is_empty() {
            return;
        }
        let mut distinct = keys.clone();
        distinct.sort();
        distinct.dedup();
        // A store that is late on a busy machine leaves this death unclassified: nothing is judged by it.
        let Ok(stored) = self.store.load(&distinct).await else {
            return;
        };
        let stored: HashMap<_, _> = distinct.iter().zip(stored).collect();
        let there = offsets
            .iter()
            .zip(&keys)
            .filter(|(offset, key)| has_effect(stored[key].as_ref(), **offset))
            .count();
        self.with_seen(|seen| match there {
            0 => seen.died_before_commits += 1,
            all if all == keys.len() => seen.died_behind_commits += 1,
            _ => seen.died_between_commits += 1,
        });
    }
}

impl Seen {
    fn note_delivery(&mut self, batch: &[Position]) {
        self.invocations += 1;
        self.deliveries += u64::try_from(batch.len()).unwrap();
        if batch.iter().all(|record| self.finished.contains(record)) {
            self.duplicate_batches += 1;
        }
        for record in batch {
            *self.delivered.entry(*record).or_default() += 1;
        }
    }

    fn note_finished(&mut self, batch: &[Position], unfinished: &HashSet<Position>) {
        self.answered += 1;
        let finished = batch.iter().filter(|record| !unfinished.contains(record));
        self.finished.extend(finished.copied());
    }
}

fn positions(event: &[u8]) -> Vec<Position> {
    let event: Event = serde_json::from_slice(event).unwrap();
    let records = event.records.into_values().flatten();
    let position = |Delivered { partition, offset }| Position { partition, offset };
    records.map(position).collect()
}

/// The records that a batch response names.
fn listed(body: &[u8]) -> HashSet<Position> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = body["batchItemFailures"].as_array().into_iter().flatten();
    let position = |item: &Value| {
        let (_, partition) = item["itemIdentifier"]["partition"]
            .as_str()?
            .rsplit_once('-')?;
        Some(Position {
            partition: partition.parse().ok()?,
            offset: item["itemIdentifier"]["offset"].as_i64()?,
        })
    };
    named.filter_map(position).collect()
}

fn has_crashed(answer: &InvokeAnswer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["errorType"] == "Runtime.ExitError"
}

/// An order has its effect by being there, a charge by its offset in the history.
fn has_effect(stored: Option<&Stored>, offset: i64) -> bool {
    let Some(stored) = stored else {
        return false;
    };
    match stored.body.get("entries").and_then(Value::as_array) {
        Some(entries) => entries.iter().any(|entry| entry[0] == offset),
        None => true,
    }
}
