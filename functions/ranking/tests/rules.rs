//! What bookings and sell-outs do to the rankings, also when they come again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use processing::{ItemKey, Stored};
use ranking::{DailyBookings, RankingHandler, SellOut};
use serde_json::{Value, json};
use testkit::Rig;

fn rig() -> Rig<RankingHandler> {
    Rig::new(RankingHandler)
}

fn booked(reservation: &str, concert: &str, at: &str) -> Value {
    json!({ "event_type": "reservation.created", "timestamp": at, "user_id": "u-1",
        "reservation_id": reservation, "concert_id": concert })
}

fn sold_out(concert: &str, at: &str) -> Value {
    json!({ "event_type": "concert.sold-out", "timestamp": at, "concert_id": concert })
}

fn with(mut value: Value, name: &str, field: &str) -> Value {
    value
        .as_object_mut()
        .unwrap()
        .insert(name.to_owned(), json!(field));
    value
}

fn bookings(rig: &Rig<RankingHandler>, day: &str, concert: &str) -> Option<i64> {
    let item = rig.item::<DailyBookings>((day, concert))?;
    Some(item.bookings)
}

fn elapsed(rig: &Rig<RankingHandler>, concert: &str) -> Option<i64> {
    rig.item::<SellOut>(concert)?.elapsed_ms
}

const NOON: &str = "2026-11-21T12:00:00.000Z";

#[tokio::test]
async fn bookings_are_counted_by_the_day_in_utc_and_the_concert() {
    let rig = rig();
    rig.send([
        booked("r-1", "c-1", "2026-11-21T23:59:59.999Z"),
        booked("r-2", "c-1", "2026-11-22T00:00:00.000Z"),
        // The same instant as midnight in UTC.
        booked("r-3", "c-1", "2026-11-22T09:00:00.000+09:00"),
        booked("r-4", "c-2", "2026-11-22T08:59:59.000+09:00"),
    ])
    .await;
    assert_eq!(bookings(&rig, "2026-11-21", "c-1"), Some(1));
    assert_eq!(bookings(&rig, "2026-11-22", "c-1"), Some(2));
    assert_eq!(bookings(&rig, "2026-11-21", "c-2"), Some(1));
    assert_eq!(bookings(&rig, "2026-11-22", "c-2"), None);
}

#[tokio::test]
async fn a_reservation_counts_once_whatever_its_event_ids_and_days() {
    let rig = rig();
    rig.send([booked("r-1", "c-1", NOON), booked("r-1", "c-1", NOON)])
        .await;
    rig.send([booked("r-1", "c-1", "2026-11-23T12:00:00.000Z")])
        .await;
    assert_eq!(bookings(&rig, "2026-11-21", "c-1"), Some(1));
    assert_eq!(bookings(&rig, "2026-11-23", "c-1"), None);
}

#[tokio::test]
async fn a_reservation_that_was_called_off_is_no_booking() {
    let rig = rig();
    rig.send([
        with(booked("r-1", "c-1", NOON), "status", "cancelled"),
        with(booked("r-2", "c-1", NOON), "status", "confirmed"),
    ])
    .await;
    assert_eq!(bookings(&rig, "2026-11-21", "c-1"), Some(1));
}

#[tokio::test]
async fn the_speed_is_from_the_beginning_of_booking_to_the_last_seat() {
    let rig = rig();
    let event = with(
        sold_out("c-1", NOON),
        "booking_started_at",
        "2026-11-21T10:00:00Z",
    );
    rig.send([with(event, "sold_out_at", "2026-11-21T10:03:20.500Z")])
        .await;
    assert_eq!(elapsed(&rig, "c-1"), Some(200_500));
    let board = rig.item::<SellOut>("c-1").unwrap().board;
    assert_eq!(board.as_deref(), Some("2026-11"));
    // Without a time of its own, the event's counts.
    rig.send([with(
        sold_out("c-2", NOON),
        "booking_started_at",
        "2026-11-21T11:00:00Z",
    )])
    .await;
    assert_eq!(elapsed(&rig, "c-2"), Some(3_600_000));
}

#[tokio::test]
async fn the_beginning_of_booking_may_be_told_by_reservations_before_and_after() {
    for sold_out_first in [true, false] {
        let rig = rig();
        let reservation = booked("r-1", "c-1", "2026-11-21T11:30:00Z");
        let reservation = with(reservation, "booking_started_at", "2026-11-21T11:00:00Z");
        let mut events = vec![reservation, sold_out("c-1", NOON)];
        if sold_out_first {
            events.reverse();
        }
        for event in events {
            assert_eq!(elapsed(&rig, "c-1"), None, "not before both are known");
            rig.send([event]).await;
        }
        assert_eq!(elapsed(&rig, "c-1"), Some(3_600_000));
    }
}

#[tokio::test]
async fn the_first_time_counts_that_a_concert_is_sold_out() {
    let rig = rig();
    let event = |at| {
        with(
            sold_out("c-1", at),
            "booking_started_at",
            "2026-11-21T11:00:00Z",
        )
    };
    rig.send([event("2026-11-21T12:00:00Z"), event("2026-11-21T18:00:00Z")])
        .await;
    assert_eq!(
        elapsed(&rig, "c-1"),
        Some(3_600_000),
        "sold out again later"
    );
    rig.send([event("2026-11-21T11:30:00Z")]).await;
    assert_eq!(
        elapsed(&rig, "c-1"),
        Some(1_800_000),
        "an earlier one that came late"
    );
}

#[tokio::test]
async fn a_continuation_is_no_sell_out() {
    let rig = rig();
    rig.send([with(sold_out("c-1", NOON), "cursor", "u-100")])
        .await;
    assert_eq!(rig.item::<SellOut>("c-1"), None);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn a_concert_that_was_sold_out_before_its_booking_is_refused() {
    let rig = rig();
    let event = with(
        sold_out("c-1", NOON),
        "booking_started_at",
        "2026-11-21T13:00:00Z",
    );
    rig.send([event]).await;
    assert_eq!(rig.codes(), ["sold_out_before_booking"]);
    let reservation = with(
        booked("r-1", "c-2", NOON),
        "booking_started_at",
        "2026-11-21T13:00:00Z",
    );
    rig.send([sold_out("c-2", NOON), reservation]).await;
    let item = rig.item::<SellOut>("c-2").unwrap();
    assert_eq!(
        (item.elapsed_ms, item.board),
        (None, None),
        "clocks that disagree"
    );
}

#[tokio::test]
async fn a_replay_of_both_topics_after_the_marks_are_gone_changes_nothing() {
    let rig = rig();
    let events = || {
        (0..6).map(|n| {
            let reservation = booked(&format!("r-{n}"), &format!("c-{}", n % 2), NOON);
            with(reservation, "booking_started_at", "2026-11-21T11:00:00Z")
        })
    };
    let mut all: Vec<_> = events().collect();
    all.push(sold_out("c-1", NOON));
    rig.send(all.clone()).await;
    let before = rig.store.items();
    rig.store.clear("state");
    rig.send(all).await;
    let kept = |items: Vec<_>| -> Vec<_> {
        let kept = items.into_iter();
        let kept = kept.filter(|(key, _): &(ItemKey, Stored)| key.table != "state");
        kept.map(|(key, stored)| (key, stored.body)).collect()
    };
    assert_eq!(kept(rig.store.items()), kept(before));
    assert_eq!(bookings(&rig, "2026-11-21", "c-1"), Some(3));
}

#[tokio::test]
async fn bookings_of_a_concert_do_not_write_its_sell_out_again() {
    let rig = rig();
    for n in 0..5 {
        let reservation = booked(&format!("r-{n}"), "c-1", NOON);
        rig.send([with(
            reservation,
            "booking_started_at",
            "2026-11-21T11:00:00Z",
        )])
        .await;
    }
    let key = testkit::item_key("sell-outs", "c-1", "-");
    assert_eq!(rig.store.writes_of(&key), 1);
}
