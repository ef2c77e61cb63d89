//! Many reservations of one concert in one batch: each sees what those before it took.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Hall, event, hall};
use reservation_created::PLACES_EXAMINED_MAX;
use serde_json::json;
use tables::{Reservation, ReservationState};

/// Reservations `first` to `last`, in one batch; `seat` says which numbered one each wants.
async fn reserve(hall: &Hall, first: u64, last: u64, seat: fn(u64) -> Option<String>, at: &str) {
    let batch = (first..=last).map(|n| {
        let (id, user) = (format!("r-{n}"), format!("u-{n}"));
        event(&id, &user, seat(n).as_deref(), at)
    });
    hall.rig.send(batch.collect::<Vec<_>>()).await;
}

/// Whose seats are held, and that no two have the same one.
fn holders(hall: &Hall) -> Vec<String> {
    let all: Vec<Reservation> = hall.rig.items();
    let held = all
        .iter()
        .filter(|one| one.state == ReservationState::Pending);
    let held: Vec<_> = held.collect();
    let seats: BTreeSet<_> = held.iter().map(|one| one.seat.as_ref().unwrap()).collect();
    assert_eq!(seats.len(), held.len(), "a seat is held by one user");
    held.iter()
        .map(|one| one.reservation_id.to_string())
        .collect()
}

#[tokio::test]
async fn a_batch_of_reservations_without_a_number_gets_a_place_each() {
    let hall = hall(&json!({ "available": 150 }));
    reserve(&hall, 1, 200, |_| None, "10:00").await;
    assert_eq!(hall.rig.codes(), [""; 0]);
    assert_eq!(holders(&hall).len(), 150);
    assert_eq!((hall.available(), hall.sold_out().len()), (Some(0), 1));
}

#[tokio::test]
async fn a_batch_of_reservations_takes_over_as_many_places_as_holds_are_over() {
    let hall = hall(&json!({ "available": 20 }));
    reserve(&hall, 1, 20, |_| None, "10:00").await;
    reserve(&hall, 21, 50, |_| None, "10:16").await;
    assert_eq!(hall.rig.codes(), [""; 0]);
    let holders = holders(&hall);
    let right: BTreeSet<_> = (21..=40).map(|n| format!("r-{n}")).collect();
    assert_eq!(holders.into_iter().collect::<BTreeSet<_>>(), right);
}

#[tokio::test]
async fn a_batch_of_reservations_of_numbered_seats_gets_each_its_own() {
    let hall = hall(&json!({ "available": 150 }));
    reserve(&hall, 1, 200, |n| Some(format!("A-{n}")), "10:00").await;
    assert_eq!(hall.rig.codes(), [""; 0]);
    assert_eq!(holders(&hall).len(), 150);
}

/// Reservations that were paid elsewhere, in one batch.
async fn reserve_paid(hall: &Hall, first: u64, last: u64, at: &str) {
    let batch = (first..=last).map(|n| {
        let mut paid = event(&format!("r-{n}"), &format!("u-{n}"), None, at);
        paid["status"] = json!("confirmed");
        paid
    });
    hall.rig.send(batch.collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_batch_behind_many_paid_places_is_refused_and_no_dead_letter() {
    let hall = hall(&json!({ "available": 351 }));
    reserve_paid(&hall, 1, 350, "10:00").await;
    reserve(&hall, 351, 351, |_| None, "10:01").await;
    // Three full stretches of a hundred lie before the one that has the hold: an invocation passes one.
    for (n, at) in [
        (400, "10:20"),
        (500, "10:21"),
        (600, "10:22"),
        (700, "10:23"),
    ] {
        hall.rig.timer.advance(Duration::from_millis(1));
        reserve(&hall, n, n + 29, |_| None, at).await;
    }
    assert_eq!(hall.rig.codes(), [""; 0]);
    assert_eq!(holders(&hall), ["r-700"], "the first that found it");
    assert_eq!(hall.reservation("r-351").state, ReservationState::Released);
}

#[tokio::test]
async fn a_place_that_was_booked_before_those_that_are_passed_is_found_all_the_same() {
    let examined = u64::from(PLACES_EXAMINED_MAX);
    let hall = hall(&json!({ "available": examined }));
    reserve_paid(&hall, 1, examined, "09:00").await;
    reserve(&hall, 201, 201, |_| None, "10:00").await;
    assert!(holders(&hall).is_empty(), "all are paid, and passed now");
    hall.cancel("r-1", "u-1", "10:01").await;
    // It comes late: its hold is over by the time of the next.
    reserve(&hall, 202, 202, |_| None, "08:30").await;
    assert_eq!(holders(&hall), ["r-202"]);
    hall.rig.timer.advance(Duration::from_millis(1));
    reserve(&hall, 203, 203, |_| None, "10:02").await;
    assert_eq!(holders(&hall), ["r-203"]);
    assert_eq!(hall.available(), Some(0));
}
