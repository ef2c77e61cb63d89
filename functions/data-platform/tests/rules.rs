//! What is counted, by what, and once: also when everything comes again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_platform::{DataPlatformHandler, PART_BYTES_MAX, RawEvent, RawPart, Total};
use processing::Body;
use serde_json::{Value, json};
use testkit::{KafkaRecord, Rig};

const AT: &str = "2026-11-21T10:15:30.000Z";

fn rig() -> Rig<DataPlatformHandler> {
    Rig::new(DataPlatformHandler)
}

fn event(event_type: &str, fields: &Value) -> Value {
    let mut event = json!({ "event_type": event_type, "timestamp": AT });
    for (name, field) in fields.as_object().unwrap() {
        event
            .as_object_mut()
            .unwrap()
            .insert(name.clone(), field.clone());
    }
    event
}

fn order(n: i64, amount: &str) -> Value {
    let fields = json!({ "order_id": format!("o-{n}"), "user_id": "u-1", "total_amount": amount });
    event("order.completed", &fields)
}

fn payment(n: i64, method: &Value, amount: &str) -> Value {
    let fields = json!({ "payment_id": format!("p-{n}"), "order_id": format!("o-{n}"),
        "user_id": "u-1", "amount": amount, "method": method });
    event("payment.completed", &fields)
}

fn reservation(n: i64, concert: &str, amount: &Value) -> Value {
    let fields = json!({ "reservation_id": format!("r-{n}"), "user_id": "u-2",
        "concert_id": concert, "amount": amount });
    event("reservation.created", &fields)
}

/// Events and amount of a type, by what they are counted by; none of what no event was counted by.
fn total(rig: &Rig<DataPlatformHandler>, by: &str, event_type: &str) -> Option<(i64, String)> {
    let shares = rig.store.table("totals").into_iter();
    let shares = shares
        .filter(|(key, _)| key.partition == by && key.sort.starts_with(&format!("{event_type}#")));
    let shares: Vec<Total> = shares
        .map(|(_, stored)| serde_json::from_value(Value::Object(stored.body)).unwrap())
        .collect();
    let (events, amount) = Total::sum(&shares);
    (!shares.is_empty()).then(|| (events, amount.normalize().to_string()))
}

fn sums(events: i64, amount: &str) -> (i64, String) {
    (events, amount.to_owned())
}

#[tokio::test]
async fn orders_are_counted_by_hour_and_user_with_exact_amounts() {
    let rig = rig();
    let mut late = order(3, "5");
    let completed_at = json!("2026-11-21T20:00:00+09:00");
    late.as_object_mut()
        .unwrap()
        .insert("completed_at".to_owned(), completed_at);
    rig.send([order(1, "0.10"), order(2, "0.20"), late]).await;
    let hour = |hour| total(&rig, &format!("hour#2026-11-21T{hour}"), "order.completed");
    assert_eq!(hour("10"), Some(sums(2, "0.3")));
    assert_eq!(
        hour("11"),
        Some(sums(1, "5")),
        "its own time counts, in UTC"
    );
    assert_eq!(
        total(&rig, "user#u-1", "order.completed"),
        Some(sums(3, "5.3"))
    );
}

#[tokio::test]
async fn payments_are_counted_by_their_means_too() {
    let rig = rig();
    rig.send([
        payment(1, &json!("card"), "10"),
        payment(2, &json!("CARD"), "20.5"),
        payment(3, &json!("wallet"), "1"),
        payment(4, &Value::Null, "2"),
    ])
    .await;
    let by = |method: &str| total(&rig, &format!("method#{method}"), "payment.completed");
    assert_eq!(by("card"), Some(sums(2, "30.5")));
    assert_eq!(by("wallet"), Some(sums(1, "1")));
    assert_eq!(by("unknown"), Some(sums(1, "2")));
    assert_eq!(
        total(&rig, "user#u-1", "payment.completed"),
        Some(sums(4, "33.5"))
    );
    assert_eq!(total(&rig, "user#u-1", "order.completed"), None);
}

#[tokio::test]
async fn reservations_and_sell_outs_are_counted_by_concert() {
    let rig = rig();
    let sold_out = |cursor: Value| {
        event(
            "concert.sold-out",
            &json!({ "concert_id": "c-1", "cursor": cursor }),
        )
    };
    rig.send([
        reservation(1, "c-1", &json!("150000")),
        reservation(2, "c-1", &Value::Null),
        reservation(3, "c-2", &json!(7)),
        sold_out(Value::Null),
        sold_out(json!("u-100")),
    ])
    .await;
    assert_eq!(
        total(&rig, "concert#c-1", "reservation.created"),
        Some(sums(2, "150000"))
    );
    assert_eq!(
        total(&rig, "concert#c-2", "reservation.created"),
        Some(sums(1, "7"))
    );
    assert_eq!(
        total(&rig, "concert#c-1", "concert.sold-out"),
        Some(sums(1, "0"))
    );
    assert_eq!(
        total(&rig, "hour#2026-11-21T10", "concert.sold-out"),
        Some(sums(1, "0"))
    );
}

#[tokio::test]
async fn what_an_event_tells_of_counts_once_whatever_its_ids() {
    let rig = rig();
    rig.send([
        order(1, "10"),
        order(1, "10"),
        payment(1, &json!("card"), "10"),
    ])
    .await;
    rig.send([order(1, "99"), payment(1, &json!("card"), "10")])
        .await;
    assert_eq!(
        total(&rig, "user#u-1", "order.completed"),
        Some(sums(1, "10"))
    );
    assert_eq!(
        total(&rig, "user#u-1", "payment.completed"),
        Some(sums(1, "10"))
    );
}

#[tokio::test]
async fn payments_without_ids_are_told_apart_by_their_events() {
    let rig = rig();
    let nameless = event(
        "payment.completed",
        &json!({ "order_id": "o-1", "amount": 3 }),
    );
    rig.send([nameless.clone(), nameless]).await;
    assert_eq!(
        total(&rig, "method#unknown", "payment.completed"),
        Some(sums(2, "6"))
    );
}

#[tokio::test]
async fn an_event_is_kept_as_it_was_delivered() {
    let rig = rig();
    let value = r#"{"eventType":"ORDER_COMPLETED", "eventId":7,"orderId":"o-1","userId":"u-1","new":{"a":[1.50]}}"#;
    let record = KafkaRecord::new("order-completed", 0, 0).value(value);
    rig.run(&[record]).await;
    let raw = rig
        .item::<RawEvent>(("order.completed#o-1", "0000"))
        .unwrap();
    assert_eq!(raw.value, value);
    assert_eq!(
        (raw.parts, raw.topic.as_str()),
        (1, "order.order.completed")
    );
    assert_eq!(raw.event_id.unwrap().as_str(), "7");
}

#[tokio::test]
async fn an_event_that_is_larger_than_an_item_lies_in_parts() {
    let rig = rig();
    let mut large = order(1, "10");
    let note = "주".repeat(PART_BYTES_MAX);
    large
        .as_object_mut()
        .unwrap()
        .insert("note".to_owned(), json!(note));
    rig.send([large]).await;
    assert!(rig.codes().is_empty());
    let raw = rig
        .item::<RawEvent>(("order.completed#o-1", "0000"))
        .unwrap();
    assert_eq!(raw.parts, 4);
    let rest = (1..raw.parts).map(|n| {
        let part = rig.item::<RawPart>(("order.completed#o-1", format!("{n:04}")));
        part.unwrap().value
    });
    let whole = raw.value.clone() + &rest.collect::<String>();
    let read: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(read.get("note"), Some(&json!(note)));
    assert_eq!(
        total(&rig, "user#u-1", "order.completed"),
        Some(sums(1, "10"))
    );
}

fn everything(rig: &Rig<DataPlatformHandler>) -> Vec<(processing::ItemKey, Body)> {
    let items = rig.store.items().into_iter();
    let kept = items.filter(|(key, _)| key.table != "state");
    kept.map(|(key, stored)| (key, stored.body)).collect()
}

#[tokio::test]
async fn a_full_replay_changes_no_number_also_when_no_mark_is_left() {
    let rig = rig();
    let mut records: Vec<_> = (0..4)
        .flat_map(|n| {
            [
                order(n, "1.25"),
                payment(n, &json!("card"), "1.25"),
                reservation(n, "c-1", &json!(100)),
            ]
        })
        .map(|value| rig.record(value))
        .collect();
    let sold_out = event("concert.sold-out", &json!({ "concert_id": "c-1" }));
    records.push(rig.record(sold_out));
    rig.run(&records).await;
    let before = everything(&rig);
    assert_eq!(
        total(&rig, "hour#2026-11-21T10", "order.completed"),
        Some(sums(4, "5"))
    );
    rig.run(&records).await;
    assert_eq!(everything(&rig), before, "with marks");
    rig.store.clear("state");
    rig.run(&records).await;
    assert_eq!(everything(&rig), before, "without marks");
    // Another cluster has other places for the same events.
    rig.store.clear("state");
    let elsewhere = records.iter().map(|record| KafkaRecord {
        partition: record.partition + 1,
        offset: record.offset + 1_000,
        ..record.clone()
    });
    rig.run(&elsewhere.collect::<Vec<_>>()).await;
    assert_eq!(everything(&rig), before, "in other partitions");
}

#[tokio::test]
async fn partitions_do_not_hold_each_other_up_over_a_total() {
    let rig = rig();
    let records: Vec<_> = (0..3)
        .map(|partition| {
            let mut record = rig.record(order(i64::from(partition), "1"));
            record.partition = partition;
            record
        })
        .collect();
    rig.run(&records).await;
    let shares = rig.store.table("totals").into_iter();
    let shares = shares.filter(|(key, _)| key.partition.starts_with("hour#"));
    assert_eq!(shares.count(), 3);
    assert_eq!(
        total(&rig, "hour#2026-11-21T10", "order.completed"),
        Some(sums(3, "3"))
    );
}
