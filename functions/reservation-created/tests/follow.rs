//! What happens to a reservation beside its making: early payments, and statuses that others tell of.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Hall, event, hall};
use serde_json::{Value, json};
use tables::{EarlyPayment, EarlyPaymentState, Reservation, ReservationState, Seat, SeatState};

fn completed(amount: &str) -> Value {
    json!({ "outcome": "completed", "amount": amount })
}

fn failed() -> Value {
    json!({ "outcome": "failed", "reason": "insufficient_funds" })
}

fn early(hall: &Hall) -> EarlyPaymentState {
    let early: EarlyPayment = hall.rig.item("reservation#r-1").unwrap();
    early.state
}

/// The reason of the refund that is told of, if one is.
fn refund(hall: &Hall) -> Option<String> {
    let told = hall.notifications();
    let mut refunds = told.iter().filter(|one| one.kind.as_str() == "refund_due");
    let refund = refunds.next()?;
    assert_eq!(refunds.next(), None, "one refund at most");
    assert_eq!(refund.recipient.as_str(), "payments");
    assert_eq!(refund.data.get("reservation_id"), Some("r-1"));
    refund.data.get("reason").map(str::to_owned)
}

fn seat(hall: &Hall) -> Option<SeatState> {
    let seat: Option<Seat> = hall.rig.item(("c-1", "A-1"));
    seat.map(|seat| seat.state)
}

#[tokio::test]
async fn a_reservation_that_was_paid_before_it_came_is_confirmed_at_once() {
    let hall = hall(&json!({ "available": 5 }));
    hall.seed_early("r-1", &completed("120"));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    let reservation = hall.reservation("r-1");
    assert_eq!(reservation.state, ReservationState::Confirmed);
    let payment = reservation.payment.unwrap();
    assert_eq!(payment.payment_id.unwrap().as_str(), "pay-1");
    assert_eq!(
        (seat(&hall), hall.available()),
        (Some(SeatState::Confirmed), Some(4))
    );
    assert_eq!(early(&hall), EarlyPaymentState::Joined);
    let right = ["payment_completed to u-1", "reservation_created to u-1"];
    assert_eq!(hall.told(), right);
}

#[tokio::test]
async fn a_reservation_whose_payment_failed_before_it_came_holds_no_seat() {
    let hall = hall(&json!({ "available": 1 }));
    hall.seed_early("r-1", &failed());
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    let reservation = hall.reservation("r-1");
    assert_eq!(
        (reservation.state, reservation.reason.as_deref()),
        (ReservationState::Released, Some("insufficient_funds"))
    );
    assert_eq!((seat(&hall), hall.available()), (None, Some(1)));
    assert!(hall.sold_out().is_empty(), "the last seat has not gone");
    assert_eq!(early(&hall), EarlyPaymentState::Joined);
    assert_eq!(hall.told(), ["payment_failed to u-1"]);
}

#[tokio::test]
async fn the_money_for_a_refused_reservation_has_to_go_back() {
    let hall = hall(&json!({ "available": 0 }));
    hall.seed_early("r-1", &completed("120"));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Refused);
    assert_eq!(early(&hall), EarlyPaymentState::RefundDue);
    assert_eq!(refund(&hall).as_deref(), Some("reservation_refused"));
    assert_eq!(hall.told().len(), 2);
}

#[tokio::test]
async fn another_amount_than_the_reservation_costs_leaves_it_to_be_paid() {
    let hall = hall(&json!({ "available": 5 }));
    hall.seed_early("r-1", &completed("12"));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Pending);
    assert_eq!(seat(&hall), Some(SeatState::Held));
    assert_eq!(refund(&hall).as_deref(), Some("amount_mismatch"));
}

#[tokio::test]
async fn an_early_payment_that_is_done_with_is_not_joined() {
    for state in ["joined", "refund_due"] {
        let hall = hall(&json!({ "available": 5 }));
        let mut payment = completed("120");
        payment["state"] = json!(state);
        hall.seed_early("r-1", &payment);
        hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
        assert_eq!(hall.reservation("r-1").state, ReservationState::Pending);
        assert_eq!(hall.told(), ["reservation_created to u-1"]);
    }
}

#[tokio::test]
async fn a_reservation_that_was_paid_elsewhere_is_confirmed_at_once() {
    let hall = hall(&json!({ "available": 1 }));
    hall.send_status("r-1", "u-1", Some("A-1"), "confirmed", "10:00")
        .await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Confirmed);
    assert_eq!(seat(&hall), Some(SeatState::Confirmed));
    assert_eq!((hall.available(), hall.sold_out().len()), (Some(0), 1));
    assert_eq!(
        hall.told(),
        ["payment_completed to u-1"],
        "nobody is asked to pay"
    );
}

#[tokio::test]
async fn a_reservation_that_was_paid_elsewhere_and_gets_no_seat_has_its_money_go_back_once() {
    for payment in [None, Some(completed("120")), Some(failed())] {
        let hall = hall(&json!({ "available": 0 }));
        if let Some(payment) = &payment {
            hall.seed_early("r-1", payment);
        }
        hall.send_status("r-1", "u-1", Some("A-1"), "confirmed", "10:00")
            .await;
        assert_eq!(hall.reservation("r-1").state, ReservationState::Refused);
        assert_eq!(refund(&hall).as_deref(), Some("reservation_refused"));
        let right = ["refund_due to payments", "reservation_refused to u-1"];
        assert_eq!(hall.told(), right);
    }
}

#[tokio::test]
async fn a_status_confirms_a_reservation_that_is_held_and_no_other() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.send_status("r-1", "u-1", None, "confirmed", "10:15")
        .await;
    hall.send_status("r-1", "u-1", None, "confirmed", "10:16")
        .await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Confirmed);
    assert_eq!(
        (seat(&hall), hall.available()),
        (Some(SeatState::Confirmed), Some(4))
    );
    let right = ["payment_completed to u-1", "reservation_created to u-1"];
    assert_eq!(hall.told(), right);
    hall.reserve("r-2", "u-2", Some("A-1"), "10:20").await;
    hall.send_status("r-2", "u-2", None, "confirmed", "10:21")
        .await;
    assert_eq!(hall.rig.codes(), ["reservation_refused"]);
}

#[tokio::test]
async fn a_status_that_comes_after_the_hold_gives_the_seat_back_and_the_money_once() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    for _ in 0..2 {
        hall.send_status("r-1", "u-1", None, "confirmed", "10:15:00.001")
            .await;
    }
    let reservation = hall.reservation("r-1");
    assert_eq!(
        (reservation.state, reservation.reason.as_deref()),
        (ReservationState::Released, Some("hold_expired"))
    );
    assert_eq!(
        (seat(&hall), hall.available()),
        (Some(SeatState::Free), Some(5))
    );
    assert_eq!(refund(&hall).as_deref(), Some("hold_expired"));
    assert_eq!(hall.rig.codes(), ["reservation_released"]);
}

#[tokio::test]
async fn a_cancelled_reservation_gives_its_seat_back_once() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    for _ in 0..2 {
        hall.cancel("r-1", "u-1", "10:01").await;
    }
    let reservation = hall.reservation("r-1");
    assert_eq!(
        (reservation.state, reservation.reason.as_deref()),
        (ReservationState::Released, Some("reservation_cancelled"))
    );
    assert_eq!(
        (seat(&hall), hall.available()),
        (Some(SeatState::Free), Some(5))
    );
    assert_eq!((refund(&hall), hall.rig.codes()), (None, vec![]));
}

#[tokio::test]
async fn a_paid_reservation_that_is_cancelled_has_its_money_go_back_once() {
    let hall = hall(&json!({ "available": 5 }));
    hall.seed_early("r-1", &completed("120"));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    for _ in 0..2 {
        hall.cancel("r-1", "u-1", "12:00").await;
    }
    assert_eq!(
        (seat(&hall), hall.available()),
        (Some(SeatState::Free), Some(5))
    );
    assert_eq!(refund(&hall).as_deref(), Some("reservation_cancelled"));
}

#[tokio::test]
async fn a_reservation_that_was_cancelled_before_it_came_takes_no_seat() {
    let hall = hall(&json!({ "available": 5 }));
    hall.seed_early("r-1", &completed("120"));
    hall.cancel("r-1", "u-1", "10:00").await;
    assert_eq!(hall.reservation("r-1").state, ReservationState::Released);
    assert_eq!(hall.available(), Some(5));
    assert_eq!(refund(&hall).as_deref(), Some("reservation_released"));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:01").await;
    assert_eq!(
        (hall.rig.codes(), seat(&hall)),
        (vec!["reservation_exists"], None)
    );
}

#[tokio::test]
async fn an_id_is_one_reservation_whatever_another_event_says() {
    let hall = hall(&json!({ "available": 5 }));
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    let before: Reservation = hall.reservation("r-1");
    hall.reserve("r-1", "u-1", Some("A-1"), "10:00").await;
    hall.reserve("r-1", "u-2", Some("A-2"), "10:00").await;
    hall.send_status("r-1", "u-2", None, "cancelled", "10:00")
        .await;
    hall.send_status("r-1", "u-1", Some("A-2"), "cancelled", "10:00")
        .await;
    let mut elsewhere = event("r-1", "u-1", None, "10:00");
    elsewhere["concert_id"] = json!("c-2");
    elsewhere["status"] = json!("cancelled");
    hall.rig.send([elsewhere]).await;
    assert_eq!(hall.rig.codes(), ["reservation_exists"; 5]);
    assert_eq!(
        (hall.reservation("r-1"), hall.available()),
        (before, Some(4))
    );
}

#[tokio::test]
async fn a_status_that_is_not_known_decides_nothing() {
    let hall = hall(&json!({ "available": 5 }));
    hall.send_status("r-1", "u-1", None, "on_hold", "10:00")
        .await;
    hall.reserve("r-2", "u-1", None, "10:00").await;
    hall.send_status("r-2", "u-1", None, "on_hold", "10:00")
        .await;
    assert_eq!(hall.rig.codes(), ["unknown_reservation_status"; 2]);
    assert_eq!(hall.rig.item::<Reservation>("r-1"), None);
}
