//! Ten thousand who wait are told page by page, whatever fails or comes twice between the pages.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use concert_sold_out::{ConcertSoldOutHandler, PAGE_USERS_MAX};
use processing::{
    Body, Change, DecideEngine, EngineSettings, ItemKey, OUTBOX_TABLE, Outcome, Processor as _,
    RecordReport,
};
use serde_json::{Value, json};
use tables::Concert;
use testkit::{
    EventBuilder, Fault, FaultPlan, FaultyDeadLetters, FaultyStore, KafkaRecord, MemoryDeadLetters,
    MemoryStore, VirtualTimer, invocation, item_key,
};

const TOPIC: &str = "concert.concert.sold-out";
const USERS: u32 = 10_000;
/// Invocations after which a test gives up: every page, each as often as it may be disturbed.
const INVOCATIONS_MAX: usize = 200;
/// Calls of the store that telling a page takes: a load, a query, a commit.
const PAGE_CALLS: usize = 3;

/// The concert's waiting list in memory, and the function on it.
struct Hall {
    store: MemoryStore,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
    invocations: usize,
    faults: usize,
    /// Transactions that were looked through for continuations.
    transactions: usize,
}

impl Hall {
    /// A hall whose users have ids of a length, numbered.
    fn with_users(id_bytes: usize) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        let concert = json!({ "concert_id": "c-1", "available": 0 });
        store.seed(item_key("concerts", "c-1", "-"), &concert);
        for n in 0..USERS {
            let user = user(n, id_bytes);
            let waiting = json!({ "concert_id": "c-1", "user_id": user, "reservation_id": "r-1",
                "since": "2026-11-21T10:15:30.123Z" });
            store.seed(item_key("waiting", "c-1", &user), &waiting);
        }
        Self {
            store,
            letters: MemoryDeadLetters::new(),
            timer,
            invocations: 0,
            faults: 0,
            transactions: 0,
        }
    }

    /// One invocation; whether its records were finished.
    async fn invoke(&mut self, records: &[KafkaRecord], plan: &FaultPlan) -> bool {
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let engine = DecideEngine::new(
            ConcertSoldOutHandler,
            FaultyStore::new(self.store.clone(), plan),
            FaultyDeadLetters::new(self.letters.clone(), plan),
            self.timer.clone(),
            settings,
        );
        self.invocations += 1;
        assert!(self.invocations <= INVOCATIONS_MAX, "it goes on for ever");
        let payload = EventBuilder::new().records(records).build();
        let request = format!("request-{}", self.invocations);
        let answer = engine
            .process(&payload, &invocation(request, &self.timer))
            .await;
        self.faults += plan.faults();
        let is_open = |record: &RecordReport| matches!(record.outcome, Outcome::Unfinished(_));
        answer.is_ok_and(|processed| !processed.records.iter().any(is_open))
    }

    /// The continuation that came out since the last call, as a record.
    fn next_continuation(&mut self) -> Option<KafkaRecord> {
        let transactions = self.store.applied_since(self.transactions);
        self.transactions += transactions.len();
        let rows = transactions.into_iter().flatten();
        let rows = rows.filter_map(|write| match write.change {
            Change::Put(row) if write.key.table == OUTBOX_TABLE => Some(row),
            _ => None,
        });
        let mut new: Vec<_> = events(rows, TOPIC).collect();
        let event = new.pop()?;
        assert!(new.is_empty(), "one continuation at a time");
        let offset = i64::try_from(self.transactions).unwrap();
        let value: Value = serde_json::from_str(event["value"].as_str().unwrap()).unwrap();
        let record = KafkaRecord::new(TOPIC, 0, offset).json(&value);
        Some(record.header("event_id", event["event_id"].as_str().unwrap()))
    }

    /// How often each user was told.
    fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        let rows = self.store.table(OUTBOX_TABLE).into_iter();
        let rows = rows.map(|(_, row)| row.body);
        for event in events(rows, "notification.notification.requested") {
            let user = event["key"].as_str().unwrap().to_owned();
            *told.entry(user).or_default() += 1;
        }
        told
    }

    #[track_caller]
    fn assert_everybody_was_told_once(&self, id_bytes: usize) {
        let told = self.told();
        let users: BTreeSet<_> = (0..USERS).map(|n| user(n, id_bytes)).collect();
        let missing = users
            .iter()
            .filter(|user| !told.contains_key(*user))
            .count();
        let repeated = told.values().filter(|times| **times != 1).count();
        assert_eq!((told.len(), missing, repeated), (users.len(), 0, 0));
        assert!(self.letters.letters().is_empty());
        let key = ItemKey::of::<Concert>("c-1").unwrap();
        let concert = self.store.item(key.table, &key.partition, &key.sort);
        assert_eq!(concert.unwrap().body.get("telling"), None);
    }
}

/// The events of the rows of a topic.
fn events(rows: impl Iterator<Item = Body>, topic: &str) -> impl Iterator<Item = Value> {
    let rows = rows.filter(move |row| row.get("topic").is_some_and(|is| is == topic));
    rows.flat_map(|mut row| match row.remove("events") {
        Some(Value::Array(events)) => events,
        other => panic!("a row of the outbox without events: {other:?}"),
    })
}

fn user(n: u32, id_bytes: usize) -> String {
    format!("u-{n:0width$}", width = id_bytes - 2)
}

fn sold_out() -> KafkaRecord {
    let value = json!({ "event_id": "e-1", "event_type": "concert.sold-out",
        "timestamp": "2026-11-21T10:16:00.000Z", "concert_id": "c-1" });
    KafkaRecord::new(TOPIC, 0, 0).json(&value)
}

/// Drives the function until nothing new comes out of its outbox: the plan is for the first try of each page.
/// Each continuation is delivered until it is finished, then once more, and at another offset too.
async fn drive(hall: &mut Hall, disturb: impl Fn(usize) -> FaultPlan) -> usize {
    let none = FaultPlan::none();
    let mut records = vec![sold_out()];
    let mut pages = 0;
    while let Some(record) = records.pop() {
        let mut is_finished = hall
            .invoke(std::slice::from_ref(&record), &disturb(pages))
            .await;
        while !is_finished {
            is_finished = hall.invoke(std::slice::from_ref(&record), &none).await;
        }
        let again = KafkaRecord {
            offset: record.offset + 100_000,
            ..record.clone()
        };
        assert!(hall.invoke(&[record, again], &none).await);
        records.extend(hall.next_continuation());
        pages += 1;
    }
    let full = usize::try_from(USERS.div_ceil(PAGE_USERS_MAX)).unwrap();
    // The first event closes; one more page finds nobody, because the last one was full.
    assert_eq!(pages, full + 2);
    pages
}

#[tokio::test]
async fn ten_thousand_are_told_once_in_pages_that_fit_a_transaction_each() {
    // The longest ids that a user may have.
    let mut hall = Hall::with_users(128);
    drive(&mut hall, |_| FaultPlan::none()).await;
    hall.assert_everybody_was_told_once(128);
    let largest = hall.store.applied().iter().map(Vec::len).max().unwrap();
    // A mark, the concert, the next continuation; and 500 notifications in four lanes, 7 to 11 rows of 64.
    assert!((10..=14).contains(&largest), "{largest} actions");
}

#[tokio::test]
async fn a_crash_between_or_within_pages_loses_and_repeats_nobody() {
    for fault in Fault::ALL {
        let mut hall = Hall::with_users(12);
        // Each call in turn goes wrong; the first event, which closes, takes the first.
        let pages = drive(&mut hall, |page| {
            FaultPlan::at(page % PAGE_CALLS + 1, fault)
        })
        .await;
        assert_eq!(hall.faults, pages, "each page was disturbed");
        hall.assert_everybody_was_told_once(12);
    }
}

#[tokio::test]
async fn who_comes_while_others_are_told_and_a_second_event_change_nothing() {
    let mut hall = Hall::with_users(12);
    let none = FaultPlan::none();
    hall.invoke(&[sold_out()], &none).await;
    let mut pages = 0_i64;
    while let Some(continuation) = hall.next_continuation() {
        // They come before and behind the page, and know from their refusal.
        for place in ["a", "u-0000005000", "z"] {
            let user = format!("{place}-late-{pages}");
            let late = json!({ "concert_id": "c-1", "user_id": user, "reservation_id": "r-2",
                "since": "2026-11-21T10:16:30.000Z", "knows": true });
            hall.store.seed(item_key("waiting", "c-1", &user), &late);
        }
        pages += 1;
        let other = json!({ "event_id": format!("other-{pages}"), "concert_id": "c-1" });
        let other = KafkaRecord::new(TOPIC, 0, 1_000 + pages).json(&other);
        assert!(hall.invoke(&[continuation, other], &none).await);
    }
    assert!(pages > i64::from(USERS / PAGE_USERS_MAX));
    hall.assert_everybody_was_told_once(12);
}
