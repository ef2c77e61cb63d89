//! What `ranking` stores: bookings by day and concert, the reservations that are counted, and sell-outs.
//!
//! Days and months are those of event time in UTC.

use event_schema::{ConcertId, ReservationId, Timestamp};
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

/// The bookings of a concert on a day, keyed by day and concert. Only additions write it, so that bookings of
/// several invocations do not wait for each other, and its ids are in its key alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DailyBookings {
    /// The day, `2026-11-21`.
    #[serde(default)]
    pub day: String,
    /// The concert.
    #[serde(default)]
    pub concert_id: String,
    /// How many bookings.
    pub bookings: i64,
}

/// A reservation that is counted, keyed by its id: it guards the counters, whatever marks are left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookedReservation {
    /// The reservation.
    pub reservation_id: ReservationId,
    /// The concert for which it was counted.
    pub concert_id: ConcertId,
    /// The day on which it was counted.
    pub day: String,
}

/// How a concert was sold out, keyed by the concert. It is on a board when both ends are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SellOut {
    /// The concert.
    pub concert_id: ConcertId,
    /// When booking began, as the earliest that was told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_started_at: Option<Timestamp>,
    /// When it was sold out for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold_out_at: Option<Timestamp>,
    /// How many seats there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_seats: Option<u64>,
    /// The month in which it was sold out, `2026-11`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// The milliseconds from the beginning of booking to the last seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<i64>,
}

/// Returns the day of an instant in UTC, `2026-11-21`.
#[must_use]
pub fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// Returns the month of an instant in UTC, `2026-11`.
#[must_use]
pub fn month_of(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

impl SellOut {
    pub(crate) fn unknown(concert_id: ConcertId) -> Self {
        Self {
            concert_id,
            booking_started_at: None,
            sold_out_at: None,
            total_seats: None,
            board: None,
            elapsed_ms: None,
        }
    }

    /// Takes in when booking began; of several, the earliest counts, in whatever order they come.
    pub(crate) fn began(&mut self, at: Option<Timestamp>) {
        self.booking_started_at = earliest(self.booking_started_at, at);
        self.place();
    }

    /// Takes in when it was sold out; of several times (seats may be given back), the first counts.
    pub(crate) fn ended(&mut self, at: Timestamp, total_seats: Option<u64>) {
        self.sold_out_at = earliest(self.sold_out_at, Some(at));
        self.total_seats = self.total_seats.max(total_seats);
        self.place();
    }

    fn place(&mut self) {
        let ends = self.booking_started_at.zip(self.sold_out_at);
        // Clocks that disagree make no speed.
        let right = ends.filter(|(began, ended)| began <= ended);
        self.elapsed_ms = right.map(|(began, ended)| ended.as_ms() - began.as_ms());
        self.board = right.map(|(_, ended)| month_of(ended));
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

impl Item for DailyBookings {
    const TABLE: &'static str = "daily-bookings";

    fn key(&self) -> Key {
        Key::from((&self.day, &self.concert_id))
    }
}

impl Item for BookedReservation {
    const TABLE: &'static str = "ranked-reservations";

    fn key(&self) -> Key {
        Key::from(self.reservation_id.as_str())
    }
}

impl Item for SellOut {
    const TABLE: &'static str = "sell-outs";

    fn key(&self) -> Key {
        Key::from(self.concert_id.as_str())
    }
}
