//! What a payment that failed undoes of a reservation: its seat is free again, once.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{NotificationKind, NotificationRequested};
use payment_failed::PaymentFailedHandler;
use serde_json::json;
use tables::{
    Concert, EarlyPayment, EarlyPaymentState, PaymentOutcome, Reservation, ReservationState, Seat,
    SeatState,
};
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:00.000Z";

fn hall(state: &str, seat_state: &str) -> Rig<PaymentFailedHandler> {
    let rig = Rig::new(PaymentFailedHandler);
    let mut reservation = json!({ "reservation_id": "r-1", "user_id": "u-1", "concert_id": "c-1",
        "seat": "A-1", "amount": "90", "state": state, "booked_at": AT, "updated_at": AT });
    if state == "confirmed"
        && let Some(fields) = reservation.as_object_mut()
    {
        let payment = json!({ "payment_id": "pay-1", "amount": "90" });
        fields.insert("payment".to_owned(), payment);
    }
    let seat = json!({ "concert_id": "c-1", "seat": "A-1", "state": seat_state,
        "reservation_id": "r-1", "user_id": "u-1", "held_until": "2026-11-21T10:30:00.000Z" });
    let concert = json!({ "concert_id": "c-1", "available": 3 });
    rig.store
        .seed(item_key("reservations", "r-1", "-"), &reservation);
    rig.store.seed(item_key("seats", "c-1", "A-1"), &seat);
    rig.store.seed(item_key("concerts", "c-1", "-"), &concert);
    rig
}

async fn fail(rig: &Rig<PaymentFailedHandler>, payment_id: &str, reason: Option<&str>) {
    rig.send([json!({ "reservation_id": "r-1", "payment_id": payment_id, "reason": reason })])
        .await;
}

fn found(rig: &Rig<PaymentFailedHandler>) -> (ReservationState, SeatState, Option<i64>) {
    let reservation: Reservation = rig.item("r-1").unwrap();
    let seat: Seat = rig.item(("c-1", "A-1")).unwrap();
    let concert: Concert = rig.item("c-1").unwrap();
    (reservation.state, seat.state, concert.available)
}

#[tokio::test]
async fn a_held_seat_is_free_again_once_and_its_user_is_told() {
    for (reason, kept) in [
        (Some("insufficient_funds"), "insufficient_funds"),
        (None, "payment_failed"),
    ] {
        let rig = hall("pending", "held");
        fail(&rig, "pay-1", reason).await;
        fail(&rig, "pay-1", reason).await;
        fail(&rig, "pay-2", reason).await;
        let right = (ReservationState::Released, SeatState::Free, Some(4));
        assert_eq!(found(&rig), right);
        let reservation: Reservation = rig.item("r-1").unwrap();
        assert_eq!(reservation.reason.as_deref(), Some(kept));
        let [request] = &rig.published::<NotificationRequested>()[..] else {
            panic!("one event")
        };
        assert_eq!(request.kind, NotificationKind::PaymentFailed);
        assert_eq!(request.data.get("reservation_id"), Some("r-1"));
        assert!(rig.codes().is_empty());
    }
}

#[tokio::test]
async fn a_confirmed_seat_stays_whatever_another_attempt_came_to() {
    let rig = hall("confirmed", "confirmed");
    fail(&rig, "pay-0", None).await;
    assert!(rig.codes().is_empty());
    fail(&rig, "pay-1", None).await;
    assert_eq!(rig.codes(), ["payment_completed"]);
    let right = (ReservationState::Confirmed, SeatState::Confirmed, Some(3));
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn the_failure_for_a_reservation_that_is_not_there_waits_for_it() {
    let rig = Rig::new(PaymentFailedHandler);
    fail(&rig, "pay-1", Some("card_expired")).await;
    let early: EarlyPayment = rig.item("reservation#r-1").unwrap();
    let found = (early.outcome, early.state, early.reason.as_deref());
    let right = (
        PaymentOutcome::Failed,
        EarlyPaymentState::Waiting,
        Some("card_expired"),
    );
    assert_eq!(found, right);
}
