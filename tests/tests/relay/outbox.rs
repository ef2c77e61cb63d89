//! Rows of the outbox, written as the engine writes them: stamped, in transactions, lane by lane.

use std::collections::BTreeMap;

use aws_adapters::{DynamoStore, SystemTimer};
use processing::{
    Change, Expect, ItemKey, OUTBOX_TABLE, Query, Store as _, Timer as _, Transaction, Write,
};
use serde_json::{Value, json};
use system_tests::system::System;
use testkit::Random;

/// The topics that events go to.
pub(crate) const TOPICS: [&str; 2] = [
    "notification.notification.requested",
    "order.order.status-changed",
];
/// Lanes of a topic.
const LANES: u64 = 4;
/// Keys of a lane.
const KEYS: u64 = 25;
/// Events of one row, at most.
const ROW_EVENTS_MAX: u64 = 12;

/// An event that was written.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) topic: &'static str,
    pub(crate) key: String,
    /// Its place among the events of its key.
    pub(crate) number: usize,
    pub(crate) value: String,
}

/// The outbox table as those see it who write into it.
pub(crate) struct Outbox {
    store: DynamoStore,
    random: Random,
    /// Events of each topic and key so far.
    counts: BTreeMap<(&'static str, String), usize>,
}

impl Outbox {
    pub(crate) fn new(system: &System, random: Random) -> Self {
        Self {
            store: system.store(),
            random,
            counts: BTreeMap::new(),
        }
    }

    /// Writes so many events, row by row.
    pub(crate) async fn write(&mut self, events: usize) -> Vec<Event> {
        let mut written = Vec::new();
        let mut row_number = 0;
        while written.len() < events {
            let room = u64::try_from(events - written.len()).unwrap();
            let (key, events) = self.row(room, row_number);
            let bodies: Vec<_> = events.iter().map(body).collect();
            let topic = events[0].topic;
            let Value::Object(body) = json!({ "topic": topic, "events": bodies }) else {
                unreachable!("an object")
            };
            let write = Write {
                key,
                expect: Expect::Absent,
                change: Change::Put(body),
            };
            let token = format!("row-{row_number}");
            let writes = vec![write];
            let committed = self.store.commit(&Transaction { token, writes }).await;
            committed.unwrap();
            written.extend(events);
            row_number += 1;
        }
        written
    }

    /// The next row: events of some keys of one lane.
    fn row(&mut self, room: u64, row_number: usize) -> (ItemKey, Vec<Event>) {
        let topic = *self.random.pick(&TOPICS).unwrap();
        let lane = self.random.below(LANES);
        let count = 1 + self.random.below(ROW_EVENTS_MAX.min(room));
        let events = (0..count).map(|_| self.event(topic, lane)).collect();
        let stamp_ms = SystemTimer.now().as_ms();
        let key = ItemKey {
            table: OUTBOX_TABLE,
            partition: format!("{topic}#{lane}"),
            sort: format!("{stamp_ms:015}-writer-00-{row_number:05}-000"),
        };
        (key, events)
    }

    fn event(&mut self, topic: &'static str, lane: u64) -> Event {
        let key = format!("{lane}-{}", self.random.below(KEYS));
        let count = self.counts.entry((topic, key.clone())).or_default();
        let number = *count;
        *count += 1;
        Event {
            id: format!("{topic}/{key}/{number}"),
            topic,
            value: json!({ "key": key, "number": number }).to_string(),
            key,
            number,
        }
    }

    pub(crate) async fn rows_left(&self) -> usize {
        let mut rows = 0;
        for topic in TOPICS {
            for lane in 0..LANES {
                let query = Query {
                    table: OUTBOX_TABLE,
                    partition: format!("{topic}#{lane}"),
                    sort_prefix: String::new(),
                    after: None,
                    limit: 1_000,
                };
                rows += self.store.query(&query).await.unwrap().len();
            }
        }
        rows
    }
}

fn body(event: &Event) -> Value {
    json!({
        "event_id": event.id, "event_type": "test", "key": event.key,
        "timestamp": "2026-11-21T10:15:30.123Z", "traceparent": null, "value": event.value,
    })
}
