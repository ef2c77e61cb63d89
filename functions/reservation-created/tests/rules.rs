//! What a reservation gets: a seat that is held, one whose hold was over, or a place on the waiting list.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Hall, at, event, hall};
use event_schema::events::ConcertSoldOut;
use reservation_created::PLACES_EXAMINED_MAX;
use serde_json::{Value, json};
use tables::{Concert, Reservation, ReservationState, Seat, SeatState, Waiting};

#[tokio::test]
async fn a_free_seat_is_held_for_fifteen_minutes_and_the_user_asked_to_pay() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    let seat: Seat = hall.rig.item(("c-1", "A-1")).unwrap();
    assert_eq!(
        (
            seat.state,
            seat.reservation_id.as_str(),
            seat.user_id.as_str()
        ),
        (SeatState::Held, "r-1", "u-1")
    );
    assert_eq!(seat.held_until, at("10:15").parse().unwrap());
    let reservation: Reservation = hall.rig.item("r-1").unwrap();
    assert_eq!(reservation.state, ReservationState::Pending);
    assert_eq!(reservation.booked_at, at("10:00").parse().unwrap());
    assert_eq!(hall.available(), Some(4));
    let [told] = &hall.notifications()[..] else {
        panic!("one notification")
    };
    assert_eq!(told.kind.as_str(), "reservation_created");
    assert_eq!(told.recipient.as_str(), "u-1");
    for (name, text) in [
        ("reservation_id", "r-1"),
        ("concert_id", "c-1"),
        ("seat", "A-1"),
        ("amount", "120"),
        ("held_until", "2026-11-21T10:15:00.000Z"),
    ] {
        assert_eq!(told.data.get(name), Some(text));
    }
}

#[tokio::test]
async fn a_taken_seat_is_refused_and_its_user_waits_once() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.reserve("r-2", "u-2", Some("A-1"), "10:01").await;
    hall.reserve("r-3", "u-2", Some("A-1"), "10:02").await;
    assert_eq!(
        hall.told(),
        [
            "reservation_created to u-1",
            "reservation_refused to u-2",
            "reservation_refused to u-2"
        ]
    );
    let waiting: Vec<Waiting> = hall.rig.items();
    assert_eq!(waiting.len(), 1, "one entry a user");
    assert_eq!(waiting[0].reservation_id.as_str(), "r-2");
    assert!(!waiting[0].knows);
    let refused: Reservation = hall.rig.item("r-3").unwrap();
    assert_eq!(
        (refused.state, refused.reason.as_deref()),
        (ReservationState::Refused, Some("seat_taken"))
    );
    let seat: Seat = hall.rig.item(("c-1", "A-1")).unwrap();
    assert_eq!(seat.reservation_id.as_str(), "r-1");
    assert_eq!(hall.available(), Some(4));
}

#[tokio::test]
async fn the_last_seat_sells_the_concert_out_exactly_once() {
    let hall = hall(&json!({ "available": 2, "total_seats": 2,
        "booking_started_at": "2026-11-21T09:00:00.000Z" }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    assert!(hall.sold_out().is_empty());
    hall.reserve("r-2", "u-2", None, "10:01").await;
    hall.reserve("r-3", "u-3", Some("A-2"), "10:02").await;
    hall.reserve("r-4", "u-4", None, "10:03").await;
    let right = ConcertSoldOut {
        concert_id: "c-1".to_owned().try_into().unwrap(),
        sold_out_at: at("10:01").parse().ok(),
        booking_started_at: "2026-11-21T09:00:00.000Z".parse().ok(),
        total_seats: Some(2),
        cursor: None,
    };
    assert_eq!(hall.sold_out(), [right]);
    assert_eq!(hall.available(), Some(0));
    let reasons = ["r-3", "r-4"].map(|id| hall.reservation(id).reason);
    assert_eq!(reasons.map(Option::unwrap), ["sold_out", "sold_out"]);
}

#[tokio::test]
async fn of_one_batch_for_the_last_seat_one_gets_it() {
    let hall = hall(&json!({ "available": 1 }));
    let batch = (1..=10).map(|n| event(&format!("r-{n}"), &format!("u-{n}"), None, "10:00"));
    hall.rig.send(batch.collect::<Vec<_>>()).await;
    let all: Vec<Reservation> = hall.rig.items();
    let has = |state| all.iter().filter(|one| one.state == state).count();
    assert_eq!(has(ReservationState::Pending), 1);
    assert_eq!(has(ReservationState::Refused), 9);
    assert_eq!((hall.sold_out().len(), hall.available()), (1, Some(0)));
    assert_eq!(hall.rig.items::<Waiting>().len(), 9);
}

#[tokio::test]
async fn a_seat_that_came_free_is_sold_again_and_the_end_is_not_told_twice() {
    let hall = hall(&json!({ "available": 1 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.cancel("r-1", "u-1", "10:01").await;
    assert_eq!(hall.available(), Some(1));
    hall.reserve("r-2", "u-2", Some("A-1"), "10:02").await;
    assert_eq!(hall.reservation("r-2").state, ReservationState::Pending);
    assert_eq!((hall.sold_out().len(), hall.available()), (1, Some(0)));
}

#[tokio::test]
async fn a_hold_is_taken_over_after_its_end_and_not_in_its_last_moment() {
    let hall = hall(&json!({ "available": 1 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.reserve("r-2", "u-2", Some("A-1"), "10:15").await;
    assert_eq!(
        hall.reservation("r-2").reason.as_deref(),
        Some("seat_taken")
    );
    hall.reserve("r-3", "u-3", Some("A-1"), "10:15:00.001")
        .await;
    let seat: Seat = hall.rig.item(("c-1", "A-1")).unwrap();
    assert_eq!(seat.reservation_id.as_str(), "r-3");
    assert_eq!(seat.held_until, at("10:30:00.001").parse().unwrap());
    let before = hall.reservation("r-1");
    assert_eq!(
        (before.state, before.reason.as_deref()),
        (ReservationState::Released, Some("hold_expired"))
    );
    assert_eq!((hall.sold_out().len(), hall.available()), (1, Some(0)));
    assert_eq!(
        hall.told(),
        [
            "reservation_created to u-1",
            "reservation_created to u-3",
            "reservation_expired to u-1",
            "reservation_refused to u-2"
        ]
    );
}

#[tokio::test]
async fn a_confirmed_seat_is_never_taken_over() {
    let hall = hall(&json!({ "available": 2 }));
    hall.send_status("r-1", "u-1", Some("A-1"), "confirmed", "10:00")
        .await;
    hall.reserve("r-2", "u-2", Some("A-1"), "18:00").await;
    assert_eq!(
        hall.reservation("r-2").reason.as_deref(),
        Some("seat_taken")
    );
    assert_eq!(hall.reservation("r-1").state, ReservationState::Confirmed);
}

#[tokio::test]
async fn of_places_without_a_number_the_first_whose_hold_is_over_is_taken_over() {
    let hall = hall(&json!({ "available": 3 }));
    hall.send_status("r-1", "u-1", None, "confirmed", "10:00")
        .await;
    hall.reserve("r-2", "u-2", None, "10:05").await;
    hall.reserve("r-3", "u-3", None, "10:01").await;
    hall.reserve("r-4", "u-4", None, "10:16").await;
    assert_eq!(hall.reservation("r-4").state, ReservationState::Refused);
    hall.reserve("r-5", "u-5", None, "10:17").await;
    let (before, after) = (hall.reservation("r-3").seat, hall.reservation("r-5").seat);
    let state_of = |seat| hall.rig.item::<Seat>(("c-1", seat)).unwrap().state;
    let states = [before, after].map(|seat| state_of(seat.unwrap()));
    assert_eq!(states, [SeatState::Free, SeatState::Held]);
    let states = ["r-1", "r-2", "r-3", "r-5"].map(|id| hall.reservation(id).state);
    assert_eq!(
        states,
        [
            ReservationState::Confirmed,
            ReservationState::Pending,
            ReservationState::Released,
            ReservationState::Pending
        ]
    );
    let concert: Concert = hall.rig.item("c-1").unwrap();
    assert_eq!(concert.available, Some(0));
}

#[tokio::test]
async fn a_full_concert_of_many_paid_places_is_searched_a_bounded_stretch_at_a_time() {
    let examined = i64::from(PLACES_EXAMINED_MAX);
    let hall = hall(&json!({ "available": 0 }));
    for n in 1..=examined + 1 {
        let booked_at = at("09:00").parse().unwrap();
        let name = tables::place(booked_at, &format!("{n:04}")).unwrap();
        let state = if n <= examined { "confirmed" } else { "held" };
        hall.seed_seat(name.as_str(), state, &format!("old-{n}"), "09:15");
    }
    hall.reserve("r-1", "u-1", None, "10:00").await;
    assert_eq!(hall.reservation("r-1").reason.as_deref(), Some("sold_out"));
    // In a later invocation: one passes a stretch at most.
    hall.rig.timer.advance(std::time::Duration::from_millis(1));
    hall.reserve("r-2", "u-2", None, "10:00").await;
    assert_eq!(hall.reservation("r-2").state, ReservationState::Pending);
}

#[tokio::test]
async fn a_place_without_a_number_is_not_named_to_its_user() {
    let hall = hall(&json!({ "available": 1 }));
    hall.reserve("r-1", "u-1", None, "10:00").await;
    let told = hall.notifications();
    assert_eq!(told[0].data.get("seat"), None);
}

#[tokio::test]
async fn who_is_refused_by_a_closed_concert_knows_at_once() {
    let hall = hall(&json!({ "available": 0, "closed_at": at("10:00") }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:01").await;
    let waiting: Waiting = hall.rig.item(("c-1", "u-1")).unwrap();
    assert!(waiting.knows);
    let told = hall.notifications();
    assert_eq!(told[0].kind.as_str(), "reservation_refused");
    assert_eq!(told[0].data.get("reason"), Some("sold_out"));
}

#[tokio::test]
async fn who_waited_before_the_concert_was_closed_is_left_to_be_told() {
    let hall = hall(&json!({ "available": 0 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:01").await;
    let hall = hall.with_concert(&json!({ "available": 0, "closed_at": at("10:02") }));
    hall.reserve("r-2", "u-1", Some("A-1"), "10:03").await;
    let waiting: Waiting = hall.rig.item(("c-1", "u-1")).unwrap();
    assert!(!waiting.knows);
}

#[tokio::test]
async fn a_closed_concert_still_sells_a_seat_that_came_free() {
    for concert in [json!({ "available": 1 }), json!({})] {
        let mut concert = concert;
        concert["closed_at"] = json!(at("10:00"));
        let hall = hall(&concert);
        hall.seed_seat("A-1", "free", "r-0", "09:15");
        hall.reserve("r-1", "u-1", Some("A-1"), "10:01").await;
        assert_eq!(hall.reservation("r-1").state, ReservationState::Pending);
        hall.reserve("r-2", "u-2", Some("A-2"), "10:01").await;
        assert_eq!(hall.reservation("r-2").reason.as_deref(), Some("sold_out"));
    }
}

#[tokio::test]
async fn an_unknown_concert_has_numbered_seats_and_no_others() {
    let hall = Hall::empty();
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.reserve("r-2", "u-2", None, "10:00").await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Pending);
    assert_eq!(
        hall.rig.item::<Concert>("c-1"),
        None,
        "there is nothing to say of it"
    );
    assert_eq!(hall.rig.item::<Reservation>("r-2"), None);
    assert_eq!(hall.rig.codes(), ["unknown_concert"]);
    assert!(hall.sold_out().is_empty());
}

#[tokio::test]
async fn no_event_names_a_place_that_has_no_number() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("unnumbered#0000000001"), "10:00")
        .await;
    assert_eq!(hall.rig.codes(), ["invalid_seat"]);
}

#[tokio::test]
async fn the_beginning_of_booking_is_kept_from_the_first_event_that_tells_it() {
    let hall = hall(&json!({ "available": 5 }));
    for (id, began) in [("r-1", "08:00"), ("r-2", "09:00")] {
        let mut value: Value = event(id, "u-1", None, "10:00");
        value["booking_started_at"] = json!(at(began));
        hall.rig.send([value]).await;
    }
    let concert: Concert = hall.rig.item("c-1").unwrap();
    assert_eq!(concert.booking_started_at, at("08:00").parse().ok());
}
