//! What a measured value does: the rollup of its minute, and the alerts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use event_schema::MetricName;
use event_schema::events::{NotificationKind, NotificationRequested};
use metric_recorded::{MetricRecordedHandler, OPERATIONS, Rollup, Threshold, series_of};
use serde_json::{Value, json};
use testkit::Rig;

fn rig() -> Rig<MetricRecordedHandler> {
    Rig::new(MetricRecordedHandler)
}

fn cpu(at: &str, value: f64, host: &str) -> Value {
    json!({ "metric_name": "cpu", "value": value, "tags": { "host": host },
        "timestamp": format!("2026-11-21T10:{at}Z") })
}

fn threshold(above: Option<i64>, below: Option<i64>) -> Threshold {
    Threshold {
        metric_name: MetricName::new("cpu").unwrap(),
        above: above.map(Into::into),
        below: below.map(Into::into),
    }
}

fn rollup(rig: &Rig<MetricRecordedHandler>, host: &str, minute: &str) -> Rollup {
    let tags = [("host", host)].into_iter().collect();
    let series = series_of(&MetricName::new("cpu").unwrap(), &tags);
    let minute = format!("2026-11-21T10:{minute}:00.000Z");
    rig.item::<Rollup>((series, minute)).unwrap()
}

fn told(rollup: &Rollup) -> (u64, String, String, String) {
    let [sum, min, max] = [rollup.sum, rollup.min, rollup.max].map(|number| number.to_string());
    (rollup.count, sum, min, max)
}

fn expected(count: u64, sum: &str, min: &str, max: &str) -> (u64, String, String, String) {
    (count, sum.to_owned(), min.to_owned(), max.to_owned())
}

#[tokio::test]
async fn a_minute_has_count_sum_least_and_greatest() {
    let rig = rig();
    rig.send([
        cpu("15:00", 0.1, "a"),
        cpu("15:59.999", 0.2, "a"),
        cpu("15:30", -7.0, "a"),
    ])
    .await;
    rig.send([cpu("15:31", 0.4, "a")]).await;
    // In binary floating point the first two alone come to 0.30000000000000004.
    assert_eq!(
        told(&rollup(&rig, "a", "15")),
        expected(4, "-6.3", "-7", "0.4")
    );
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn values_of_one_sign_have_their_own_least_and_greatest() {
    let rig = rig();
    rig.send([cpu("15:00", 5.0, "a"), cpu("15:01", 9.0, "a")])
        .await;
    rig.send([cpu("16:00", -5.0, "a"), cpu("16:01", -9.0, "a")])
        .await;
    assert_eq!(told(&rollup(&rig, "a", "15")), expected(2, "14", "5", "9"));
    assert_eq!(
        told(&rollup(&rig, "a", "16")),
        expected(2, "-14", "-9", "-5")
    );
}

#[tokio::test]
async fn minutes_and_tags_are_told_apart_and_late_values_find_their_minute() {
    let rig = rig();
    rig.send([
        cpu("15:10", 1.0, "a"),
        cpu("16:10", 2.0, "a"),
        cpu("15:20", 4.0, "b"),
        cpu("15:40", 8.0, "a"),
    ])
    .await;
    assert_eq!(told(&rollup(&rig, "a", "15")), expected(2, "9", "1", "8"));
    assert_eq!(told(&rollup(&rig, "a", "16")), expected(1, "2", "2", "2"));
    assert_eq!(told(&rollup(&rig, "b", "15")), expected(1, "4", "4", "4"));
    assert_eq!(rig.items::<Rollup>().len(), 3);
}

#[tokio::test]
async fn a_crossed_threshold_is_told_once_a_minute_and_series() {
    let rig = rig().with(&threshold(Some(90), None));
    let first = [
        cpu("15:00", 90.0, "a"),
        cpu("15:01", 90.5, "a"),
        cpu("15:02", 99.0, "a"),
    ];
    rig.send(first).await;
    rig.send([cpu("15:03", 99.0, "a")]).await;
    let told = rig.published::<NotificationRequested>();
    assert_eq!(told.len(), 1, "the first value above, and none behind it");
    let alert = told.first().unwrap();
    assert_eq!(alert.recipient.as_str(), OPERATIONS);
    assert_eq!(alert.kind, NotificationKind::MetricThreshold);
    let said: Vec<_> = alert.data.iter().collect();
    assert_eq!(
        said,
        [
            ("crossed", "above"),
            ("metric_name", "cpu"),
            ("minute", "2026-11-21T10:15:00.000Z"),
            ("tags", "host=a"),
            ("threshold", "90"),
            ("value", "90.5"),
        ]
    );
    rig.send([cpu("16:00", 99.0, "a"), cpu("15:04", 99.0, "b")])
        .await;
    assert_eq!(rig.published::<NotificationRequested>().len(), 3);
}

#[tokio::test]
async fn a_threshold_may_be_a_floor_and_a_value_on_it_is_none() {
    let rig = rig().with(&threshold(None, Some(10)));
    rig.send([cpu("15:00", 10.0, "a"), cpu("15:01", 500.0, "a")])
        .await;
    assert!(rig.published::<NotificationRequested>().is_empty());
    assert_eq!(rollup(&rig, "a", "15").alert, None);
    rig.send([cpu("15:02", 9.999, "a")]).await;
    let told = rig.published::<NotificationRequested>();
    let crossed = told.first().unwrap().data.get("crossed");
    assert_eq!((told.len(), crossed), (1, Some("below")));
    assert!(rollup(&rig, "a", "15").alert.is_some());
}

#[tokio::test]
async fn a_metric_without_a_threshold_is_never_told_of() {
    let rig = rig();
    rig.send([cpu("15:00", 1e12, "a")]).await;
    assert!(rig.published::<NotificationRequested>().is_empty());
}

#[tokio::test]
async fn what_a_rollup_cannot_hold_is_a_dead_letter_and_leaves_the_rest() {
    let rig = rig();
    let mut tagged = cpu("15:00", 1.0, "a");
    *tagged.pointer_mut("/tags/host").unwrap() = json!("x".repeat(9_000));
    rig.send([cpu("15:00", 1e16, "a"), tagged, cpu("15:01", 2.0, "a")])
        .await;
    assert_eq!(rig.codes(), ["value_out_of_range", "tags_too_large"]);
    assert_eq!(told(&rollup(&rig, "a", "15")), expected(1, "2", "2", "2"));
}

#[tokio::test]
async fn a_sum_that_would_lose_digits_is_refused() {
    let tags = [("host", "a")].into_iter().collect();
    let name = MetricName::new("cpu").unwrap();
    let full: Rollup = serde_json::from_value(json!({
        "series": series_of(&name, &tags), "metric_name": "cpu", "tags": { "host": "a" },
        "minute": "2026-11-21T10:15:00.000Z", "count": 10_000, "sum": "9999999999999999999.5",
        "min": "0", "max": "1000000000000000", "expires_at": 0,
    }))
    .unwrap();
    let rig = rig().with(&full);
    rig.send([cpu("15:00", 1.0, "a"), cpu("15:01", 0.5, "a")])
        .await;
    assert_eq!(rig.codes(), ["sum_out_of_range"]);
    assert_eq!(
        rollup(&rig, "a", "15").sum,
        "10000000000000000000".parse().unwrap()
    );
}

#[tokio::test]
async fn a_batch_that_comes_again_counts_once() {
    let rig = rig().with(&threshold(Some(90), None));
    let records = [
        rig.record(cpu("15:00", 99.0, "a")),
        rig.record(cpu("15:01", 1.0, "a")),
    ];
    rig.run(&records).await;
    let before = rollup(&rig, "a", "15");
    rig.run(&records).await;
    assert_eq!(rollup(&rig, "a", "15"), before);
    assert_eq!(before.count, 2);
    assert_eq!(rig.published::<NotificationRequested>().len(), 1);
}
