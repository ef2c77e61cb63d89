//! A function's handler in a world of its own, for tests of what it decides.
//!
//! Records go in, items, outgoing events and dead letters can be looked at. How Lambda delivers, and what fails
//! meanwhile, is [`crate::conformance`]'s part.
#![allow(clippy::panic, reason = "helpers of tests fail by panicking")]

use std::sync::atomic::{AtomicI64, Ordering};

use event_schema::{Envelope, Event, Hints, Incoming as _, Read, Timestamp};
use processing::{
    Decide, DecideEngine, EngineSettings, Item, ItemKey, Key, Processed, Processor as _, Timer as _,
};
use serde_json::{Value, json};

use crate::{EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation};

/// A handler with a store, a dead-letter queue and a clock, all in memory.
///
/// Its methods panic where a test has to fail: what they are given or find is not of the expected form.
pub struct Rig<H: Decide> {
    engine: DecideEngine<H, MemoryStore, MemoryDeadLetters, VirtualTimer>,
    /// What the handler reads and writes.
    pub store: MemoryStore,
    /// Where its dead letters go.
    pub letters: MemoryDeadLetters,
    /// Its clock; moves on by itself while the engine waits.
    pub timer: VirtualTimer,
    sent: AtomicI64,
}

impl<H: Decide> Rig<H> {
    /// Sets a handler up with an empty store.
    pub fn new(handler: H) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        Self::of(handler, store, MemoryDeadLetters::new(), timer)
    }

    /// Sets a handler up in the world of another: they share store, dead-letter queue and clock.
    pub fn beside<O: Decide>(handler: H, other: &Rig<O>) -> Self {
        let timer = other.timer.clone();
        Self::of(handler, other.store.clone(), other.letters.clone(), timer)
    }

    fn of(handler: H, store: MemoryStore, letters: MemoryDeadLetters, timer: VirtualTimer) -> Self {
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let engine = DecideEngine::new(
            handler,
            store.clone(),
            letters.clone(),
            timer.clone(),
            settings,
        );
        Self {
            engine,
            store,
            letters,
            timer,
            sent: AtomicI64::new(0),
        }
    }

    /// Puts an item there beforehand.
    ///
    /// # Panics
    /// If its key cannot be one.
    #[must_use]
    pub fn with<I: Item>(self, item: &I) -> Self {
        self.store.seed(key_of::<I>(item.key()), item);
        self
    }

    /// Has the handler decide these records in one invocation.
    ///
    /// # Panics
    /// If the event as a whole is refused, which one of records is not.
    pub async fn run(&self, records: &[KafkaRecord]) -> Processed {
        let payload = EventBuilder::new().records(records).build();
        self.invoke(&payload).await
    }

    /// Has the handler decide these values in one invocation: records of the first topic that it reads, in one
    /// partition, behind those of earlier calls, without Kafka keys; those without an event id get one.
    ///
    /// # Panics
    /// As [`Rig::run`].
    pub async fn send(&self, values: impl IntoIterator<Item = Value>) -> Processed {
        let records: Vec<_> = values.into_iter().map(|value| self.record(value)).collect();
        self.run(&records).await
    }

    /// Has the records of a parked key put back, as an operator orders it; `skip_head` is the head's row and why
    /// it is given up.
    ///
    /// # Panics
    /// As [`Rig::run`].
    pub async fn unpark(&self, key: &str, skip_head: Option<(&str, &str)>) -> Processed {
        let skip = skip_head.map(|(row, reason)| json!({ "row": row, "reason": reason }));
        let order = json!({ "id": "operator", "parked_key": key, "skip_head": skip });
        let payload = json!({ "tailrace": { "redrive": order } });
        self.invoke(payload.to_string().as_bytes()).await
    }

    /// Returns the record that [`Rig::send`] makes of a value.
    pub fn record(&self, mut value: Value) -> KafkaRecord {
        let offset = self.sent.fetch_add(1, Ordering::Relaxed);
        let topic = H::Event::SPECS.first().map_or("", |spec| spec.topic);
        if let Value::Object(fields) = &mut value {
            fields
                .entry("event_id")
                .or_insert_with(|| format!("rig-{offset}").into());
        }
        KafkaRecord::new(topic, 0, offset).json(&value)
    }

    /// Returns an item.
    ///
    /// # Panics
    /// If it is there in another form.
    #[track_caller]
    pub fn item<I: Item>(&self, key: impl Into<Key>) -> Option<I> {
        let ItemKey {
            table,
            partition,
            sort,
        } = key_of::<I>(key.into());
        let stored = self.store.item(table, &partition, &sort)?;
        Some(item_of(stored.body))
    }

    /// Returns every item of a table that holds items of one form only, by their keys.
    ///
    /// # Panics
    /// If one has another form.
    #[track_caller]
    pub fn items<I: Item>(&self) -> Vec<I> {
        let all = self.store.table(I::TABLE).into_iter();
        all.map(|(_, stored)| item_of(stored.body)).collect()
    }

    /// Returns the events of a type that wait in the outbox, in the order of its rows.
    ///
    /// # Panics
    /// If one cannot be read as its readers would.
    #[track_caller]
    pub fn published<E: Event>(&self) -> Vec<E> {
        let values = self.store.outgoing(E::SPEC.event_type).into_iter();
        values
            .map(|value| {
                match Envelope::<E>::read(value.to_string().as_bytes(), Hints::default()) {
                    Ok(Read::Event(envelope)) => envelope.payload,
                    other => panic!("an outgoing event is read as {other:?}"),
                }
            })
            .collect()
    }

    /// Returns the codes of the dead letters, in the order in which they were sent.
    pub fn codes(&self) -> Vec<&'static str> {
        let letters = self.letters.letters();
        letters.iter().map(|letter| letter.code).collect()
    }

    /// Returns where the clock stands.
    pub fn now(&self) -> Timestamp {
        self.timer.now()
    }

    async fn invoke(&self, payload: &[u8]) -> Processed {
        let request = self.sent.fetch_add(1, Ordering::Relaxed);
        let invocation = invocation(format!("{}-{request}", H::NAME), &self.timer);
        match self.engine.process(payload, &invocation).await {
            Ok(processed) => processed,
            Err(error) => panic!("the event was refused: {error}"),
        }
    }
}

#[track_caller]
fn key_of<I: Item>(key: Key) -> ItemKey {
    match ItemKey::of::<I>(key) {
        Ok(key) => key,
        Err(refusal) => panic!("no key of an item: {refusal:?}"),
    }
}

#[track_caller]
fn item_of<I: Item>(body: processing::Body) -> I {
    match serde_json::from_value(Value::Object(body)) {
        Ok(item) => item,
        Err(error) => panic!("an item of {} has another form: {error}", I::TABLE),
    }
}
