//! The samples of `reservation-created`.
//!
//! Concert `c-1` has five seats left, `c-2` one. Record `n` was made `n` seconds after 14:13.

use event_schema::Event as _;
use event_schema::events::ReservationCreated;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let sample = |case, event: &Event| {
        let sample = Sample::new("reservation-created", case, event.write());
        let five = json!({ "concert_id": "c-1", "available": 5, "total_seats": 5 });
        let one = json!({ "concert_id": "c-2", "available": 1, "total_seats": 1 });
        let sample = sample.seed("concerts", "c-1", "-", five);
        sample.seed("concerts", "c-2", "-", one)
    };
    vec![
        sample("single", &Event::of([numbered(1, "c-1", "A-1")])),
        sample("taken", &taken()),
        sample("sold-out", &sold_out()),
        sample("expired", &expired()),
        sample("statuses", &statuses()),
        sample("paid-early", &Event::of([numbered(81, "c-1", "A-1")])).seed(
            "payments",
            "reservation#r-81",
            "-",
            paid_early(),
        ),
        sample("unknown-concert", &unknown_concert()).letter(2, 72, "unknown_concert"),
        sample("duplicate", &duplicate()).letter(2, 34, "reservation_exists"),
        sample("poison", &poison()).letter(2, 62, "invalid_json"),
    ]
}

/// Two users want one seat; one of them tries again.
fn taken() -> Event {
    let again = json!({ "reservation_id": "r-12", "user_id": "u-11", "concert_id": "c-1",
        "seat": "A-1" });
    Event::of([
        numbered(10, "c-1", "A-1"),
        numbered(11, "c-1", "A-1"),
        record(12, &again),
    ])
}

/// The last seat, and one who comes after.
fn sold_out() -> Event {
    Event::of([unnumbered(20, "c-2"), unnumbered(21, "c-2")])
}

/// A hold, its last moment 15 minutes later, and the moment after.
fn expired() -> Event {
    Event::of([
        unnumbered(100, "c-2"),
        unnumbered(1_000, "c-2"),
        unnumbered(1_001, "c-2"),
    ])
}

/// Another system's reservations: one that is paid already, one that is called off, one that is confirmed later.
fn statuses() -> Event {
    let told = |n: i64, of: i64, status: &str| {
        let fields = json!({ "reservation_id": format!("r-{of}"), "user_id": format!("u-{of}"),
            "concert_id": "c-1", "seat": format!("S-{of}"), "amount": "89.00", "status": status });
        record(n, &fields)
    };
    Event::of([
        told(40, 40, "confirmed"),
        told(41, 41, "pending"),
        told(42, 41, "cancelled"),
        told(43, 43, "pending"),
        told(44, 43, "confirmed"),
    ])
}

/// The payment of reservation 81, which was there before it.
fn paid_early() -> Value {
    json!({
        "paid_for": "reservation#r-81", "outcome": "completed", "payment_id": "pay-81",
        "amount": "89", "event_id": "01996c5d-0000-7000-8000-000000000080",
        "happened_at": "2026-09-21T14:14:20.000Z", "state": "waiting",
    })
}

/// A numbered seat, and a place without a number of a concert of which nobody said how many there are.
fn unknown_concert() -> Event {
    Event::of([numbered(71, "c-9", "A-1"), unnumbered(72, "c-9")])
}

/// The same event at two positions, and its reservation once more under another event id.
fn duplicate() -> Event {
    let first = numbered(31, "c-1", "A-1");
    let other = json!({ "reservation_id": "r-31", "user_id": "u-31", "concert_id": "c-1",
        "seat": "A-1", "amount": "89.00" });
    Event::of([
        first.clone(),
        numbered(32, "c-1", "A-2"),
        again(&first, 33),
        record(34, &other),
    ])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        numbered(61, "c-1", "A-1"),
        cut_off(numbered(62, "c-1", "A-2")),
        numbered(63, "c-1", "A-3"),
    ])
}

fn numbered(n: i64, concert: &str, seat: &str) -> KafkaRecord {
    let mut fields = fields(n, concert);
    fields["seat"] = json!(seat);
    record(n, &fields)
}

fn unnumbered(n: i64, concert: &str) -> KafkaRecord {
    record(n, &fields(n, concert))
}

fn fields(n: i64, concert: &str) -> Value {
    json!({ "reservation_id": format!("r-{n}"), "user_id": format!("u-{n}"),
        "concert_id": concert, "amount": "89.00" })
}

fn record(n: i64, fields: &Value) -> KafkaRecord {
    let key = fields["reservation_id"].as_str().unwrap();
    let key = format!("reservation-{key}");
    current(ReservationCreated::SPEC, 2, n, Some(&key), fields)
}
