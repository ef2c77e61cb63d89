//! Reservations as a whole: their real handlers on one store, under events that are late, repeated, in any order and
//! at the same moment, with faults.
//!
//! They come to rest where every seat is one reservation's, nobody waits untold or is told twice, and no money is
//! forgotten. `HALL_SEED=n` repeats one seed, `HALL_SEEDS=n` runs so many.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod hall;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ops::Range;

use futures_util::future::join_all;
use serde_json::json;
use tables::{
    Concert, EarlyPayment, EarlyPaymentState, PaymentOutcome, Reservation, ReservationState, Seat,
    SeatState, Waiting,
};
use testkit::{FaultPlan, Random};

use hall::Hall;
use plan::Plan;

/// Seeds that are run where nothing else is said.
const SEEDS: u64 = 200;
/// Events that arrive at the same moment.
const TOGETHER: usize = 8;
/// How many calls of a thousand go wrong.
const FAULTS_PER_MILLE: u64 = 60;
/// The call after which nothing goes wrong any more, so that a run ends.
const FAULTY_CALLS: usize = 300;

fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
    match number("HALL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HALL_SEEDS").unwrap_or(SEEDS),
    }
}

#[tokio::test]
async fn events_at_the_same_moment_come_to_rest_with_every_seat_and_all_money_in_its_place() {
    let mut met = BTreeMap::new();
    let mut faults = 0;
    for seed in seeds() {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let disturbed = FaultPlan::random(seed, FAULTS_PER_MILLE, FAULTY_CALLS);
        let concert = json!({ "concert_id": "c-1", "available": plan.seats });
        let mut hall = Hall::new(&concert, disturbed.clone());
        for together in plan.arrivals.chunks(TOGETHER) {
            join_all((together.iter()).map(|(function, value)| hall.deliver(*function, value)))
                .await;
            hall.relay().await;
        }
        hall.relay_all().await;
        seats_are_their_reservations(seed, &hall, &plan);
        who_waits_was_told_once(seed, &hall, &plan);
        money_is_somewhere(seed, &hall, &plan, &mut met);
        faults += disturbed.faults();
    }
    assert!(faults > 0, "nothing went wrong");
    if seeds().count() > 1 {
        let ways: Vec<_> = met.keys().copied().collect();
        let all = ["confirmed", "dead letter", "early refund", "refund"];
        assert_eq!(ways, all, "every way of money was met");
    }
}

/// Every seat that is somebody's is that reservation's, and the other way round; the rest can be reserved.
fn seats_are_their_reservations(seed: u64, hall: &Hall, plan: &Plan) {
    let reservations = hall.items::<Reservation>();
    let ids: BTreeSet<_> = (reservations.iter())
        .map(|reservation| reservation.reservation_id.to_string())
        .collect();
    let planned: BTreeSet<_> = plan.reservations.iter().cloned().collect();
    assert_eq!(ids, planned, "HALL_SEED={seed}: each is decided");
    let taken: BTreeMap<_, _> = (hall.items::<Seat>().into_iter())
        .filter(|seat| seat.state != SeatState::Free)
        .map(|seat| (seat.reservation_id.clone(), seat))
        .collect();
    for reservation in &reservations {
        let seat = taken.get(&reservation.reservation_id);
        let state = match reservation.state {
            ReservationState::Pending => Some(SeatState::Held),
            ReservationState::Confirmed => Some(SeatState::Confirmed),
            ReservationState::Released | ReservationState::Refused => None,
        };
        assert_eq!(
            seat.map(|seat| seat.state),
            state,
            "HALL_SEED={seed}: {reservation:?}"
        );
        if let Some(seat) = seat {
            assert_eq!(
                reservation.seat.as_ref(),
                Some(&seat.seat),
                "HALL_SEED={seed}"
            );
            let payment = reservation.payment.as_ref();
            let id = payment.and_then(|payment| payment.payment_id.as_ref());
            let paid_at = id.map(|id| plan.payments[id.as_str()]);
            let in_time = paid_at.is_none_or(|at| at <= seat.held_until);
            assert!(in_time, "HALL_SEED={seed}: {reservation:?} {seat:?}");
        }
    }
    let concert = hall.items::<Concert>().remove(0);
    let left = i64::try_from(plan.seats).unwrap() - i64::try_from(taken.len()).unwrap();
    let available = concert.available.unwrap();
    if plan.is_ended_elsewhere {
        assert!((0..=left.max(0)).contains(&available), "HALL_SEED={seed}");
    } else {
        assert_eq!(available, left, "HALL_SEED={seed}: seats that are left");
    }
}

/// Who was refused waits; if the concert is closed, each of them knows it by the refusal or was told, once.
fn who_waits_was_told_once(seed: u64, hall: &Hall, plan: &Plan) {
    let reservations = hall.items::<Reservation>();
    let refused = (reservations.iter()).filter(|one| one.state == ReservationState::Refused);
    let refused: BTreeSet<_> = refused.map(|one| one.user_id.clone()).collect();
    let waiting = hall.items::<Waiting>();
    let users: BTreeSet<_> = waiting.iter().map(|one| one.user_id.clone()).collect();
    assert_eq!(users, refused, "HALL_SEED={seed}: who waits");
    let concert = hall.items::<Concert>().remove(0);
    let ends = hall.published("concert.sold-out").into_iter();
    let ends = ends.filter(|end| end.get("cursor").is_none()).count();
    let is_closed = concert.closed_at.is_some();
    assert!(ends <= 1, "HALL_SEED={seed}: its end is told {ends} times");
    assert_eq!(
        is_closed,
        ends == 1 || plan.is_ended_elsewhere,
        "HALL_SEED={seed}"
    );
    assert_eq!(concert.telling, None, "HALL_SEED={seed}");
    let told = hall.published("notification.requested");
    for one in waiting {
        let of_user = (told.iter())
            .filter(|told| told["kind"] == "concert_sold_out")
            .filter(|told| told["recipient"] == one.user_id.as_str());
        let right = usize::from(is_closed && !one.knows);
        assert_eq!(of_user.count(), right, "HALL_SEED={seed}: {one:?}");
    }
}

/// Every payment that succeeded confirmed its reservation, or its money goes back, or an operator sees it: one of these.
fn money_is_somewhere(
    seed: u64,
    hall: &Hall,
    plan: &Plan,
    met: &mut BTreeMap<&'static str, usize>,
) {
    let mut ways: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let mut note = |id: &str, way| ways.entry(id.to_owned()).or_default().insert(way);
    for reservation in hall.items::<Reservation>() {
        let is_confirmed = reservation.state == ReservationState::Confirmed;
        let payment = reservation.payment.filter(|_| is_confirmed);
        if let Some(id) = payment.and_then(|payment| payment.payment_id) {
            note(id.as_str(), "confirmed");
        }
    }
    let early = hall.items::<EarlyPayment>();
    let early: BTreeSet<_> = (early.iter())
        .filter(|early| early.state == EarlyPaymentState::RefundDue)
        .map(|early| early.payment_id.clone().unwrap().into_string())
        .collect();
    let refunds = hall.published("notification.requested").into_iter();
    let refunds: Vec<_> = refunds
        .filter(|request| request["kind"] == "refund_due")
        .map(|request| request["data"]["payment_id"].as_str().unwrap().to_owned())
        .collect();
    let once: BTreeSet<_> = refunds.iter().collect();
    assert_eq!(once.len(), refunds.len(), "HALL_SEED={seed}: {refunds:?}");
    for id in &refunds {
        let way = if early.contains(id) {
            "early refund"
        } else {
            "refund"
        };
        note(id, way);
    }
    for id in hall.dead_payments() {
        note(&id, "dead letter");
    }
    for id in plan.payments.keys() {
        let found: Vec<_> = ways.remove(id).into_iter().flatten().collect();
        let [way] = found[..] else {
            panic!("HALL_SEED={seed}: {id} is {found:?}")
        };
        *met.entry(way).or_default() += 1;
    }
    let forgotten = hall.items::<EarlyPayment>().into_iter().find(|early| {
        early.outcome == PaymentOutcome::Completed && early.state == EarlyPaymentState::Waiting
    });
    assert_eq!(
        forgotten, None,
        "HALL_SEED={seed}: every reservation is there"
    );
}
