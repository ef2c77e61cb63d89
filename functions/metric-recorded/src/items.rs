//! What `metric-recorded` stores: a rollup for each minute of a series, and reads: a threshold for each metric.
//!
//! Who sets thresholds is not said here; operators put them into their table.

use event_schema::events::MetricRecorded;
use event_schema::{EventId, Labels, MetricName, Timestamp};
use processing::{Item, Key, Rejection};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Milliseconds of a rollup's window.
const WINDOW_MS: i64 = 60_000;
/// Days for which a rollup is kept.
const KEPT_DAYS: i64 = 90;
/// The sum, of either sign, up to which nine decimal places are exact: 10^19 of the 7.9 × 10^28 that 96 bits hold.
const SUM_MAX: Decimal = Decimal::from_parts(2_313_682_944, 2_328_306_436, 0, false, 0);

/// The values of one series within one minute of event time, keyed by series and minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    /// The series: the metric's name and a hash of its tags.
    pub series: String,
    /// What was measured.
    pub metric_name: MetricName,
    /// What tells the series from others of its metric.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The unit, as the first value of the minute gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// When the minute began.
    pub minute: Timestamp,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: Decimal,
    /// The least of them.
    pub min: Decimal,
    /// The greatest of them.
    pub max: Decimal,
    /// The event that told operations of a crossed threshold; none until one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<EventId>,
    /// The second since 1970 at which it may go.
    pub expires_at: i64,
}

/// What is unusual for a metric, keyed by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The metric.
    pub metric_name: MetricName,
    /// A greater value is a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Decimal>,
    /// A smaller value is a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Decimal>,
}

/// A threshold that a value crossed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Breach {
    /// `above` or `below`.
    pub(crate) side: &'static str,
    /// The threshold.
    pub(crate) limit: Decimal,
}

/// Returns when the minute of an instant began.
#[must_use]
pub fn minute_of(at: Timestamp) -> Timestamp {
    let ms = at.as_ms();
    Timestamp::from_ms(ms - ms.rem_euclid(WINDOW_MS))
}

/// Names a series: the same metric with the same tags, in whatever order they are written.
#[must_use]
pub fn series_of(name: &MetricName, tags: &Labels) -> String {
    let mut hash = Sha256::new();
    for (name, text) in tags.iter() {
        // Lengths first: no two sets of tags are hashed alike.
        for part in [name, text] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    let hex = hash
        .finalize()
        .iter()
        .take(16)
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("{name}#{hex}")
}

impl Rollup {
    /// One that holds nothing yet; its first value will be `first`.
    pub(crate) fn empty(
        series: String,
        metric: &MetricRecorded,
        minute: Timestamp,
        first: Decimal,
    ) -> Self {
        let tags = metric.tags.iter();
        Self {
            series,
            metric_name: metric.metric_name.clone(),
            tags: tags
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
            unit: metric.unit.clone(),
            minute,
            count: 0,
            sum: Decimal::ZERO,
            min: first,
            max: first,
            alert: None,
            expires_at: minute.as_ms() / 1_000 + KEPT_DAYS * 24 * 60 * 60,
        }
    }

    /// Takes a value in; what it comes to does not depend on the order of the values.
    pub(crate) fn take_in(&mut self, value: Decimal) -> Result<(), Rejection> {
        let sum = self.sum.checked_add(value);
        let sum = sum.filter(|sum| sum.abs() <= SUM_MAX).ok_or_else(|| {
            let message = format!("the minute's sum is beyond {SUM_MAX} of either sign");
            Rejection::permanent("sum_out_of_range", message)
        })?;
        self.count += 1;
        self.sum = sum.normalize();
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        Ok(())
    }
}

impl Threshold {
    /// Returns what the value crosses; a value that lies on a threshold crosses nothing.
    pub(crate) fn breach(&self, value: Decimal) -> Option<Breach> {
        let above = self.above.filter(|limit| value > *limit);
        let below = self.below.filter(|limit| value < *limit);
        let breach = |side| move |limit| Breach { side, limit };
        above.map(breach("above")).or(below.map(breach("below")))
    }
}

impl Item for Rollup {
    const TABLE: &'static str = "metric-rollups";

    fn key(&self) -> Key {
        Key::from((&self.series, self.minute.to_string()))
    }
}

impl Item for Threshold {
    const TABLE: &'static str = "metric-thresholds";

    fn key(&self) -> Key {
        Key::from(self.metric_name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_sum_is_ten_to_the_nineteenth_and_exact_to_nine_places() {
        assert_eq!(SUM_MAX, "10000000000000000000".parse().unwrap());
        let greatest: Decimal = "9999999999999999999.999999999".parse().unwrap();
        let least = "0.000000001".parse().unwrap();
        assert_eq!(greatest.checked_add(least), Some(SUM_MAX));
    }

    #[test]
    fn tags_make_a_series_in_whatever_order_and_not_by_how_they_run_together() {
        let name = MetricName::new("cpu").unwrap();
        let series = |tags: &[(&str, &str)]| series_of(&name, &tags.iter().copied().collect());
        assert_eq!(
            series(&[("a", "1"), ("b", "2")]),
            series(&[("b", "2"), ("a", "1")])
        );
        assert_ne!(series(&[("a", "1")]), series(&[("a", "2")]));
        assert_ne!(series(&[("a", "bc")]), series(&[("ab", "c")]));
        assert!(series(&[]).starts_with("cpu#"));
    }

    #[test]
    fn a_minute_begins_with_its_first_millisecond() {
        for (at, minute) in [
            ("2026-11-21T10:15:00.000Z", "2026-11-21T10:15:00.000Z"),
            ("2026-11-21T10:15:59.999Z", "2026-11-21T10:15:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:00.000Z"),
        ] {
            assert_eq!(minute_of(at.parse().unwrap()).to_string(), minute);
        }
    }
}
