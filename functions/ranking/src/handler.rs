//! Decides what a booking and a sell-out do to the rankings.
//!
//! Whether a seat was free is not its business: it ranks what people wanted to book.

use event_schema::events::{ConcertSoldOut, ReservationCreated, ReservationStatus};
use event_schema::{ConcertId, Timestamp};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::{BookedReservation, DailyBookings, SellOut, day_of};

event_schema::one_of! {
    /// What rankings are made of.
    pub enum Booking {
        ReservationCreated,
        ConcertSoldOut,
    }
}

/// Handles `reservation.created` and `concert.sold-out`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RankingHandler;

impl Decide for RankingHandler {
    type Event = Booking;
    const NAME: &'static str = "ranking";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<Booking>, work: &mut Work<'_>) -> Result<(), Rejection> {
        match &record.event {
            Booking::ReservationCreated(created) => {
                if created.status == Some(ReservationStatus::Cancelled) {
                    return Ok(());
                }
                book(created, record.timestamp, work)?;
                learn(&created.concert_id, work, |sell_out| {
                    sell_out.began(created.booking_started_at);
                })
            }
            // Who goes on with telling those who wait does not sell the concert out again.
            Booking::ConcertSoldOut(sold_out) if sold_out.cursor.is_some() => Ok(()),
            Booking::ConcertSoldOut(sold_out) => sell_out(sold_out, record.timestamp, work),
        }
    }
}

/// Counts a reservation once, however often it is told of and under whatever event ids.
fn book(created: &ReservationCreated, at: Timestamp, work: &mut Work<'_>) -> Result<(), Rejection> {
    let known = work.get::<BookedReservation>(created.reservation_id.as_str())?;
    if known.is_some() {
        return Ok(());
    }
    let day = day_of(at);
    work.put(&BookedReservation {
        reservation_id: created.reservation_id.clone(),
        concert_id: created.concert_id.clone(),
        day: day.clone(),
    });
    work.add::<DailyBookings>((day, created.concert_id.as_str()), "bookings", 1);
    Ok(())
}

fn sell_out(
    sold_out: &ConcertSoldOut,
    at: Timestamp,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let sold_out_at = sold_out.sold_out_at.unwrap_or(at);
    if (sold_out.booking_started_at).is_some_and(|began| began > sold_out_at) {
        return Err(Rejection::permanent(
            "sold_out_before_booking",
            "the concert was sold out before its booking began",
        ));
    }
    learn(&sold_out.concert_id, work, |known| {
        known.began(sold_out.booking_started_at);
        known.ended(sold_out_at, sold_out.total_seats);
    })
}

/// Stores what is learned of a concert, if it is news.
///
/// The item is peeked at first: every booking of a concert looks at it, and hardly any changes it.
fn learn(
    concert_id: &ConcertId,
    work: &mut Work<'_>,
    of: impl Fn(&mut SellOut),
) -> Result<(), Rejection> {
    let with = |known: Option<SellOut>| {
        let mut sell_out = known.unwrap_or_else(|| SellOut::unknown(concert_id.clone()));
        of(&mut sell_out);
        sell_out
    };
    let known = work.peek::<SellOut>(concert_id.as_str())?;
    let is_news =
        with(known.clone()) != known.unwrap_or_else(|| SellOut::unknown(concert_id.clone()));
    if is_news {
        let stored = work.get::<SellOut>(concert_id.as_str())?;
        work.put(&with(stored));
    }
    Ok(())
}
