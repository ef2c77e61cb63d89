//! The samples of `error-logged`.

use event_schema::Event as _;
use event_schema::events::ErrorLogged;
use serde_json::json;
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", single()),
        ("groups", groups()),
        ("critical", critical()),
        ("personal", personal()),
        ("duplicate", duplicate()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("error-logged", case, event.write());
        match case {
            "poison" => sample.letter(2, 62, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

fn single() -> Event {
    Event::of([timeout(1, "the store did not answer in 2000 ms", "error")])
}

/// Two that are one but for numbers, ids and quotes, and one that says something else.
fn groups() -> Event {
    Event::of([
        timeout(11, "order o-17 of 'Ada' took 2000 ms", "error"),
        timeout(12, "order o-4 of \"Bob\" took 31 ms", "warning"),
        timeout(13, "order o-4 was refused", "error"),
    ])
}

/// One alert for two of one group, another for the other group.
fn critical() -> Event {
    Event::of([
        timeout(21, "disk 1 is full", "critical"),
        timeout(22, "disk 2 is full", "critical"),
        timeout(23, "the network is down", "critical"),
    ])
}

fn personal() -> Event {
    let message = "no mail for ada@example.com at 192.0.2.17, card 4111-1111-1111-1111, \
                   password=hunter2 of 'Ada Lovelace'";
    Event::of([timeout(31, message, "error")])
}

/// Error 41 is there twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let first = timeout(41, "it failed", "critical");
    Event::of([
        first.clone(),
        timeout(42, "it failed", "error"),
        again(&first, 43),
    ])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        timeout(61, "it failed", "error"),
        cut_off(timeout(62, "it failed", "error")),
        timeout(63, "it failed", "error"),
    ])
}

fn timeout(n: i64, message: &str, level: &str) -> KafkaRecord {
    let fields = json!({
        "service": "orders-api", "error_type": "TimeoutError", "message": message, "level": level,
        "stack_trace": "at orders::place (place.rs:42)",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    current(ErrorLogged::SPEC, 2, n, Some("orders-api"), &fields)
}
