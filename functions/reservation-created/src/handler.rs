//! Decides what a new reservation does: it holds a seat, or is refused and its user waits.
//!
//! What a later payment does is decided by the functions of payments, what a later status does in `follow`.

use event_schema::SeatId;
use event_schema::events::{ConcertSoldOut, ReservationCreated, ReservationStatus};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{
    Concert, EarlyPayment, EarlyPaymentState, HOLD_EXPIRED, PaidFor, PaymentOutcome, Reservation,
    ReservationState, Seat, SeatState, Waiting,
};

use crate::claim::{Claim, Claimed, claim, wanted};
use crate::follow::{CANCELLED, follow, join, unknown_status};
use crate::tell;

/// Handles `reservation.created`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReservationCreatedHandler;

impl Decide for ReservationCreatedHandler {
    type Event = ReservationCreated;
    const NAME: &'static str = "reservation-created";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<ReservationCreated>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        // All are asked for before the first miss ends the run: one round loads them. The concert is depended on,
        // hot as it is: which reservation takes the last seat has to be exact.
        let stored = work.get::<Reservation>(event.reservation_id.as_str());
        let early = work.get::<EarlyPayment>(&PaidFor::Reservation(&event.reservation_id).key());
        let concert = work.get::<Concert>(event.concert_id.as_str());
        let wanted = wanted(event.seat.as_ref(), record.timestamp, work)?;
        let seat = work.peek::<Seat>((&event.concert_id, &wanted));
        let (stored, early, concert, _) = (stored?, early?, concert?, seat?);
        if let Some(stored) = stored {
            return follow(stored, record, work);
        }
        let early = early.filter(|early| early.state == EarlyPaymentState::Waiting);
        let mut reservation = new_reservation(record, work);
        match &event.status {
            Some(ReservationStatus::Cancelled) => reservation.lose_seat(CANCELLED, work),
            Some(ReservationStatus::Other(_)) => return Err(unknown_status()),
            None | Some(ReservationStatus::Pending) if has_failed(early.as_ref()) => {
                let reason = early.as_ref().and_then(|early| early.reason.as_deref());
                reservation.lose_seat(reason.unwrap_or("payment_failed"), work);
            }
            None | Some(ReservationStatus::Pending | ReservationStatus::Confirmed) => {
                let concert = concert.unwrap_or_else(|| Concert::unknown(event.concert_id.clone()));
                let is_paid = event.status == Some(ReservationStatus::Confirmed);
                reserve(&mut reservation, &concert, &wanted, is_paid, record, work)?;
                let is_refused = reservation.state == ReservationState::Refused;
                if is_paid && is_refused && (early.is_none() || has_failed(early.as_ref())) {
                    tell::paid_in_vain(&reservation, work)?;
                }
            }
        }
        early.map_or(Ok(()), |early| join(reservation, early, work))
    }
}

fn has_failed(early: Option<&EarlyPayment>) -> bool {
    early.is_some_and(|early| early.outcome == PaymentOutcome::Failed)
}

/// The reservation as the event tells of it, not decided yet.
fn new_reservation(record: &Record<ReservationCreated>, work: &Work<'_>) -> Reservation {
    let event = &record.event;
    Reservation {
        reservation_id: event.reservation_id.clone(),
        user_id: event.user_id.clone(),
        concert_id: event.concert_id.clone(),
        seat: event.seat.clone(),
        amount: event.amount,
        state: ReservationState::Pending,
        reason: None,
        payment: None,
        booked_at: record.timestamp,
        updated_at: work.now(),
    }
}

/// Holds a seat for the reservation, or refuses it; one that is paid already is confirmed.
fn reserve(
    reservation: &mut Reservation,
    stored: &Concert,
    wanted: &SeatId,
    is_paid: bool,
    record: &Record<ReservationCreated>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let event = &record.event;
    let mut concert = stored.clone();
    concert.booking_started_at = concert.booking_started_at.or(event.booking_started_at);
    match claim(&mut concert, wanted, reservation, work)? {
        Claim::Refused(reason) => refuse(reservation, &concert, reason, work)?,
        Claim::Claimed(claimed) => hold(reservation, &mut concert, claimed, is_paid, work)?,
    }
    if concert != *stored {
        work.put(&concert);
    }
    Ok(())
}

fn hold(
    reservation: &mut Reservation,
    concert: &mut Concert,
    claimed: Claimed,
    is_paid: bool,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    if let Some(before) = claimed.held_before_by
        && let Some(mut before) = work.get::<Reservation>(before.as_str())?
    {
        before.lose_seat(HOLD_EXPIRED, work);
        tell::expired(&before, work)?;
    }
    if let Some(mut vacated) = claimed.vacated {
        vacated.state = SeatState::Free;
        work.put(&vacated);
    }
    let seat = Seat::held(claimed.seat, reservation);
    reservation.seat = Some(seat.seat.clone());
    work.put(&seat);
    work.put(reservation);
    if is_paid {
        reservation.settle(None, reservation.booked_at, work)?;
        tell::paid(reservation, work)?;
    } else {
        tell::held(reservation, &seat, work)?;
    }
    if concert.available == Some(0) && concert.sold_out_at.is_none() {
        concert.sold_out_at = Some(reservation.booked_at);
        work.publish(ConcertSoldOut {
            concert_id: concert.concert_id.clone(),
            sold_out_at: concert.sold_out_at,
            booking_started_at: concert.booking_started_at,
            total_seats: concert.total_seats,
            cursor: None,
        });
    }
    Ok(())
}

fn refuse(
    reservation: &mut Reservation,
    concert: &Concert,
    reason: &'static str,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let user_id = &reservation.user_id;
    if work
        .get::<Waiting>((&concert.concert_id, user_id))?
        .is_none()
    {
        work.put(&Waiting {
            concert_id: concert.concert_id.clone(),
            user_id: user_id.clone(),
            reservation_id: reservation.reservation_id.clone(),
            since: reservation.booked_at,
            knows: concert.closed_at.is_some(),
        });
    }
    reservation.state = ReservationState::Refused;
    reservation.reason = Some(reason.to_owned());
    work.put(reservation);
    tell::refused(reservation, reason, work)
}
