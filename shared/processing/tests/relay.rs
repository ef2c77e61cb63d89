//! The outbox relay: in order, at least once, and nothing left behind.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Interposed, Verdict};
use processing::{
    Body, CommitError, ItemKey, OUTBOX_TABLE, OutboxLane, RELAY_EVENTS_MAX, Relay, RelaySettings,
    Relayed, SWEEP_PAGES_MAX, SWEEP_ROWS_MAX, Store, Timer,
};
use serde_json::{Value, json};
use testkit::{
    MemoryDeadLetters, MemoryPublisher, MemoryStore, VirtualTimer, invocation, item_key,
};

const TOPIC: &str = "notification.notification.requested";
const MINUTE_MS: i64 = 60_000;

struct Outbox {
    store: MemoryStore,
    publisher: MemoryPublisher,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
}

impl Outbox {
    fn new() -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            publisher: MemoryPublisher::new(),
            letters: MemoryDeadLetters::new(),
            timer,
        }
    }

    /// Writes a row that was stamped so long ago.
    fn row(&self, lane: u32, age_ms: i64, ids: &[&str]) -> (ItemKey, Body) {
        let events = ids.iter().map(|id| {
            json!({
                "event_id": id, "event_type": "notification.requested", "key": "u-1",
                "timestamp": "2026-11-21T10:15:30.123Z", "traceparent": null, "value": "{}",
            })
        });
        let events: Vec<_> = events.collect();
        self.row_of(lane, age_ms, &json!({ "topic": TOPIC, "events": events }))
    }

    /// Writes any row.
    fn row_of(&self, lane: u32, age_ms: i64, body: &Value) -> (ItemKey, Body) {
        let stamp_ms = self.timer.now().as_ms() - age_ms;
        let sort = format!("{stamp_ms:015}-invocation-00-00001-000");
        let key = item_key(OUTBOX_TABLE, format!("{TOPIC}#{lane}"), sort);
        self.store.seed(key.clone(), body);
        (key, body.as_object().unwrap().clone())
    }

    fn relay_over<S: Store>(
        &self,
        store: S,
    ) -> Relay<S, MemoryPublisher, MemoryDeadLetters, VirtualTimer> {
        let settings = RelaySettings {
            function: "outbox-relay",
            code_version: "1".into(),
            deadline_margin: Duration::from_secs(2),
            age_min: Duration::from_mins(1),
        };
        let (publisher, letters) = (self.publisher.clone(), self.letters.clone());
        Relay::new(store, publisher, letters, self.timer.clone(), settings)
    }

    async fn publish(&self, rows: &[(ItemKey, Body)]) -> Relayed {
        let relay = self.relay_over(self.store.clone());
        let invocation = invocation(format!("stream-{}", self.publisher.calls()), &self.timer);
        relay.publish(rows.to_vec(), &invocation).await
    }

    async fn sweep(&self) -> Relayed {
        let relay = self.relay_over(self.store.clone());
        let invocation = invocation(format!("sweep-{}", self.publisher.calls()), &self.timer);
        relay.sweep(OutboxLane::all(), &invocation).await
    }

    fn published(&self) -> Vec<String> {
        let records = self.publisher.records().into_iter();
        records
            .map(|(topic, event)| {
                assert_eq!(topic, TOPIC);
                event.event_id
            })
            .collect()
    }

    fn rows_left(&self) -> usize {
        self.store.table(OUTBOX_TABLE).len()
    }
}

#[tokio::test]
async fn rows_of_a_stream_are_published_in_order_and_taken_away() {
    let outbox = Outbox::new();
    let rows = [outbox.row(0, 9, &["a", "b"]), outbox.row(0, 8, &["c"])];
    let relayed = outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["a", "b", "c"]);
    assert_eq!(outbox.publisher.calls(), 1, "rows of a lane go together");
    assert_eq!(
        (relayed.events_published, relayed.first_unfinished),
        (3, None)
    );
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn nothing_is_published_behind_what_is_not_acknowledged() {
    let outbox = Outbox::new();
    let rows = [
        outbox.row(0, 9, &["a"]),
        outbox.row(0, 8, &["b", "c"]),
        outbox.row(0, 7, &["d"]),
    ];
    outbox.publisher.take_only(Some(2));
    let relayed = outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["a", "b"]);
    assert_eq!(
        relayed.first_unfinished,
        Some(1),
        "its second event is not there"
    );
    assert_eq!(relayed.unfinished[0].code, "publish_unavailable");
    assert_eq!(outbox.rows_left(), 2);
    outbox.publisher.take_only(None);
    assert_eq!(outbox.publish(&rows[1..]).await.first_unfinished, None);
    assert_eq!(outbox.published(), ["a", "b", "b", "c", "d"]);
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn a_lane_that_stops_does_not_hold_back_the_others() {
    let outbox = Outbox::new();
    let rows = [
        outbox.row_of(0, 9, &json!({ "topic": TOPIC, "events": "none" })),
        outbox.row(1, 8, &["b"]),
        outbox.row(0, 7, &["c"]),
    ];
    outbox.letters.refuse(true);
    let relayed = outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["b"]);
    assert_eq!(relayed.first_unfinished, Some(0));
    assert_eq!(relayed.unfinished[0].code, "dead_letter_unsent");
    assert_eq!(outbox.rows_left(), 2);
    outbox.letters.refuse(false);
    let relayed = outbox.publish(&[rows[0].clone(), rows[2].clone()]).await;
    assert_eq!(relayed.first_unfinished, None);
    assert_eq!(relayed.events_dead_lettered, 1);
    assert_eq!(outbox.published(), ["b", "c"]);
    let letters = outbox.letters.letters();
    assert_eq!((letters.len(), letters[0].code), (1, "row_unreadable"));
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn an_event_that_no_topic_takes_is_a_dead_letter_and_the_rest_goes_on() {
    let outbox = Outbox::new();
    outbox.publisher.refuse("b");
    let rows = [outbox.row(0, 9, &["a", "b", "c"])];
    let relayed = outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["a", "c"]);
    assert_eq!(
        (relayed.events_published, relayed.events_dead_lettered),
        (2, 1)
    );
    let letter = &outbox.letters.letters()[0];
    assert_eq!(
        (letter.function, letter.code),
        ("outbox-relay", "event_too_large")
    );
    assert_eq!(letter.event_type.as_deref(), Some("notification.requested"));
    assert!(letter.record.get().contains(r#""event_id":"b""#));
    assert_eq!(outbox.rows_left(), 0);
    outbox.publish(&rows).await;
    assert_eq!(
        outbox.letters.letters().len(),
        1,
        "it is the same letter again"
    );
}

#[tokio::test]
async fn what_is_published_but_not_answered_comes_again_in_order() {
    let outbox = Outbox::new();
    let rows = [outbox.row(0, 9, &["a"]), outbox.row(0, 8, &["b"])];
    outbox.publisher.lose_answers(true);
    assert_eq!(outbox.publish(&rows).await.first_unfinished, Some(0));
    outbox.publisher.lose_answers(false);
    outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_taken_away_is_left_to_a_sweep() {
    let outbox = Outbox::new();
    let rows = [outbox.row(0, MINUTE_MS, &["a"])];
    let down = Interposed::new(&outbox.store, |_, _| {
        Verdict::FailBefore(CommitError::Unavailable("on purpose".into()))
    });
    let relay = outbox.relay_over(down);
    let relayed = relay
        .publish(rows.to_vec(), &invocation("stream", &outbox.timer))
        .await;
    assert_eq!((relayed.rows_left, relayed.first_unfinished), (1, None));
    assert_eq!(outbox.rows_left(), 1);
    outbox.sweep().await;
    assert_eq!(outbox.published(), ["a", "a"]);
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn a_sweep_publishes_what_is_old_and_nothing_behind_it() {
    let outbox = Outbox::new();
    outbox.row(0, 2 * MINUTE_MS, &["a"]);
    outbox.row(0, MINUTE_MS, &["b"]);
    outbox.row(0, MINUTE_MS - 1_000, &["c"]);
    outbox.row(3, 3 * MINUTE_MS, &["d"]);
    let oldest_ms = outbox.timer.now().as_ms() - 3 * MINUTE_MS;
    let relayed = outbox.sweep().await;
    let mut published = outbox.published();
    published.sort();
    assert_eq!(published, ["a", "b", "d"]);
    assert_eq!(outbox.rows_left(), 1);
    assert_eq!(relayed.oldest_row_at.unwrap().as_ms(), oldest_ms);
}

/// The stream keeps a row for a day only. It then goes on with what came after.
#[tokio::test]
async fn what_the_stream_has_lost_is_published_before_what_it_still_has() {
    let outbox = Outbox::new();
    outbox.row(0, 3 * MINUTE_MS, &["lost"]);
    let kept = outbox.row(0, 2 * MINUTE_MS, &["kept"]);
    outbox.publisher.take_only(Some(0));
    let stuck = outbox.publish(std::slice::from_ref(&kept)).await;
    assert_eq!(stuck.first_unfinished, Some(0));
    outbox.publisher.take_only(None);
    let relayed = outbox.publish(&[kept]).await;
    assert_eq!(outbox.published(), ["lost", "kept"]);
    assert_eq!(relayed.first_unfinished, None);
    assert_eq!(outbox.rows_left(), 0);
}

/// Its clock was ahead of that of the rows which the stream still has.
#[tokio::test]
async fn a_lost_row_whose_stamp_is_ahead_is_published_before_later_rows() {
    let outbox = Outbox::new();
    let kept = outbox.row(0, 3 * MINUTE_MS, &["kept"]);
    outbox.row(0, 3 * MINUTE_MS - 500, &["lost"]);
    let later = outbox.row(0, 2 * MINUTE_MS, &["later"]);
    outbox.publish(&[kept, later]).await;
    assert_eq!(outbox.published(), ["kept", "lost", "later"]);
}

#[tokio::test]
async fn an_old_row_that_is_not_in_the_table_is_not_published_again() {
    let outbox = Outbox::new();
    let rows = [
        outbox.row(0, 2 * MINUTE_MS, &["old"]),
        outbox.row(0, 9, &["fresh"]),
    ];
    outbox.publish(&rows).await;
    let relayed = outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ["old", "fresh", "fresh"]);
    assert_eq!(relayed.first_unfinished, None);
}

#[tokio::test]
async fn a_stream_waits_for_left_over_rows_that_one_sweep_does_not_take() {
    let outbox = Outbox::new();
    let count = i64::from(SWEEP_ROWS_MAX * SWEEP_PAGES_MAX) + 1;
    for n in 0..count {
        outbox.row_of(
            0,
            20 * MINUTE_MS - n,
            &json!({ "topic": TOPIC, "events": [] }),
        );
    }
    let fresh = outbox.row(0, 9, &["fresh"]);
    let cut_off = outbox.publish(std::slice::from_ref(&fresh)).await;
    assert_eq!(cut_off.unfinished[0].code, "sweep_cut_off");
    assert_eq!(cut_off.first_unfinished, Some(0));
    assert!(outbox.published().is_empty());
    let done = outbox
        .relay_over(outbox.store.clone())
        .publish(vec![fresh], &invocation("later", &outbox.timer))
        .await;
    assert_eq!(done.first_unfinished, None);
    assert_eq!(outbox.published(), ["fresh"]);
}

#[tokio::test]
async fn a_sweep_of_many_rows_publishes_them_all_in_order() {
    let outbox = Outbox::new();
    let count = 3 * i64::from(SWEEP_ROWS_MAX) + 7;
    let ids: Vec<_> = (0..count).map(|n| format!("e-{n:04}")).collect();
    for (n, id) in ids.iter().enumerate() {
        let younger_ms = i64::try_from(n).unwrap();
        outbox.row(0, 5 * MINUTE_MS - younger_ms, &[id]);
    }
    let relayed = outbox.sweep().await;
    assert_eq!(outbox.published(), ids);
    assert_eq!(relayed.events_published, ids.len());
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn more_events_than_one_call_takes_go_in_several() {
    let outbox = Outbox::new();
    let ids: Vec<_> = (0..RELAY_EVENTS_MAX + 8)
        .map(|n| format!("e-{n:04}"))
        .collect();
    let rows: Vec<_> = ids
        .chunks(8)
        .map(|ids| outbox.row(0, 9, &ids.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    outbox.publish(&rows).await;
    assert_eq!(outbox.published(), ids);
    assert_eq!(outbox.publisher.calls(), 2);
}

#[tokio::test]
async fn a_row_without_a_stamp_is_due() {
    let outbox = Outbox::new();
    let key = item_key(OUTBOX_TABLE, format!("{TOPIC}#0"), "unstamped");
    outbox
        .store
        .seed(key, &json!({ "topic": TOPIC, "events": [] }));
    outbox.sweep().await;
    assert_eq!(outbox.rows_left(), 0);
}

#[tokio::test]
async fn an_invocation_without_time_publishes_nothing_and_says_so() {
    let outbox = Outbox::new();
    let rows = [outbox.row(0, 9, &["a"])];
    let relay = outbox.relay_over(outbox.store.clone());
    let mut over = invocation("stream", &outbox.timer);
    over.deadline = outbox.timer.now();
    let relayed = relay.publish(rows.to_vec(), &over).await;
    assert_eq!(relayed.first_unfinished, Some(0));
    assert_eq!(relayed.unfinished[0].code, "deadline");
    assert!(outbox.published().is_empty());
    assert_eq!(outbox.rows_left(), 1);
}
