//! What a logged error does: which group counts it, what of it is kept, and who is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use error_logged::{ErrorGroup, ErrorLoggedHandler, OPERATIONS};
use event_schema::events::{NotificationKind, NotificationRequested};
use serde_json::{Value, json};
use testkit::Rig;

fn rig() -> Rig<ErrorLoggedHandler> {
    Rig::new(ErrorLoggedHandler)
}

fn error(at: &str, message: &str) -> Value {
    json!({ "service": "orders-api", "error_type": "TimeoutError", "message": message,
        "timestamp": format!("2026-11-21T10:{at}.000Z") })
}

fn critical(at: &str, message: &str) -> Value {
    let mut error = error(at, message);
    error
        .as_object_mut()
        .unwrap()
        .insert("level".to_owned(), json!("critical"));
    error
}

fn with(mut value: Value, name: &str, field: Value) -> Value {
    value
        .as_object_mut()
        .unwrap()
        .insert(name.to_owned(), field);
    value
}

fn only_group(rig: &Rig<ErrorLoggedHandler>) -> ErrorGroup {
    let groups = rig.items::<ErrorGroup>();
    assert_eq!(groups.len(), 1, "{groups:?}");
    groups.into_iter().next().unwrap()
}

#[tokio::test]
async fn errors_that_differ_in_numbers_ids_and_quotes_are_one_group() {
    let rig = rig();
    rig.send([
        error("15:00", "order o-17 of 'Ada' took 2000 ms"),
        error("14:00", "order o-4 of \"Bob\" took 31 ms"),
    ])
    .await;
    rig.send([error("14:30", "order o-99 of 'Eve' took 1.5 ms")])
        .await;
    let group = only_group(&rig);
    assert_eq!(group.count, 3);
    assert_eq!(
        group.message,
        "order o-<number> of <quoted> took <number> ms"
    );
    assert_eq!(group.first_seen.to_string(), "2026-11-21T10:14:00.000Z");
    assert_eq!(group.last_seen.to_string(), "2026-11-21T10:15:00.000Z");
    assert_eq!(group.sample.message, "order o-17 of <quoted> took 2000 ms");
}

#[tokio::test]
async fn another_service_kind_or_wording_is_another_group() {
    let rig = rig();
    rig.send([
        error("15:00", "it failed"),
        with(error("15:00", "it failed"), "service", json!("billing")),
        with(error("15:00", "it failed"), "error_type", json!("IoError")),
        error("15:00", "it failed twice"),
        error("15:01", "it failed"),
    ])
    .await;
    let mut counts: Vec<_> = (rig.items::<ErrorGroup>().iter())
        .map(|group| group.count)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 1, 2]);
}

#[tokio::test]
async fn no_item_and_no_alert_holds_what_is_personal() {
    let rig = rig();
    let error = critical(
        "15:00",
        "no mail for ada@example.com, card 4111-1111-1111-1111, password=hunter2 of 'Ada Lovelace'",
    );
    let trace = "at send('ada@example.com')\nat mail.rs:42";
    rig.send([with(error, "stack_trace", json!(trace))]).await;
    let stored: Vec<_> = (rig.store.items().iter())
        .map(|(_, stored)| Value::Object(stored.body.clone()).to_string())
        .collect();
    for word in ["ada", "Ada", "4111", "hunter2", "example.com"] {
        assert!(!stored.iter().any(|body| body.contains(word)), "{word}");
    }
    let sample = only_group(&rig).sample;
    assert_eq!(
        sample.stack_trace.as_deref(),
        Some("at send(<quoted>) at mail.rs:42")
    );
}

#[tokio::test]
async fn what_is_kept_of_an_error_is_bounded() {
    let rig = rig();
    let long = "word ".repeat(40_000);
    let error = with(error("15:00", &long), "stack_trace", json!(long));
    rig.send([with(error, "error_type", json!(long))]).await;
    let group = only_group(&rig);
    assert!(group.message.len() <= 512 && group.sample.message.len() <= 1_024);
    assert!(group.error_type.unwrap().len() <= 256);
    assert!(group.sample.stack_trace.unwrap().len() <= 4_096);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn a_critical_error_is_told_of_once_a_window_and_group() {
    let rig = rig();
    rig.send([
        error("00:00", "disk 1 is full"),
        critical("00:01", "disk 1 is full"),
        critical("14:59", "disk 2 is full"),
    ])
    .await;
    let told = rig.published::<NotificationRequested>();
    assert_eq!(told.len(), 1);
    let alert = told.first().unwrap();
    assert_eq!(alert.recipient.as_str(), OPERATIONS);
    assert_eq!(alert.kind, NotificationKind::CriticalError);
    assert_eq!(alert.data.get("count"), Some("2"));
    assert_eq!(alert.data.get("message"), Some("disk <number> is full"));
    rig.send([critical("15:00", "disk 1 is full")]).await;
    assert_eq!(
        rig.published::<NotificationRequested>().len(),
        2,
        "the next window"
    );
    rig.send([critical("14:00", "disk 1 is full")]).await;
    assert_eq!(
        rig.published::<NotificationRequested>().len(),
        2,
        "late is no news"
    );
    rig.send([critical("14:00", "the network is down")]).await;
    assert_eq!(
        rig.published::<NotificationRequested>().len(),
        3,
        "another group"
    );
}

#[tokio::test]
async fn errors_that_are_not_critical_are_counted_only() {
    let rig = rig();
    for level in ["debug", "info", "warning", "error", "fatal_of_tomorrow"] {
        rig.send([with(error("15:00", "x"), "level", json!(level))])
            .await;
    }
    assert_eq!(only_group(&rig).count, 5);
    assert!(rig.published::<NotificationRequested>().is_empty());
}

#[tokio::test]
async fn an_error_that_is_sent_again_counts_once() {
    let rig = rig();
    let one = with(critical("15:00", "x"), "event_id", json!("e-1"));
    rig.send([one.clone(), one.clone()]).await;
    rig.send([one]).await;
    assert_eq!(only_group(&rig).count, 1);
    assert_eq!(rig.published::<NotificationRequested>().len(), 1);
}
