//! The samples of `user-registered`.
//!
//! User `u-n` registers with record `n`.

use event_schema::Event as _;
use event_schema::events::UserRegistered;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([user(1)])),
        ("sparse", sparse()),
        ("again", registered_again()),
        ("duplicate", duplicate()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("user-registered", case, event.write());
        match case {
            "poison" => sample.letter(0, 42, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Nothing but an id; and a locale that is none.
fn sparse() -> Event {
    Event::of([
        record(11, &json!({ "user_id": "u-11" })),
        record(12, &json!({ "user_id": "u-12", "locale": "the usual one" })),
    ])
}

/// User 21 without an address; then with one, and with another name.
fn registered_again() -> Event {
    Event::of([
        record(21, &json!({ "user_id": "u-21", "name": "Ada Lovelace" })),
        record(
            22,
            &json!({ "user_id": "u-21", "name": "A. Byron", "email": "ada@example.com" }),
        ),
    ])
}

/// User 31 twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let second = again(&user(31), 33);
    Event::of([user(31), user(32), second])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([user(41), cut_off(user(42)), user(43)])
}

fn user(n: i64) -> KafkaRecord {
    let fields = json!({
        "user_id": format!("u-{n}"), "email": format!("user-{n}@example.com"),
        "name": format!("User {n}"), "locale": "en_GB",
    });
    record(n, &fields)
}

fn record(n: i64, fields: &Value) -> KafkaRecord {
    let key = fields["user_id"].as_str();
    current(UserRegistered::SPEC, 0, n, key, fields)
}
