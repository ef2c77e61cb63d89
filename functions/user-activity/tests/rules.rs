//! What an activity does: its day's counters, and when the user was seen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use testkit::Rig;
use user_activity::{ACTIONS_MAX, UserActivityHandler, UserDay, day_of};

fn did(action: &str, at: &str) -> Value {
    json!({ "user_id": "u-1", "action": action, "timestamp": at })
}

fn day(rig: &Rig<UserActivityHandler>, day: &str) -> UserDay {
    rig.item::<UserDay>(("u-1", day)).unwrap()
}

fn counted(day: &UserDay) -> Vec<(&str, u64)> {
    let actions = day.actions.iter();
    actions
        .map(|(name, times)| (name.as_str(), *times))
        .collect()
}

#[tokio::test]
async fn each_action_of_a_day_is_counted_across_batches() {
    let rig = Rig::new(UserActivityHandler);
    let first = [
        did("login", "2026-11-21T08:00:00Z"),
        did("view", "2026-11-21T08:01:00Z"),
        did("view", "2026-11-21T08:02:00Z"),
    ];
    rig.send(first).await;
    rig.send([did("view", "2026-11-21T09:00:00Z")]).await;
    let day = day(&rig, "2026-11-21");
    assert_eq!(counted(&day), [("login", 1), ("view", 3)]);
    assert_eq!((day.total, day.further), (4, 0));
    assert_eq!(day.first_seen.to_string(), "2026-11-21T08:00:00.000Z");
    assert_eq!(day.last_seen.to_string(), "2026-11-21T09:00:00.000Z");
}

#[tokio::test]
async fn an_activity_that_comes_late_does_not_take_the_last_seen_back() {
    let rig = Rig::new(UserActivityHandler);
    rig.send([did("view", "2026-11-21T12:00:00Z")]).await;
    rig.send([did("login", "2026-11-21T07:00:00Z")]).await;
    let day = day(&rig, "2026-11-21");
    assert_eq!(day.last_seen.to_string(), "2026-11-21T12:00:00.000Z");
    assert_eq!(day.first_seen.to_string(), "2026-11-21T07:00:00.000Z");
    assert_eq!(day.total, 2, "it is counted all the same");
}

#[tokio::test]
async fn the_day_is_that_of_the_event_in_utc_and_not_that_of_its_arrival() {
    let rig = Rig::new(UserActivityHandler);
    rig.send([
        did("login", "2026-11-21T23:59:59.999Z"),
        did("login", "2026-11-22T00:00:00Z"),
        // Nine hours ahead: still the 20th in UTC.
        did("login", "2026-11-21T08:59:59+09:00"),
    ])
    .await;
    for name in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        assert_eq!(day(&rig, name).total, 1, "{name}");
    }
    assert_eq!(rig.items::<UserDay>().len(), 3);
}

#[tokio::test]
async fn users_are_told_apart() {
    let rig = Rig::new(UserActivityHandler);
    let at = "2026-11-21T08:00:00Z";
    let other = json!({ "user_id": "u-2", "action": "login", "timestamp": at });
    rig.send([did("login", at), other, did("login", at)]).await;
    assert_eq!(day(&rig, "2026-11-21").total, 2);
    let second = rig.item::<UserDay>(("u-2", "2026-11-21")).unwrap();
    assert_eq!(second.total, 1);
}

#[tokio::test]
async fn actions_beyond_the_bound_are_counted_together() {
    let rig = Rig::new(UserActivityHandler);
    let at = "2026-11-21T08:00:00Z";
    let many = (0..ACTIONS_MAX).map(|n| did(&format!("action-{n:03}"), at));
    rig.send(many).await;
    rig.send([
        did("one more", at),
        did("and another", at),
        did("action-007", at),
    ])
    .await;
    let day = day(&rig, "2026-11-21");
    assert_eq!(day.actions.len(), ACTIONS_MAX);
    assert_eq!(
        day.actions.get("action-007"),
        Some(&2),
        "a known one goes on"
    );
    assert_eq!(day.actions.get("one more"), None);
    let total = u64::try_from(ACTIONS_MAX).unwrap() + 3;
    assert_eq!((day.further, day.total), (2, total));
    assert_eq!(day.actions.values().sum::<u64>() + day.further, day.total);
}

#[tokio::test]
async fn what_else_the_producer_tells_is_not_kept() {
    let rig = Rig::new(UserActivityHandler);
    let mut told = did("view", "2026-11-21T08:00:00Z");
    let fields = told.as_object_mut().unwrap();
    fields.insert("target_id".to_owned(), json!("p-1"));
    fields.insert("data".to_owned(), json!({ "ip": "192.0.2.1" }));
    rig.send([told]).await;
    let text = serde_json::to_string(&day(&rig, "2026-11-21")).unwrap();
    assert!(
        !text.contains("192.0.2.1") && !text.contains("p-1"),
        "{text}"
    );
}

#[tokio::test]
async fn an_activity_that_cannot_be_read_is_a_dead_letter_and_leaves_the_rest() {
    let rig = Rig::new(UserActivityHandler);
    let at = "2026-11-21T08:00:00Z";
    rig.send([did("login", at), did("", at), did("login", at)])
        .await;
    assert_eq!(rig.codes(), ["invalid_event"]);
    assert_eq!(day(&rig, "2026-11-21").total, 2);
}

#[tokio::test]
async fn a_batch_that_comes_again_counts_once() {
    let rig = Rig::new(UserActivityHandler);
    let records = [
        rig.record(did("login", "2026-11-21T08:00:00Z")),
        rig.record(did("view", "2026-11-21T08:00:01Z")),
    ];
    rig.run(&records).await;
    let before = day(&rig, "2026-11-21");
    rig.run(&records).await;
    assert_eq!((day(&rig, "2026-11-21"), before.total), (before, 2));
}

#[test]
fn a_day_is_written_in_ten_characters_at_any_time() {
    for (at, day) in [
        ("0000-01-01T00:00:00Z", "0000-01-01"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31"),
    ] {
        assert_eq!(day_of(at.parse().unwrap()), day);
    }
}
