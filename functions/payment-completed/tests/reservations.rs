//! What a payment that succeeded does to its reservation: it confirms it, waits for it, or is refused.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{NotificationKind, NotificationRequested};
use payment_completed::PaymentCompletedHandler;
use serde_json::json;
use tables::{
    Concert, EarlyPayment, EarlyPaymentState, Reservation, ReservationState, Seat, SeatState,
};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:00.000Z";
const HELD_UNTIL: &str = "2026-11-21T10:30:00.000Z";

fn hall(state: &str, reason: Option<&str>) -> Rig<PaymentCompletedHandler> {
    let rig = Rig::new(PaymentCompletedHandler);
    let reservation = json!({ "reservation_id": "r-1", "user_id": "u-1", "concert_id": "c-1",
        "seat": "A-1", "amount": "90", "state": state, "reason": reason,
        "booked_at": AT, "updated_at": AT });
    let seat = json!({ "concert_id": "c-1", "seat": "A-1", "state": "held", "reservation_id": "r-1",
        "user_id": "u-1", "held_until": HELD_UNTIL });
    let concert = json!({ "concert_id": "c-1", "available": 3 });
    rig.store
        .seed(item_key("reservations", "r-1", "-"), &reservation);
    rig.store.seed(item_key("seats", "c-1", "A-1"), &seat);
    rig.store.seed(item_key("concerts", "c-1", "-"), &concert);
    rig
}

async fn pay(rig: &Rig<PaymentCompletedHandler>, payment_id: &str, amount: i64, at: &str) {
    rig.send([
        json!({ "reservation_id": "r-1", "payment_id": payment_id, "amount": amount,
        "paid_at": at }),
    ])
    .await;
}

fn found(rig: &Rig<PaymentCompletedHandler>) -> (ReservationState, SeatState, Option<i64>) {
    let reservation: Reservation = rig.item("r-1").unwrap();
    let seat: Seat = rig.item(("c-1", "A-1")).unwrap();
    let concert: Concert = rig.item("c-1").unwrap();
    (reservation.state, seat.state, concert.available)
}

#[tokio::test]
async fn a_payment_while_the_hold_lasts_confirms_the_seat_once() {
    let rig = hall("pending", None);
    pay(&rig, "pay-1", 90, HELD_UNTIL).await;
    pay(&rig, "pay-1", 90, HELD_UNTIL).await;
    let right = (ReservationState::Confirmed, SeatState::Confirmed, Some(3));
    assert_eq!(found(&rig), right);
    let [request] = &rig.published::<NotificationRequested>()[..] else {
        panic!("one event")
    };
    assert_eq!(request.kind, NotificationKind::PaymentCompleted);
    assert_eq!(request.recipient.as_str(), "u-1");
    assert_eq!(request.data.get("reservation_id"), Some("r-1"));
    assert!(rig.codes().is_empty());
    pay(&rig, "pay-2", 90, HELD_UNTIL).await;
    assert_eq!(rig.codes(), ["already_paid"]);
}

#[tokio::test]
async fn a_payment_after_the_hold_gives_the_seat_back_and_its_money_has_to_go_back() {
    let rig = hall("pending", None);
    pay(&rig, "pay-1", 90, "2026-11-21T10:30:00.001Z").await;
    let right = (ReservationState::Released, SeatState::Free, Some(4));
    assert_eq!(found(&rig), right);
    let [request] = &rig.published::<NotificationRequested>()[..] else {
        panic!("one event")
    };
    assert_eq!(request.kind, NotificationKind::RefundDue);
    let data = ["reservation_id", "payment_id", "reason"].map(|name| request.data.get(name));
    assert_eq!(data, [Some("r-1"), Some("pay-1"), Some("hold_expired")]);
    assert!(rig.codes().is_empty());
    // Another one comes too late to change anything.
    pay(&rig, "pay-2", 90, AT).await;
    assert_eq!(rig.codes(), ["not_payable"]);
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn another_amount_than_it_costs_never_confirms_a_reservation() {
    let rig = hall("pending", None);
    pay(&rig, "pay-1", 89, AT).await;
    assert_eq!(rig.codes(), ["amount_mismatch"]);
    let right = (ReservationState::Pending, SeatState::Held, Some(3));
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn money_for_a_seat_that_will_not_be_is_refused() {
    for (state, reason) in [
        ("released", Some("insufficient_funds")),
        ("refused", Some("seat_taken")),
    ] {
        let rig = hall(state, reason);
        pay(&rig, "pay-1", 90, AT).await;
        assert_eq!(rig.codes(), ["not_payable"], "{state}");
        assert!(rig.published::<NotificationRequested>().is_empty());
    }
}

#[tokio::test]
async fn the_payment_of_a_reservation_that_is_not_there_waits_for_it() {
    let rig = Rig::new(PaymentCompletedHandler);
    pay(&rig, "pay-1", 90, AT).await;
    let early: EarlyPayment = rig.item("reservation#r-1").unwrap();
    assert_eq!(early.state, EarlyPaymentState::Waiting);
    assert_eq!(early.happened_at.to_string(), AT);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn an_order_counts_where_both_are_named() {
    let rig = hall("pending", None);
    rig.send([json!({ "order_id": "o-1", "reservation_id": "r-1", "amount": 90 })])
        .await;
    assert!(rig.item::<EarlyPayment>("order#o-1").is_some());
    let right = (ReservationState::Pending, SeatState::Held, Some(3));
    assert_eq!(found(&rig), right);
}
