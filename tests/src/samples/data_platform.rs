//! The samples of `data-platform`.
//!
//! Order `o-21` is record 21, and so on.

use event_schema::Event as _;
use event_schema::events::{ConcertSoldOut, OrderCompleted, PaymentCompleted, ReservationCreated};
use serde_json::json;
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([order(1, "19.90")])),
        ("types", types()),
        ("methods", methods()),
        ("continuation", continuation()),
        ("duplicate", duplicate()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("data-platform", case, event.write());
        match case {
            "poison" => sample.letter(4, 62, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// One of each type, of one user and one concert.
fn types() -> Event {
    let reservation = json!({ "reservation_id": "r-13", "user_id": "u-1", "concert_id": "c-1",
        "amount": 150_000 });
    let sold_out = json!({ "concert_id": "c-1", "sold_out_at": "2026-09-21T15:00:00.000Z" });
    let key = Some("reservation-r-13");
    Event::of([
        order(11, "0.10"),
        payment(12, Some("card"), "0.10"),
        current(ReservationCreated::SPEC, 1, 13, key, &reservation),
        current(ConcertSoldOut::SPEC, 0, 14, Some("concert-c-1"), &sold_out),
    ])
}

/// Amounts that binary floating point does not add up exactly, and a payment that does not say its means.
fn methods() -> Event {
    Event::of([
        payment(21, Some("card"), "0.10"),
        payment(22, Some("card"), "0.20"),
        payment(23, Some("wallet"), "5"),
        payment(24, None, "7"),
    ])
}

fn continuation() -> Event {
    let fields = json!({ "concert_id": "c-1", "cursor": "u-100" });
    let key = Some("concert-c-1");
    Event::of([current(ConcertSoldOut::SPEC, 0, 41, key, &fields)])
}

/// Order 31 is there twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let first = order(31, "10");
    Event::of([first.clone(), order(32, "20"), again(&first, 33)])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([order(61, "1"), cut_off(order(62, "2")), order(63, "3")])
}

fn order(n: i64, amount: &str) -> KafkaRecord {
    let fields = json!({ "order_id": format!("o-{n}"), "user_id": "u-1", "total_amount": amount });
    current(OrderCompleted::SPEC, 4, n, None, &fields)
}

fn payment(n: i64, method: Option<&str>, amount: &str) -> KafkaRecord {
    let (payment, order) = (format!("p-{n}"), format!("o-{n}"));
    let fields = json!({ "payment_id": payment, "order_id": order, "user_id": "u-1",
        "amount": amount, "method": method });
    current(PaymentCompleted::SPEC, 2, n, Some(&order), &fields)
}
