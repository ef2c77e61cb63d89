//! The samples of `balance-charged`.
//!
//! Charge `ch-n` is record `n`. Each case has users of its own, who have nothing to begin with.

use event_schema::Event as _;
use event_schema::events::BalanceCharged;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([charge(1, "u-1", &json!(50.5))])),
        ("insufficient-funds", insufficient_funds()),
        ("duplicate", duplicate()),
        ("same-charge", same_charge()),
        ("charge-differs", charge_differs()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("balance-charged", case, event.write());
        match case {
            "charge-differs" => sample.letter(1, 42, "charge_differs"),
            "poison" => sample.letter(1, 52, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Brings 100, takes all but 20, then 20.01, which is too much, then the 20.
fn insufficient_funds() -> Event {
    Event::of([
        charge(10, "u-10", &json!(100)),
        charge(11, "u-10", &json!(-80)),
        charge(12, "u-10", &json!("-20.01")),
        charge(13, "u-10", &json!(-20)),
    ])
}

/// Charge 21 twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let first = charge(21, "u-20", &json!(10));
    let second = again(&first, 23);
    Event::of([first, charge(22, "u-22", &json!(5)), second])
}

/// Charge 31 is told of by two events.
fn same_charge() -> Event {
    Event::of([
        charge(31, "u-30", &json!(10)),
        retold(32, "u-30", 31, &json!("10.00")),
    ])
}

/// Charge 41 with another amount: those of the user behind it wait, and another user's do not.
fn charge_differs() -> Event {
    Event::of([
        charge(41, "u-40", &json!(10)),
        retold(42, "u-40", 41, &json!(20)),
        charge(43, "u-40", &json!(-15)),
        charge(44, "u-44", &json!(1)),
    ])
}

/// The second record's JSON ends in the middle: nobody knows what it adds, so that the third waits.
fn poison() -> Event {
    Event::of([
        charge(51, "u-50", &json!(1)),
        cut_off(charge(52, "u-50", &json!(2))),
        charge(53, "u-50", &json!(-3)),
        charge(54, "u-54", &json!(4)),
    ])
}

fn charge(n: i64, user: &str, amount: &Value) -> KafkaRecord {
    event(n, user, &format!("ch-{n}"), amount)
}

/// Another event that tells of an earlier charge.
fn retold(n: i64, user: &str, earlier: i64, amount: &Value) -> KafkaRecord {
    event(n, user, &format!("ch-{earlier}"), amount)
}

fn event(n: i64, user: &str, charge_id: &str, amount: &Value) -> KafkaRecord {
    let fields = json!({
        "user_id": user, "amount": amount, "charge_id": charge_id, "method": "card",
    });
    let key = format!("user:{user}");
    current(BalanceCharged::SPEC, 1, n, Some(&key), &fields)
}
