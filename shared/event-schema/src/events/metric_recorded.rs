//! `metric.recorded`: a system has measured something.
//!
//! Units and thresholds are the business of whoever rolls the values up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{null_as_default, rules};
use crate::{Deduplication, Event, EventSpec, InvalidEvent, Labels, MetricName, SchemaVersion};

/// A system has measured something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRecorded {
    /// What was measured.
    #[serde(alias = "metricName")]
    pub metric_name: MetricName,
    /// What came out; finite.
    pub value: f64,
    /// The unit of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where it was measured, and what else tells series apart.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Labels::is_empty"
    )]
    pub tags: Labels,
}

impl Event for MetricRecorded {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "metric.recorded",
        topic: "ops.metric.recorded",
        alias_topics: &["system-metrics"],
        legacy_types: &["METRIC_RECORDED"],
        key: "metric_name",
        dedup: Deduplication::Position,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.metric_name.to_string())
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        if !self.value.is_finite() {
            return Err(InvalidEvent::new("value", "finite"));
        }
        rules::labels("tags", &self.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_finite() {
        let mut metric = MetricRecorded {
            metric_name: MetricName::new("cpu_usage").unwrap(),
            value: 85.2,
            unit: None,
            tags: Labels::default(),
        };
        assert!(metric.validate().is_ok());
        metric.value = f64::NAN;
        assert_eq!(metric.validate().unwrap_err().path(), "value");
    }
}
