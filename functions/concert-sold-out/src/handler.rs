//! Decides what the end of a concert's seats does: it is closed, and who waits is told, page by page.
//!
//! Who may reserve what of a closed concert is decided by `reservation-created`.

use event_schema::Recipient;
use event_schema::events::{
    ConcertSoldOut, NotificationChannel, NotificationKind, NotificationRequested,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use tables::{Concert, Waiting};

/// Users that one continuation tells.
///
/// It fits one transaction of 100 actions: 1 mark, 1 concert, 1 outbox row of the next continuation, and at most
/// 11 rows of notifications: 4 lanes begin a row each, and 500 events fill 7 rows of 64. With the longest ids an event
/// takes 1.2 kB, so that 64 of them stay below a row's 128 kB and a page below a transaction's 3.5 MB.
pub const PAGE_USERS_MAX: u32 = 500;

/// Begins a cursor; the last user that was passed follows, none at the first page.
const AFTER: &str = "after:";

/// Handles `concert.sold-out`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConcertSoldOutHandler;

impl Decide for ConcertSoldOutHandler {
    type Event = ConcertSoldOut;
    const NAME: &'static str = "concert-sold-out";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<ConcertSoldOut>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let concert = work.get::<Concert>(record.event.concert_id.as_str())?;
        let Some(cursor) = &record.event.cursor else {
            close(concert, record, work);
            return Ok(());
        };
        let after = cursor.strip_prefix(AFTER).ok_or_else(|| {
            let message = "the cursor is none that this function makes; producers leave it out";
            Rejection::permanent("invalid_cursor", message)
        })?;
        // The concert knows which page is next: one that was told before is not told again, however it comes back.
        match concert.filter(|concert| concert.telling.as_ref() == Some(cursor)) {
            Some(concert) => tell_page(concert, after, record, work),
            None => Ok(()),
        }
    }
}

/// Closes the concert, unless it is closed, and leaves telling to a continuation.
///
/// Nobody is told here: only after this is committed is it certain that whoever is still put on the list knows.
fn close(concert: Option<Concert>, record: &Record<ConcertSoldOut>, work: &mut Work<'_>) {
    let event = &record.event;
    let mut concert = concert.unwrap_or_else(|| Concert::unknown(event.concert_id.clone()));
    if concert.closed_at.is_some() {
        return;
    }
    let sold_out_at = event.sold_out_at.unwrap_or(record.timestamp);
    if concert.sold_out_at.is_none() {
        // Seats were sold elsewhere: those that are counted here are gone too.
        concert.sold_out_at = Some(sold_out_at);
        concert.available = concert.available.map(|_| 0);
    }
    concert.closed_at = Some(sold_out_at);
    concert.booking_started_at = concert.booking_started_at.or(event.booking_started_at);
    concert.total_seats = concert.total_seats.or(event.total_seats);
    go_on(&mut concert, AFTER.to_owned(), event, work);
    work.put(&concert);
}

fn tell_page(
    mut concert: Concert,
    after: &str,
    record: &Record<ConcertSoldOut>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let after = Some(after).filter(|after| !after.is_empty());
    let page = work.query::<Waiting>(&concert.concert_id, "", after, PAGE_USERS_MAX)?;
    for waiting in page.iter().filter(|waiting| !waiting.knows) {
        tell(waiting, work)?;
    }
    let is_full = u32::try_from(page.len()).is_ok_and(|users| users >= PAGE_USERS_MAX);
    concert.telling = None;
    if let Some(last) = page.last().filter(|_| is_full) {
        let cursor = format!("{AFTER}{}", last.user_id);
        go_on(&mut concert, cursor, &record.event, work);
    }
    work.put(&concert);
    Ok(())
}

/// Publishes the continuation that tells the next page.
fn go_on(concert: &mut Concert, cursor: String, event: &ConcertSoldOut, work: &mut Work<'_>) {
    concert.telling = Some(cursor.clone());
    work.publish(ConcertSoldOut {
        cursor: Some(cursor),
        ..event.clone()
    });
}

fn tell(waiting: &Waiting, work: &mut Work<'_>) -> Result<(), Rejection> {
    let recipient = Recipient::new(waiting.user_id.as_str()).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::ConcertSoldOut,
        channel: NotificationChannel::default(),
        locale: None,
        data: [("concert_id", waiting.concert_id.as_str())]
            .into_iter()
            .collect(),
    });
    Ok(())
}
