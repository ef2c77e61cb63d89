//! Finds the seat that a reservation gets: the one that it names, or any place of a concert without numbers.
//!
//! It only looks and counts; the caller stores what it finds.

use event_schema::{ReservationId, SeatId, Timestamp};
use processing::{Rejection, Work};
use tables::{Concert, Seat, SeatState, UNNUMBERED_PREFIX, place};

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
}

/// Finds a seat for a reservation that was made at that time, and takes it out of what the concert has.
pub(crate) fn claim(
    concert: &mut Concert,
    wanted: Option<&SeatId>,
    at: Timestamp,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    match wanted {
        Some(seat) => numbered(concert, seat, at, work),
        None => unnumbered(concert, at, work),
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

fn unnumbered(
    concert: &mut Concert,
    at: Timestamp,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    let Some(available) = concert.available else {
        return Err(Rejection::permanent(
            "unknown_concert",
            "nobody said how many seats the concert has, and the reservation names none",
        ));
    };
    if available <= 0 {
        return expired_place(concert, at, work);
    }
    concert.available = Some(available - 1);
    concert.places += 1;
    Ok(free(name_of(concert.places)?))
}

/// The first place whose hold is over. Places that are held no more, at the front, are passed for good.
fn expired_place(
    concert: &mut Concert,
    at: Timestamp,
    work: &mut Work<'_>,
) -> Result<Claim, Rejection> {
    let after = name_of(concert.places_settled)?;
    let places = work.query::<Seat>(
        &concert.concert_id,
        UNNUMBERED_PREFIX,
        Some(after.as_str()),
        PLACES_EXAMINED_MAX,
    )?;
    let settled = places
        .iter()
        .take_while(|place| place.state != SeatState::Held);
    concert.places_settled += settled.map(|_| 1).sum::<u64>();
    // Storing it rests on its version: of two that find it, one finds another.
    let expired = places.iter().find(|place| place.is_expired(at));
    Ok(expired.map_or(Claim::Refused(SOLD_OUT), taken_over))
}

fn free(seat: SeatId) -> Claim {
    Claim::Claimed(Claimed {
        seat,
        held_before_by: None,
    })
}

fn taken_over(seat: &Seat) -> Claim {
    Claim::Claimed(Claimed {
        seat: seat.seat.clone(),
        held_before_by: Some(seat.reservation_id.clone()),
    })
}

fn name_of(n: u64) -> Result<SeatId, Rejection> {
    place(n).map_err(|error| {
        Rejection::permanent("invalid_seat", "a place cannot be named").caused_by(error)
    })
}
