//! The functions of reservations in one world: one store, one dead-letter queue, one clock.
//!
//! Which events there are and what must hold after them is not its business.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use concert_sold_out::ConcertSoldOutHandler;
use event_schema::Incoming as _;
use payment_completed::PaymentCompletedHandler;
use payment_failed::PaymentFailedHandler;
use processing::{
    Decide, DecideEngine, EngineSettings, Item, Outcome, Processor as _, STATE_TABLE,
};
use reservation_created::ReservationCreatedHandler;
use serde_json::Value;
use testkit::{
    EventBuilder, FaultPlan, FaultyDeadLetters, FaultyStore, KafkaRecord, MemoryDeadLetters,
    MemoryStore, VirtualTimer, invocation, item_key,
};

/// Deliveries of a record after which it has to be finished.
const DELIVERIES_MAX: usize = 60;
/// Turns of the relay after which nothing must be left to pass on.
const TURNS_MAX: usize = 10;

/// A function that changes reservations, or tells who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    ReservationCreated,
    PaymentCompleted,
    PaymentFailed,
    ConcertSoldOut,
}

/// What the functions work on.
pub(crate) struct Hall {
    store: MemoryStore,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
    faults: FaultPlan,
    offset: AtomicI64,
    passed_on: BTreeSet<String>,
}

impl Hall {
    /// Opens a hall with one concert, in which calls go wrong as planned.
    pub(crate) fn new(concert: &Value, faults: FaultPlan) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        store.seed(item_key("concerts", "c-1", "-"), concert);
        Self {
            store,
            letters: MemoryDeadLetters::new(),
            timer,
            faults,
            offset: AtomicI64::new(0),
            passed_on: BTreeSet::new(),
        }
    }

    /// Has a function decide an event, delivered until it is finished.
    pub(crate) async fn deliver(&self, to: Function, value: &Value) {
        match to {
            Function::ReservationCreated => self.run(ReservationCreatedHandler, value).await,
            Function::PaymentCompleted => self.run(PaymentCompletedHandler, value).await,
            Function::PaymentFailed => self.run(PaymentFailedHandler, value).await,
            Function::ConcertSoldOut => self.run(ConcertSoldOutHandler, value).await,
        }
    }

    async fn run<H: Decide>(&self, handler: H, value: &Value) {
        let offset = self.offset.fetch_add(1, Ordering::Relaxed);
        let record = KafkaRecord::new(H::Event::SPECS[0].topic, 0, offset).json(value);
        let payload = EventBuilder::new().records(&[record]).build();
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let engine = DecideEngine::new(
            handler,
            FaultyStore::new(self.store.clone(), &self.faults),
            FaultyDeadLetters::new(self.letters.clone(), &self.faults),
            self.timer.clone(),
            settings,
        );
        for delivery in 0..DELIVERIES_MAX {
            let request = format!("{}-{offset}-{delivery}", H::NAME);
            let invocation = invocation(request, &self.timer);
            let processed = engine.process(&payload, &invocation).await.unwrap();
            let mut outcomes = processed.records.iter().map(|record| &record.outcome);
            if !outcomes.any(|outcome| matches!(outcome, Outcome::Unfinished(_))) {
                return;
            }
        }
        panic!("{} never finished {value}", H::NAME);
    }

    /// Passes on, twice each, the ends of concerts and the continuations that came out since; whether there were any.
    pub(crate) async fn relay(&mut self) -> bool {
        let published = self.published("concert.sold-out").into_iter();
        let new = published.filter(|event| self.passed_on.insert(event["event_id"].to_string()));
        let new: Vec<_> = new.collect();
        for event in new.iter().chain(&new) {
            self.deliver(Function::ConcertSoldOut, event).await;
        }
        !new.is_empty()
    }

    /// Passes on until nothing is left.
    pub(crate) async fn relay_all(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.relay().await {
                return;
            }
        }
        panic!("the functions never come to rest");
    }

    /// Returns the events of a type in the outbox.
    pub(crate) fn published(&self, event_type: &str) -> Vec<Value> {
        self.store.outgoing(event_type)
    }

    /// Returns the payments that ended as dead letters, by their marks.
    ///
    /// A letter alone does not say so: it is sent before that on which its refusal rests is checked, and the
    /// payment may be decided otherwise then. A redrive finds it applied and drops the letter.
    pub(crate) fn dead_payments(&self) -> BTreeSet<String> {
        let letters = self.letters.letters().into_iter();
        let values = letters.map(|letter| {
            let record: Value = serde_json::from_str(letter.record.get()).unwrap();
            let bytes = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        });
        values
            .filter(|value| {
                let event_id = value["event_id"].as_str().unwrap();
                let marker = format!("{}#event#{event_id}", PaymentCompletedHandler::NAME);
                let marker = self.store.item(STATE_TABLE, &marker, "mark");
                marker.is_some_and(|marker| marker.body["mark"] == "dead_lettered")
            })
            .map(|value| value["payment_id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn items<I: Item>(&self) -> Vec<I> {
        let all = self.store.table(I::TABLE).into_iter();
        all.map(|(_, stored)| serde_json::from_value(Value::Object(stored.body)).unwrap())
            .collect()
    }
}
