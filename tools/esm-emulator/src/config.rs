//! The event source mapping as `CloudFormation` and `CreateEventSourceMapping` write it (esm-spec §4.1).
//!
//! [`MappingConfig::from_json`] reads the AWS property names and reports every problem at once. What AWS
//! leaves unsaid is not here but in [`Switches`](crate::Switches).

mod properties;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use self::properties::Properties;

/// An event source mapping of an MSK cluster.
///
/// Numbers are as wide as JSON's, so that [`validate`](Self::validate) can name the ones out of range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingConfig {
    /// `EventSourceArn`: the cluster. It appears in events; the emulator never calls it.
    pub event_source_arn: String,
    /// `FunctionName`: name, ARN, version or alias.
    pub function_name: String,
    /// `Topics`: exactly one.
    pub topics: Vec<String>,
    /// `StartingPosition`, with `StartingPositionTimestamp`; committed offsets win over it.
    pub starting_position: StartingPosition,
    /// `AmazonManagedKafkaEventSourceConfig.ConsumerGroupId`; `None` stands for the mapping's UUID.
    pub consumer_group_id: Option<String>,
    /// `BatchSize`: records of an invocation.
    pub batch_size: i64,
    /// `MaximumBatchingWindowInSeconds`; `None` stands for the default of 500 ms.
    pub maximum_batching_window_seconds: Option<i64>,
    /// `Enabled`; a mapping that is not reads nothing.
    pub enabled: bool,
    /// `DestinationConfig.OnFailure.Destination`.
    pub on_failure_destination: Option<String>,
    /// `ProvisionedPollerConfig`; `None` is the mode on demand.
    pub provisioned_pollers: Option<ProvisionedPollers>,
    /// `MaximumRetryAttempts`: after the first attempt; −1 for no limit.
    pub maximum_retry_attempts: i64,
    /// `MaximumRecordAgeInSeconds`; −1 for no limit.
    pub maximum_record_age_seconds: i64,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch_on_function_error: bool,
    /// `FunctionResponseTypes` holds `ReportBatchItemFailures`.
    pub report_batch_item_failures: bool,
    /// `MetricsConfig.Metrics`; checked, without effect (every counter is always kept).
    pub metrics: Option<Vec<MetricGroup>>,
    /// `LoggingConfig.SystemLogLevel`; checked, without effect (the caller's `tracing` subscriber decides).
    pub system_log_level: Option<SystemLogLevel>,
}

/// `StartingPosition`: where a group without committed offsets begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// `LATEST`: behind what is there; loses what is produced before the mapping runs.
    Latest,
    /// `TRIM_HORIZON`: the oldest record kept.
    TrimHorizon,
    /// `AT_TIMESTAMP`: the first record at or after this Unix second.
    AtTimestamp(i64),
}

/// `ProvisionedPollerConfig`: its presence switches the provisioned mode on (esm-spec §0.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvisionedPollers {
    /// `MinimumPollers`.
    pub minimum_pollers: Option<i64>,
    /// `MaximumPollers`.
    pub maximum_pollers: Option<i64>,
    /// `PollerGroupName`.
    pub poller_group_name: Option<String>,
}

/// A member of `MetricsConfig.Metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum MetricGroup {
    /// Counters of records.
    EventCount,
    /// Counters of errors.
    ErrorCount,
    /// Lag.
    KafkaMetrics,
}

/// `LoggingConfig.SystemLogLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SystemLogLevel {
    /// All of it.
    Debug,
    /// Poller status and problems.
    Info,
    /// Problems.
    Warn,
}

/// One thing that is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the property, such as `ProvisionedPollerConfig.MinimumPollers`.
    pub property: String,
    /// What was found.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: {}", self.property, self.found, self.expected)
    }
}

/// Everything that is wrong with a mapping, at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event source mapping has {} problem(s):\n  {}", problems.len(), lines(problems))]
pub struct ConfigError {
    /// The problems, never empty.
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n  ")
}

impl MappingConfig {
    /// Makes a mapping on demand with AWS's defaults that reads a topic from its beginning.
    #[must_use]
    pub fn new(
        event_source_arn: impl Into<String>,
        function_name: impl Into<String>,
        topic: impl Into<String>,
    ) -> Self {
        Self {
            event_source_arn: event_source_arn.into(),
            function_name: function_name.into(),
            topics: vec![topic.into()],
            starting_position: StartingPosition::TrimHorizon,
            consumer_group_id: None,
            batch_size: 100,
            maximum_batching_window_seconds: None,
            enabled: true,
            on_failure_destination: None,
            provisioned_pollers: None,
            maximum_retry_attempts: -1,
            maximum_record_age_seconds: -1,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            metrics: None,
            system_log_level: None,
        }
    }

    /// Reads a mapping from JSON with the AWS property names and validates it.
    ///
    /// # Errors
    /// All problems at once: unknown properties, wrong types, values out of range, combinations that
    /// AWS would ignore in silence.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let value = serde_json::from_str(json).map_err(|error| ConfigError {
            problems: vec![Problem {
                property: "the mapping".to_owned(),
                found: "not JSON".to_owned(),
                expected: error.to_string(),
            }],
        })?;
        Self::from_value(value)
    }

    /// Reads a mapping from a JSON value with the AWS property names and validates it.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_value(value: serde_json::Value) -> Result<Self, ConfigError> {
        let mut properties = Properties::of(value);
        let config = properties.mapping();
        let mut problems = properties.into_problems();
        if let Err(error) = config.validate() {
            let known: Vec<_> = problems
                .iter()
                .map(|problem| problem.property.clone())
                .collect();
            problems.extend(
                error
                    .problems
                    .into_iter()
                    .filter(|new| !known.contains(&new.property)),
            );
        }
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// Returns the consumer group: the configured one, or the mapping's UUID.
    #[must_use]
    pub fn group_id(&self) -> String {
        self.consumer_group_id
            .clone()
            .unwrap_or_else(|| self.uuid().to_string())
    }

    /// Returns the mapping's UUID, made from cluster, function and topic: it is the same after a restart.
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        let name = format!(
            "{} {} {:?}",
            self.event_source_arn, self.function_name, self.topics
        );
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes())
    }

    /// Returns the topic, empty if there is none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topics.first().map_or("", String::as_str)
    }
}

impl<'de> Deserialize<'de> for MappingConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::from_value(value).map_err(serde::de::Error::custom)
    }
}
