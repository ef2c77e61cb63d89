//! The samples of `ranking`.
//!
//! Concert `c-1` has been booked since 14:00. Reservation `r-21` is record 21, and so on.

use event_schema::Event as _;
use event_schema::events::{ConcertSoldOut, ReservationCreated};
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

const BOOKING_STARTED_AT: &str = "2026-09-21T14:00:00.000Z";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([reservation(1, "c-1")])),
        ("day", day()),
        ("sold-out", sold_out()),
        ("continuation", continuation()),
        ("before-booking", before_booking()),
        ("duplicate", duplicate()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("ranking", case, event.write());
        match case {
            "before-booking" => sample.letter(0, 51, "sold_out_before_booking"),
            "poison" => sample.letter(1, 62, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Two of one concert, one of another, and one that was called off.
fn day() -> Event {
    let mut cancelled = fields(14, "c-2");
    cancelled["status"] = json!("cancelled");
    Event::of([
        reservation(11, "c-1"),
        reservation(12, "c-2"),
        reservation(13, "c-1"),
        created(14, &cancelled),
    ])
}

/// One that says when booking began, and one of which a reservation says it.
fn sold_out() -> Event {
    let complete = json!({
        "concert_id": "c-2", "sold_out_at": "2026-09-21T14:03:20.500Z",
        "booking_started_at": BOOKING_STARTED_AT, "total_seats": 500,
    });
    Event::of([
        sell_out(21, &json!({ "concert_id": "c-1" })),
        sell_out(22, &complete),
        reservation(23, "c-1"),
    ])
}

fn continuation() -> Event {
    let fields = json!({ "concert_id": "c-1", "booking_started_at": BOOKING_STARTED_AT,
        "cursor": "u-100" });
    Event::of([sell_out(41, &fields)])
}

fn before_booking() -> Event {
    let fields = json!({ "concert_id": "c-1", "sold_out_at": "2026-09-21T13:00:00.000Z",
        "booking_started_at": BOOKING_STARTED_AT });
    Event::of([sell_out(51, &fields), reservation(52, "c-1")])
}

/// Reservation 31 is there twice, and then under another event id.
fn duplicate() -> Event {
    let first = reservation(31, "c-1");
    let renamed = created(33, &fields(31, "c-1"));
    Event::of([first.clone(), again(&first, 32), renamed])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        reservation(61, "c-1"),
        cut_off(reservation(62, "c-1")),
        reservation(63, "c-1"),
    ])
}

fn reservation(n: i64, concert: &str) -> KafkaRecord {
    created(n, &fields(n, concert))
}

fn fields(n: i64, concert: &str) -> Value {
    json!({ "reservation_id": format!("r-{n}"), "user_id": format!("u-{n}"),
        "concert_id": concert, "seat": format!("A-{n}"), "amount": 150_000,
        "booking_started_at": BOOKING_STARTED_AT })
}

fn created(n: i64, fields: &Value) -> KafkaRecord {
    let key = format!("reservation-{}", fields["reservation_id"].as_str().unwrap());
    current(ReservationCreated::SPEC, 1, n, Some(&key), fields)
}

fn sell_out(n: i64, fields: &Value) -> KafkaRecord {
    let key = format!("concert-{}", fields["concert_id"].as_str().unwrap());
    current(ConcertSoldOut::SPEC, 0, n, Some(&key), fields)
}
