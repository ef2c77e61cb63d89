//! Finds the seat that a reservation gets: the one that it names, or any place of a concert without numbers.
//!
//! It only looks and counts; the caller stores what it finds.

use event_schema::{InvalidText, ReservationId, SeatId, Timestamp};
use processing::{Rejection, Work};
use tables::{
    Concert, Reservation, Seat, SeatState, UNNUMBERED_PREFIX, Waiting, before_places_of, place,
};

/// Places without a number that one reservation of a full concert examines for a hold that is over.
pub const PLACES_EXAMINED_MAX: u32 = 100;

/// Why a reservation gets no seat, as it is stored and published.
const SEAT_TAKEN: &str = "seat_taken";
const SOLD_OUT: &str = "sold_out";

/// What a reservation gets.
pub(crate) enum Claim {
    Claimed(Claimed),
    Refused(&'static str),
}

/// A seat that can be held.
pub(crate) struct Claimed {
    pub(crate) seat: SeatId,
    /// The reservation whose hold is over.
    pub(crate) held_before_by: Option<ReservationId>,
    /// The place of that hold, where it is another one: it is nobody's from now on.
    pub(crate) vacated: Option<Seat>,
}

/// Finds out whether a reservation gets what it wants, its seat or its own place, and takes it out of what the
/// concert has.
pub(crate) fn claim(
    concert: &mut Concert,
    wanted: &SeatId,
    reservation: &Reservation,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    match &reservation.seat {
        Some(_) => numbered(concert, wanted, reservation.booked_at, work),
        None => unnumbered(concert, wanted, reservation, work),
    }
}

fn numbered(
    concert: &mut Concert,
    seat: &SeatId,
    at: Timestamp,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    if seat.as_str().starts_with(UNNUMBERED_PREFIX) {
        let message = format!("no seat is called {UNNUMBERED_PREFIX}…");
        return Err(Rejection::permanent("invalid_seat", message));
    }
    let stored = work.get::<Seat>((&concert.concert_id, seat))?;
    if let Some(stored) = stored.as_ref().filter(|stored| stored.is_expired(at)) {
        // It stays counted as taken.
        return Ok(taken_over(stored));
    }
    if stored
        .as_ref()
        .is_some_and(|stored| stored.state != SeatState::Free)
    {
        return Ok(Claim::Refused(SEAT_TAKEN));
    }
    // Where seats are not counted, a closed concert has only those that came free again.
    let is_gone = match concert.available {
        Some(available) => available <= 0,
        None => concert.closed_at.is_some() && stored.is_none(),
    };
    if is_gone {
        return Ok(Claim::Refused(SOLD_OUT));
    }
    concert.available = concert.available.map(|available| available - 1);
    Ok(free(seat.clone()))
}

/// A place of its own; in a full concert, that of the hold that ended first.
fn unnumbered(
    concert: &mut Concert,
    own_place: &SeatId,
    reservation: &Reservation,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    let Some(available) = concert.available else {
        return Err(Rejection::permanent(
            "unknown_concert",
            "nobody said how many seats the concert has, and the reservation names none",
        ));
    };
    let mut vacated = None;
    if available > 0 {
        concert.available = Some(available - 1);
    } else {
        let expired = expired_place(concert, reservation, work)?;
        let Some(expired) = expired else {
            return Ok(Claim::Refused(SOLD_OUT));
        };
        vacated = Some(expired);
    }
    // One that comes late lies among those that were settled without it.
    if (concert.places_settled.as_ref()).is_some_and(|settled| own_place <= settled) {
        let before = before_places_of(reservation.booked_at).map_err(unnamed)?;
        concert.places_settled = Some(before);
    }
    Ok(Claim::Claimed(Claimed {
        seat: own_place.clone(),
        held_before_by: vacated.as_ref().map(|place| place.reservation_id.clone()),
        vacated,
    }))
}

/// The place whose hold ended first. Places sort by the ends of their holds, so that only the first held one counts.
///
/// A full page without a hold is passed for good, but only one in each invocation: records of one batch that
/// pass one after another would each have to wait for what the one before it finds.
fn expired_place(
    concert: &mut Concert,
    reservation: &Reservation,
    work: &mut Work<'_>,
) -> Result<Option<Seat>, Rejection> {
    if concert.places_settled_at == Some(work.now()) {
        return Ok(None);
    }
    let after = (concert.places_settled.as_ref()).map(SeatId::as_str);
    // Who is refused is put on the list: asked for in the same round.
    let waiting = work.peek::<Waiting>((&concert.concert_id, &reservation.user_id));
    let places = work.query::<Seat>(
        &concert.concert_id,
        UNNUMBERED_PREFIX,
        after,
        PLACES_EXAMINED_MAX,
    );
    let (_, places) = (waiting?, places?);
    let mut held = (places.iter()).filter(|place| place.state == SeatState::Held);
    let is_full_page = u32::try_from(places.len()).is_ok_and(|n| n >= PLACES_EXAMINED_MAX);
    let Some(first) = held.next() else {
        if let Some(last) = places.last().filter(|_| is_full_page) {
            concert.places_settled = Some(last.seat.clone());
            concert.places_settled_at = Some(work.now());
        }
        return Ok(None);
    };
    let at = reservation.booked_at;
    if !first.is_expired(at) {
        return Ok(None);
    }
    if let Err(miss) = work.peek::<Reservation>(first.reservation_id.as_str()) {
        // The records behind this one take over the next ones: one round loads whose they were.
        let next = held.take_while(|place| place.is_expired(at));
        work.peek_many::<Reservation, _>(next.map(|place| place.reservation_id.as_str()))?;
        return Err(miss);
    }
    Ok(Some(first.clone()))
}

fn free(seat: SeatId) -> Claim {
    Claim::Claimed(Claimed {
        seat,
        held_before_by: None,
        vacated: None,
    })
}

fn taken_over(seat: &Seat) -> Claim {
    Claim::Claimed(Claimed {
        seat: seat.seat.clone(),
        held_before_by: Some(seat.reservation_id.clone()),
        vacated: None,
    })
}

/// Returns the seat that a reservation names, or the place that it has otherwise: the same each time it is decided.
pub(crate) fn wanted(
    named: Option<&SeatId>,
    booked_at: Timestamp,
    work: &mut Work<'_>,
) -> Result<SeatId, Rejection> {
    match named {
        Some(seat) => Ok(seat.clone()),
        None => place(booked_at, &work.unique_id()).map_err(unnamed),
    }
}

fn unnamed(error: InvalidText) -> Rejection {
    Rejection::permanent("invalid_seat", "a place cannot be named").caused_by(error)
}
