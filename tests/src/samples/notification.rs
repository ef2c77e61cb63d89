//! The samples of `notification`.
//!
//! User `u-1` has an address and reads Korean; of `u-2` nothing is known.

use event_schema::Event as _;
use event_schema::events::NotificationRequested;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let placed = json!({ "kind": "order_placed", "data": { "order_id": "o-1" } });
    let cases = [
        ("single", Event::of([to(1, "u-1", &placed)])),
        ("languages", languages(&placed)),
        ("recipients", recipients(&placed)),
        ("refused", refused()),
        ("duplicate", duplicate(&placed)),
        ("poison", poison(&placed)),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let profile = json!({ "user_id": "u-1", "email": "ada@example.com", "name": "Ada",
            "locale": "ko-KR" });
        let sample = Sample::new("notification", case, event.write());
        let sample = sample.seed("users", "u-1", "-", profile);
        match case {
            "refused" => {
                (sample.letter(2, 41, "unknown_kind")).letter(2, 42, "unsupported_channel")
            }
            "poison" => sample.letter(2, 62, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// In the language of the user, in that of the event, and in one that there are no texts in.
fn languages(placed: &Value) -> Event {
    let with = |n, locale: &str| {
        let mut fields = placed.clone();
        fields["locale"] = json!(locale);
        to(n, "u-1", &fields)
    };
    Event::of([to(11, "u-1", placed), with(12, "en-GB"), with(13, "fr")])
}

/// A user, an address, and a user of whom nothing is known.
fn recipients(placed: &Value) -> Event {
    Event::of([
        to(21, "u-1", placed),
        to(22, "bob@example.com", placed),
        to(23, "u-2", placed),
    ])
}

fn refused() -> Event {
    Event::of([
        to(41, "u-1", &json!({ "kind": "kind_of_tomorrow" })),
        to(42, "u-1", &json!({ "kind": "welcome", "channel": "sms" })),
        to(43, "u-1", &json!({ "kind": "welcome" })),
    ])
}

/// Notification 31 is there twice, as the outbox may publish it.
fn duplicate(placed: &Value) -> Event {
    let first = to(31, "u-1", placed);
    Event::of([first.clone(), to(32, "u-1", placed), again(&first, 33)])
}

/// The second record's JSON ends in the middle.
fn poison(placed: &Value) -> Event {
    Event::of([
        to(61, "u-1", placed),
        cut_off(to(62, "u-1", placed)),
        to(63, "u-1", placed),
    ])
}

fn to(n: i64, recipient: &str, fields: &Value) -> KafkaRecord {
    let mut fields = fields.clone();
    fields["recipient"] = json!(recipient);
    current(NotificationRequested::SPEC, 2, n, Some(recipient), &fields)
}
