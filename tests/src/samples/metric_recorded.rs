//! The samples of `metric-recorded`.
//!
//! `cpu_usage` has thresholds, above 90 and below 1. Record `n` was measured `n` seconds after 14:13.

use event_schema::Event as _;
use event_schema::events::MetricRecorded;
use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample, again, current, cut_off};

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", Event::of([cpu(1, &json!(42.5), "web-1")])),
        ("minute", minute()),
        ("threshold", threshold()),
        ("duplicate", duplicate()),
        ("out-of-range", out_of_range()),
        ("poison", poison()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let thresholds = json!({ "metric_name": "cpu_usage", "above": "90", "below": "1" });
        let sample = Sample::new("metric-recorded", case, event.write());
        let sample = sample.seed("metric-thresholds", "cpu_usage", "-", thresholds);
        match case {
            "out-of-range" => sample.letter(1, 41, "value_out_of_range"),
            "poison" => sample.letter(1, 62, "invalid_json"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

/// Two hosts and two minutes.
fn minute() -> Event {
    Event::of([
        cpu(10, &json!(80.1), "web-1"),
        cpu(11, &json!(80.2), "web-1"),
        cpu(12, &json!(5), "web-2"),
        cpu(70, &json!(3.5), "web-1"),
    ])
}

/// The limit itself, a value above, another above in the same minute, and one below on another host.
fn threshold() -> Event {
    Event::of([
        cpu(20, &json!(90), "web-1"),
        cpu(21, &json!(90.5), "web-1"),
        cpu(22, &json!(99), "web-1"),
        cpu(23, &json!(0), "web-2"),
    ])
}

/// The same record twice, as a mapping delivers it that lost its place; a fence knows it by its position.
fn duplicate() -> Event {
    let first = cpu(31, &json!(7), "web-1");
    Event::of([
        first.clone(),
        again(&first, 31),
        cpu(32, &json!(8), "web-1"),
    ])
}

fn out_of_range() -> Event {
    Event::of([cpu(41, &json!(1e16), "web-1"), cpu(42, &json!(6), "web-1")])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    Event::of([
        cpu(61, &json!(1), "web-1"),
        cut_off(cpu(62, &json!(2), "web-1")),
        cpu(63, &json!(3), "web-1"),
    ])
}

fn cpu(n: i64, value: &Value, host: &str) -> KafkaRecord {
    let fields = json!({
        "metric_name": "cpu_usage", "value": value, "unit": "percent", "tags": { "host": host },
    });
    current(MetricRecorded::SPEC, 1, n, Some("cpu_usage"), &fields)
}
