//! The samples of `user-activity`.
//!
//! Record `n` happened `n` seconds after 14:13 UTC, where it does not say otherwise.

use event_schema::Event as _;
use event_schema::events::UserActivityRecorded;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Actions of the sample that has too many.
const MANY: i64 = 103;

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([activity(1, "u-1", "login")])),
        ("days", days()),
        ("duplicate", duplicate()),
        ("poison", poison()),
        ("many-actions", many_actions()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("user-activity", case, event.write());
        match case {
            "poison" => sample.letter(2, 42, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Two users; one activity of the evening before that comes late, and one of another time zone.
fn days() -> Event {
    Event::of([
        activity(11, "u-11", "login"),
        activity(12, "u-11", "view"),
        activity(13, "u-12", "login"),
        at(14, "u-11", "view", "2026-09-20T23:59:59.999Z"),
        at(15, "u-11", "view", "2026-09-22T08:00:00+09:00"),
    ])
}

/// The same record twice, as a mapping delivers it that lost its place; a fence knows it by its position.
fn duplicate() -> Event {
    let first = activity(31, "u-31", "login");
    let second = again(&first, 31);
    Event::of([first, second, activity(32, "u-31", "login")])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        activity(41, "u-41", "login"),
        cut_off(activity(42, "u-41", "view")),
        activity(43, "u-41", "view"),
    ])
}

/// A producer that puts ids into the names of its actions.
fn many_actions() -> Event {
    Event::of((0..MANY).map(|n| activity(100 + n, "u-100", &format!("viewed-{n:03}"))))
}

fn activity(n: i64, user: &str, action: &str) -> KafkaRecord {
    let fields = json!({ "user_id": user, "action": action, "target_id": "p-1" });
    record(n, user, &fields)
}

fn at(n: i64, user: &str, action: &str, timestamp: &str) -> KafkaRecord {
    let fields = json!({ "user_id": user, "action": action, "timestamp": timestamp });
    record(n, user, &fields)
}

fn record(n: i64, user: &str, fields: &Value) -> KafkaRecord {
    current(UserActivityRecorded::SPEC, 2, n, Some(user), fields)
}
