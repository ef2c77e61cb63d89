//! The samples of `concert-sold-out`.
//!
//! Three users wait for concert `c-1`, one of whom knows that it is closed.

use event_schema::Event as _;
use event_schema::events::ConcertSoldOut;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// When concert `c-1` was closed, where it is.
const CLOSED_AT: &str = "2026-09-21T14:12:30.000Z";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let open = json!({ "concert_id": "c-1", "available": 0, "total_seats": 500,
        "sold_out_at": CLOSED_AT });
    let telling = |cursor: &str| {
        let mut concert = open.clone();
        concert["closed_at"] = json!(CLOSED_AT);
        concert["telling"] = json!(cursor);
        concert
    };
    vec![
        sample("single", &open, &Event::of([sold_out(1)])),
        sample(
            "elsewhere",
            &json!({ "concert_id": "c-1", "available": 7 }),
            &elsewhere(),
        ),
        sample("page", &telling("after:"), &Event::of([page(21, "after:")])),
        sample("later-page", &telling("after:u-1"), &later_page()),
        sample("duplicate", &open, &duplicate()),
        sample("poison", &open, &poison())
            .letter(1, 62, "invalid_json")
            .letter(1, 63, "invalid_cursor"),
    ]
}

fn sample(case: &'static str, concert: &Value, event: &Event) -> Sample {
    let sample = Sample::new("concert-sold-out", case, event.write());
    let sample = sample.seed("concerts", "c-1", "-", concert.clone());
    let users = [("u-1", false), ("u-2", false), ("u-3", true)];
    users.into_iter().fold(sample, |sample, (user, knows)| {
        let waiting = json!({ "concert_id": "c-1", "user_id": user, "reservation_id": "r-1",
            "since": "2026-09-21T14:12:00.000Z", "knows": knows });
        sample.seed("waiting", "c-1", user, waiting)
    })
}

/// Another system's event, of a concert that has seats here.
fn elsewhere() -> Event {
    let fields = json!({ "concert_id": "c-1", "sold_out_at": "2026-09-21T14:10:00.000Z",
        "booking_started_at": "2026-09-21T08:00:00.000Z", "total_seats": 500 });
    Event::of([record(11, &fields)])
}

/// A page that was told before, and the one that is next.
fn later_page() -> Event {
    Event::of([page(31, "after:"), page(32, "after:u-1")])
}

/// One event at two positions, and another of the same concert.
fn duplicate() -> Event {
    let first = sold_out(41);
    Event::of([first.clone(), again(&first, 42), sold_out(43)])
}

/// The second record's JSON ends in the middle, the third has a cursor of somebody else's.
fn poison() -> Event {
    Event::of([sold_out(61), cut_off(sold_out(62)), page(63, "17")])
}

fn sold_out(n: i64) -> KafkaRecord {
    record(n, &json!({ "concert_id": "c-1" }))
}

fn page(n: i64, cursor: &str) -> KafkaRecord {
    record(n, &json!({ "concert_id": "c-1", "cursor": cursor }))
}

fn record(n: i64, fields: &Value) -> KafkaRecord {
    current(ConcertSoldOut::SPEC, 1, n, Some("concert-c-1"), fields)
}
