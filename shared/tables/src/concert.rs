//! A concert, its seats, and who waits for one.
//!
//! Who is told of what is each function's business, and so is everything that a concert is beyond its seats.

use event_schema::{ConcertId, InvalidText, ReservationId, SeatId, Timestamp, UserId};
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

use crate::Reservation;

/// How long a seat is held for whoever reserved it, in event time.
pub const HOLD_MINUTES: i64 = 15;
/// Begins the names of places without a number of their own; no seat of an event may begin with it.
pub const UNNUMBERED_PREFIX: &str = "unnumbered#";

/// A concert, keyed by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concert {
    /// The concert.
    pub concert_id: ConcertId,
    /// Seats that can be reserved, numbered or not; never negative. None where nobody said how many there are:
    /// then only numbered seats can be reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// Seats that there are, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_seats: Option<u64>,
    /// When booking began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_started_at: Option<Timestamp>,
    /// When the last seat went for the first time, which was published then and is not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold_out_at: Option<Timestamp>,
    /// When it was closed as sold out: who is refused from then on is told at once. A seat that comes free after
    /// that can be reserved again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// The cursor of the next page of those who wait, while they are being told that it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<String>,
    /// The end of the places without a number that are known to be held no more: those up to this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places_settled: Option<SeatId>,
    /// When that was found out, as the invocation's instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places_settled_at: Option<Timestamp>,
}

/// A seat or a place of a concert, keyed by both. A seat that is not there is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The concert.
    pub concert_id: ConcertId,
    /// The seat; of a place without a number, what [`place`] returns.
    pub seat: SeatId,
    /// Whose it is.
    pub state: SeatState,
    /// The reservation whose it is, or was last.
    pub reservation_id: ReservationId,
    /// Who reserved it last.
    pub user_id: UserId,
    /// Until when a hold lasts: a payment has to be made by then, and others may take the seat over after.
    pub held_until: Timestamp,
}

/// Whose a seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// Nobody's.
    Free,
    /// It is kept for a reservation that is not paid yet.
    Held,
    /// It is a paid reservation's.
    Confirmed,
}

/// Somebody who was refused and waits for a seat; one entry a user, keyed by concert and user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The concert.
    pub concert_id: ConcertId,
    /// Who waits.
    pub user_id: UserId,
    /// The first reservation that was refused.
    pub reservation_id: ReservationId,
    /// When that was.
    pub since: Timestamp,
    /// Whether the refusal told that the concert is closed already: who knows is not told again.
    #[serde(default)]
    pub knows: bool,
}

impl Concert {
    /// A concert that nobody put in: its seats are not counted.
    #[must_use]
    pub fn unknown(concert_id: ConcertId) -> Self {
        Self {
            concert_id,
            available: None,
            total_seats: None,
            booking_started_at: None,
            sold_out_at: None,
            closed_at: None,
            telling: None,
            places_settled: None,
            places_settled_at: None,
        }
    }
}

impl Seat {
    /// The seat, held for a reservation that was made at that time.
    #[must_use]
    pub fn held(seat: SeatId, reservation: &Reservation) -> Self {
        let until_ms = (reservation.booked_at.as_ms()).saturating_add(HOLD_MINUTES * 60_000);
        Self {
            concert_id: reservation.concert_id.clone(),
            seat,
            state: SeatState::Held,
            reservation_id: reservation.reservation_id.clone(),
            user_id: reservation.user_id.clone(),
            held_until: Timestamp::from_ms(until_ms),
        }
    }

    /// Whether the seat is held, but longer than it may be.
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.state == SeatState::Held && at > self.held_until
    }
}

/// Returns the name of the place without a number that a reservation of that time has; `id` is the reservation's own.
///
/// It says nothing of the places before it: what many reservations of a batch write is known, and loaded, before any
/// of them is decided. Such names sort by the times of their holds, and so by when these end.
///
/// # Errors
/// If the id is too long for a name.
pub fn place(booked_at: Timestamp, id: &str) -> Result<SeatId, InvalidText> {
    SeatId::new(format!("{UNNUMBERED_PREFIX}{booked_at}#{id}"))
}

/// Returns what sorts before the names of all places of that time and later, and after those of earlier ones.
///
/// # Errors
/// Never: every such text is a valid one, which the type does not know.
pub fn before_places_of(booked_at: Timestamp) -> Result<SeatId, InvalidText> {
    SeatId::new(format!("{UNNUMBERED_PREFIX}{booked_at}"))
}

impl Item for Concert {
    const TABLE: &'static str = "concerts";

    fn key(&self) -> Key {
        Key::from(self.concert_id.as_str())
    }
}

impl Item for Seat {
    const TABLE: &'static str = "seats";

    fn key(&self) -> Key {
        Key::from((&self.concert_id, &self.seat))
    }
}

impl Item for Waiting {
    const TABLE: &'static str = "waiting";

    fn key(&self) -> Key {
        Key::from((&self.concert_id, &self.user_id))
    }
}
