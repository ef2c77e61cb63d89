//! The samples of `coupon-issue`.
//!
//! Of `c-1` there are a thousand, of `c-2` two, and of `c-300` three hundred. User `u-n` asks with record `n`.

use event_schema::Event as _;
use event_schema::events::CouponIssueRequested;
use serde_json::json;
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// The coupons that are offered, and how many of each.
const OFFERED: [(&str, u64); 3] = [("c-1", 1_000), ("c-2", 2), ("c-300", 300)];
/// Requests of the rush.
const RUSH: i64 = 1_000;

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([request(1, "c-1")])),
        ("sold-out", sold_out()),
        ("already-issued", already_issued()),
        ("duplicate", duplicate()),
        ("unknown-coupon", unknown_coupon()),
        ("poison", poison()),
        ("rush", rush()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("coupon-issue", case, event.write());
        let sample = OFFERED.into_iter().fold(sample, |sample, (id, quantity)| {
            let offered = json!({ "coupon_id": id, "quantity": quantity });
            sample.seed("coupons", id, "-", offered)
        });
        match case {
            "unknown-coupon" => sample.letter(1, 41, "unknown_coupon"),
            "poison" => sample.letter(1, 52, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Three users and two coupons.
fn sold_out() -> Event {
    Event::of([request(11, "c-2"), request(12, "c-2"), request(13, "c-2")])
}

/// User 21 asks once more, with another event.
fn already_issued() -> Event {
    let fields = json!({ "coupon_id": "c-1", "user_id": "u-21" });
    let once_more = current(CouponIssueRequested::SPEC, 1, 22, Some("c-1"), &fields);
    Event::of([request(21, "c-1"), once_more])
}

/// Request 31 twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let first = request(31, "c-1");
    let second = again(&first, 33);
    Event::of([first, request(32, "c-1"), second])
}

fn unknown_coupon() -> Event {
    Event::of([request(41, "c-unknown"), request(42, "c-1")])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        request(51, "c-1"),
        cut_off(request(52, "c-1")),
        request(53, "c-1"),
    ])
}

/// A thousand users and three hundred coupons.
fn rush() -> Event {
    Event::of((0..RUSH).map(|n| request(1_000 + n, "c-300")))
}

fn request(n: i64, coupon: &str) -> KafkaRecord {
    let fields = json!({ "coupon_id": coupon, "user_id": format!("u-{n}") });
    current(CouponIssueRequested::SPEC, 1, n, Some(coupon), &fields)
}
