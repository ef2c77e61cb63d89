//! Invocations that run at the same time: one of them has the last seat, and whoever is put on the list of a concert
//! that is being closed is told once.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::ConcertSoldOut;
use processing::{
    Change, Decide, DecideEngine, Dedup, EngineSettings, OnPoison, Processor as _, Record,
    Rejection, Work,
};
use reservation_created::ReservationCreatedHandler;
use serde_json::{Value, json};
use tables::Concert;
use testkit::{
    EventBuilder, FaultPlan, FaultyStore, KafkaRecord, MemoryDeadLetters, MemoryStore,
    VirtualTimer, invocation, item_key,
};

/// Ways in which the calls of two invocations may take turns.
const SEEDS: u64 = 200;
const AT: &str = "2026-11-21T10:15:30.123Z";

/// Closes a concert, as `concert-sold-out` does.
#[derive(Clone)]
struct Closes;

impl Decide for Closes {
    type Event = ConcertSoldOut;
    const NAME: &'static str = "closes";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<ConcertSoldOut>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let mut concert = work.get::<Concert>("c-1")?.unwrap();
        concert.closed_at = Some(record.timestamp);
        work.put(&concert);
        Ok(())
    }
}

struct World {
    store: MemoryStore,
    timer: VirtualTimer,
    plan: FaultPlan,
}

impl World {
    fn new(seed: u64, available: i64) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        let concert = json!({ "concert_id": "c-1", "available": available });
        store.seed(item_key("concerts", "c-1", "-"), &concert);
        let plan = FaultPlan::random(seed, 0, 0);
        Self { store, timer, plan }
    }

    async fn run<H: Decide>(&self, handler: H, topic: &str, n: i64, value: Value) {
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let store = FaultyStore::new(self.store.clone(), &self.plan);
        let letters = MemoryDeadLetters::new();
        let engine = DecideEngine::new(handler, store, letters, self.timer.clone(), settings);
        let mut value = value;
        value["event_id"] = json!(format!("e-{n}"));
        value["timestamp"] = json!(AT);
        let record = KafkaRecord::new(topic, 0, n).json(&value);
        let payload = EventBuilder::new().records(&[record]).build();
        let invocation = invocation(format!("request-{n}"), &self.timer);
        engine.process(&payload, &invocation).await.unwrap();
    }

    async fn reserve(&self, n: i64, seat: Option<&str>) {
        let value = json!({ "reservation_id": format!("r-{n}"), "user_id": format!("u-{n}"),
            "concert_id": "c-1", "seat": seat });
        let topic = "reservation.reservation.created";
        self.run(ReservationCreatedHandler, topic, n, value).await;
    }

    /// How many items of a table have that text in that field.
    fn count(&self, table: &'static str, field: &str, text: &str) -> usize {
        let items = self.store.table(table).into_iter();
        let has = |body: &processing::Body| body.get(field).and_then(Value::as_str) == Some(text);
        items.filter(|(_, stored)| has(&stored.body)).count()
    }

    /// The number of the first transaction that gave an item of a table this field, of any value but false.
    fn first_with(&self, table: &str, field: &str) -> Option<usize> {
        let transactions = self.store.applied();
        transactions.iter().position(|writes| {
            writes.iter().any(|write| match &write.change {
                Change::Put(body) if write.key.table == table => {
                    body.get(field).is_some_and(|value| *value != json!(false))
                }
                _ => false,
            })
        })
    }
}

#[tokio::test]
async fn of_two_for_the_last_seat_one_has_it_and_the_end_is_told_once() {
    for seed in 0..SEEDS {
        let world = World::new(seed, 1);
        tokio::join!(world.reserve(1, Some("A-1")), world.reserve(2, Some("A-2")));
        let counts =
            ["pending", "refused"].map(|state| world.count("reservations", "state", state));
        assert_eq!(counts, [1, 1], "seed {seed}");
        let ends = world.count("outbox", "topic", "concert.concert.sold-out");
        assert_eq!(ends, 1, "seed {seed}");
        assert_eq!(world.store.table("waiting").len(), 1, "seed {seed}");
    }
}

#[tokio::test]
async fn who_waits_without_knowing_was_on_the_list_before_the_concert_was_closed() {
    let mut before = 0;
    for seed in 0..SEEDS {
        let world = World::new(seed, 0);
        let topic = "concert.concert.sold-out";
        let sold_out = json!({ "concert_id": "c-1" });
        tokio::join!(
            world.reserve(1, Some("A-1")),
            world.run(Closes, topic, 2, sold_out)
        );
        let waits = world.first_with("waiting", "since").unwrap();
        let closed = world.first_with("concerts", "closed_at").unwrap();
        let knows = world.first_with("waiting", "knows").is_some();
        assert_eq!(knows, closed < waits, "seed {seed}");
        before += u64::from(!knows);
    }
    assert!(
        (1..SEEDS).contains(&before),
        "both orders were met: {before}"
    );
}
