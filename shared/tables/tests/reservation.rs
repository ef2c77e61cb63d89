//! What payments do to a reservation, its seat and its concert, together and once.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{PaymentCompleted, PaymentFailed};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use serde_json::{Value, json};
use tables::{
    Concert, Confirmation, Reservation, ReservationPayment, ReservationState, Seat, SeatState,
};
use testkit::{Rig, item_key};

/// Confirms the reservation that a payment names; what confirms nothing is a dead letter, which undoes it.
struct Pays;

impl Decide for Pays {
    type Event = PaymentCompleted;
    const NAME: &'static str = "pays";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<PaymentCompleted>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        let id = event.reservation_id.as_ref().unwrap();
        let mut reservation = work.get::<Reservation>(id.as_str())?.unwrap();
        let payment = ReservationPayment {
            payment_id: event.payment_id.clone(),
            amount: event.amount,
        };
        match reservation.confirm(payment, event.paid_at.unwrap(), work)? {
            Confirmation::Confirmed | Confirmation::AlreadyConfirmed => Ok(()),
            // What a hold that is over gives back has to stay given back: some functions answer with a refund.
            Confirmation::Refused(why) if event.method.is_some() => {
                assert_eq!(why.code(), "hold_expired");
                Ok(())
            }
            Confirmation::Refused(why) => Err(Rejection::permanent(why.code(), "refused")),
        }
    }
}

/// Releases the reservation that a failed payment names.
struct FailsToPay;

impl Decide for FailsToPay {
    type Event = PaymentFailed;
    const NAME: &'static str = "fails-to-pay";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<PaymentFailed>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let id = record.event.reservation_id.as_ref().unwrap();
        let mut reservation = work.get::<Reservation>(id.as_str())?.unwrap();
        reservation.release("insufficient_funds", work)?;
        Ok(())
    }
}

const BOOKED_AT: &str = "2026-11-21T10:00:00.000Z";
const HELD_UNTIL: &str = "2026-11-21T10:15:00.000Z";
const TOO_LATE: &str = "2026-11-21T10:15:00.001Z";

/// A concert of which one seat is held, for r-1.
fn held(available: Option<i64>) -> Rig<Pays> {
    let rig = Rig::new(Pays);
    let mut concert = json!({ "concert_id": "c-1" });
    if let Some(available) = available {
        concert["available"] = json!(available);
    }
    let seat = json!({ "concert_id": "c-1", "seat": "A-1", "state": "held",
        "reservation_id": "r-1", "user_id": "u-1", "held_until": HELD_UNTIL });
    let reservation = json!({ "reservation_id": "r-1", "user_id": "u-1", "concert_id": "c-1",
        "seat": "A-1", "amount": "120.00", "state": "pending", "booked_at": BOOKED_AT,
        "updated_at": BOOKED_AT });
    rig.store.seed(item_key("concerts", "c-1", "-"), &concert);
    rig.store.seed(item_key("seats", "c-1", "A-1"), &seat);
    rig.store
        .seed(item_key("reservations", "r-1", "-"), &reservation);
    rig
}

fn paid(payment: &str, amount: &str, at: &str) -> Value {
    json!({ "reservation_id": "r-1", "payment_id": payment, "amount": amount, "paid_at": at })
}

/// The reservation's state and why, the seat's, and how many seats can be reserved.
fn found(rig: &Rig<Pays>) -> (ReservationState, Option<String>, SeatState, Option<i64>) {
    let reservation: Reservation = rig.item("r-1").unwrap();
    let seat: Seat = rig.item(("c-1", "A-1")).unwrap();
    let concert: Concert = rig.item("c-1").unwrap();
    (
        reservation.state,
        reservation.reason,
        seat.state,
        concert.available,
    )
}

#[tokio::test]
async fn a_payment_in_the_last_moment_of_the_hold_confirms_reservation_and_seat() {
    let rig = held(Some(4));
    rig.send([paid("pay-1", "120", HELD_UNTIL)]).await;
    let right = (
        ReservationState::Confirmed,
        None,
        SeatState::Confirmed,
        Some(4),
    );
    assert_eq!(found(&rig), right);
    let reservation: Reservation = rig.item("r-1").unwrap();
    let payment = reservation.payment.unwrap();
    assert_eq!(payment.payment_id.unwrap().as_str(), "pay-1");
    rig.send([
        paid("pay-1", "120", HELD_UNTIL),
        paid("pay-2", "120", BOOKED_AT),
    ])
    .await;
    assert_eq!(rig.codes(), ["reservation_already_paid"]);
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn a_payment_a_moment_later_gives_the_seat_back() {
    let rig = held(Some(4));
    let mut late = paid("pay-1", "120", TOO_LATE);
    late["method"] = json!("card");
    rig.send([late]).await;
    let reason = Some("hold_expired".to_owned());
    let right = (ReservationState::Released, reason, SeatState::Free, Some(5));
    assert_eq!(found(&rig), right);
    rig.send([paid("pay-1", "120", BOOKED_AT)]).await;
    assert_eq!(rig.codes(), ["hold_expired"]);
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn a_late_payment_that_becomes_a_dead_letter_leaves_the_hold_to_be_taken_over() {
    let rig = held(Some(4));
    rig.send([paid("pay-1", "120", TOO_LATE)]).await;
    assert_eq!(rig.codes(), ["hold_expired"]);
    let right = (ReservationState::Pending, None, SeatState::Held, Some(4));
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn a_seat_that_is_another_reservations_by_now_is_not_touched() {
    let rig = held(Some(4));
    let taken = json!({ "concert_id": "c-1", "seat": "A-1", "state": "held",
        "reservation_id": "r-2", "user_id": "u-2", "held_until": "2026-11-21T11:15:00.000Z" });
    rig.store.seed(item_key("seats", "c-1", "A-1"), &taken);
    rig.send([paid("pay-1", "120", BOOKED_AT)]).await;
    assert_eq!(rig.codes(), ["hold_expired"]);
    let fails = Rig::beside(FailsToPay, &rig);
    fails.send([json!({ "reservation_id": "r-1" })]).await;
    let (state, _, seat, available) = found(&rig);
    assert_eq!(
        (state, seat, available),
        (ReservationState::Released, SeatState::Held, Some(4))
    );
}

#[tokio::test]
async fn another_amount_confirms_nothing_and_the_seat_stays_held() {
    let rig = held(Some(4));
    rig.send([paid("pay-1", "119.99", BOOKED_AT)]).await;
    assert_eq!(rig.codes(), ["amount_mismatch"]);
    let right = (ReservationState::Pending, None, SeatState::Held, Some(4));
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn two_failed_payments_give_one_seat_back() {
    let rig = held(Some(0));
    let fails = Rig::beside(FailsToPay, &rig);
    let failed = json!({ "reservation_id": "r-1" });
    fails.send([failed.clone()]).await;
    fails.send([failed]).await;
    let reason = Some("insufficient_funds".to_owned());
    let right = (ReservationState::Released, reason, SeatState::Free, Some(1));
    assert_eq!(found(&rig), right);
    rig.send([paid("pay-1", "120", BOOKED_AT)]).await;
    assert_eq!(rig.codes(), ["reservation_released"]);
}

#[tokio::test]
async fn a_failed_payment_takes_no_seat_from_a_confirmed_reservation() {
    let rig = held(Some(4));
    rig.send([paid("pay-1", "120", BOOKED_AT)]).await;
    let fails = Rig::beside(FailsToPay, &rig);
    fails.send([json!({ "reservation_id": "r-1" })]).await;
    let right = (
        ReservationState::Confirmed,
        None,
        SeatState::Confirmed,
        Some(4),
    );
    assert_eq!(found(&rig), right);
}

#[tokio::test]
async fn seats_that_nobody_counts_stay_uncounted() {
    let rig = held(None);
    let fails = Rig::beside(FailsToPay, &rig);
    fails.send([json!({ "reservation_id": "r-1" })]).await;
    let (state, _, seat, available) = found(&rig);
    assert_eq!(
        (state, seat, available),
        (ReservationState::Released, SeatState::Free, None)
    );
}

#[tokio::test]
async fn a_payment_that_a_status_told_of_is_noted_and_the_next_one_is_refused() {
    let rig = held(Some(4));
    let confirmed = json!({ "reservation_id": "r-1", "user_id": "u-1", "concert_id": "c-1",
        "seat": "A-1", "amount": "120.00", "state": "confirmed", "booked_at": BOOKED_AT,
        "updated_at": BOOKED_AT });
    rig.store
        .seed(item_key("reservations", "r-1", "-"), &confirmed);
    let payment = |rig: &Rig<Pays>| rig.item::<Reservation>("r-1").unwrap().payment;
    rig.send([paid("pay-1", "1", BOOKED_AT)]).await;
    assert_eq!(
        (rig.codes(), payment(&rig)),
        (vec!["amount_mismatch"], None)
    );
    rig.send([paid("pay-2", "120", TOO_LATE)]).await;
    rig.send([paid("pay-3", "120", BOOKED_AT)]).await;
    assert_eq!(rig.codes(), ["amount_mismatch", "reservation_already_paid"]);
    assert_eq!(payment(&rig).unwrap().payment_id.unwrap().as_str(), "pay-2");
    let (state, _, _, available) = found(&rig);
    assert_eq!((state, available), (ReservationState::Confirmed, Some(4)));
}
