//! Ranges and combinations of a mapping's properties (esm-spec §1.3, §2.2, §2.6, §4.1, §9.1).
//!
//! It refuses provisioned-only options without `ProvisionedPollerConfig`: AWS may take them and ignore
//! them, and a mapping that does nothing of what it says is what a local run should show.

use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{ConfigError, MappingConfig, Problem, ProvisionedPollers, StartingPosition};
use crate::destination::Destination;

const TOPIC_CHARACTERS_MAX: usize = 249;
const GROUP_CHARACTERS_MAX: usize = 200;
const FUNCTION_CHARACTERS_MAX: usize = 256;
const POLLER_GROUP_CHARACTERS_MAX: usize = 128;
const MINIMUM_POLLERS_DEFAULT: i64 = 1;
const MAXIMUM_POLLERS_DEFAULT: i64 = 200;

impl MappingConfig {
    /// Checks every property.
    ///
    /// # Errors
    /// All problems at once, each with what would be right.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut found = Problems(Vec::new());
        self.check_source(&mut found);
        self.check_numbers(&mut found);
        self.check_provisioned(&mut found);
        self.check_destination(&mut found);
        if found.0.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems: found.0 })
        }
    }

    fn check_source(&self, found: &mut Problems) {
        let arn: Vec<&str> = self.event_source_arn.splitn(6, ':').collect();
        if !matches!(arn.as_slice(), ["arn", _, "kafka", _, _, cluster] if cluster.starts_with("cluster/"))
        {
            let expected = "must be arn:<partition>:kafka:<region>:<account>:cluster/<name>/<id>";
            found.text("EventSourceArn", &self.event_source_arn, expected);
        }
        if !of_characters(&self.function_name, FUNCTION_CHARACTERS_MAX, "-_:$") {
            found.text(
                "FunctionName",
                &self.function_name,
                "must be a function name or ARN",
            );
        }
        match self.topics.as_slice() {
            [topic] if topic_is_valid(topic) => {}
            [topic] => found.text(
                "Topics",
                topic,
                "must be 2..=249 of letters, digits, '-', '_', '.', not beginning with '.'",
            ),
            many => found.text(
                "Topics",
                &format!("{} topics", many.len()),
                "must be exactly one",
            ),
        }
        if let Some(group) = &self.consumer_group_id
            && !of_characters(group, GROUP_CHARACTERS_MAX, "-/*:_+=.@")
        {
            found.text(
                "AmazonManagedKafkaEventSourceConfig.ConsumerGroupId",
                group,
                "must be 1..=200 of letters, digits and -/*:_+=.@",
            );
        }
        if let StartingPosition::AtTimestamp(second) = self.starting_position
            && !(0..=now_seconds()).contains(&second)
        {
            let expected = "must be Unix seconds that are not in the future";
            found.text("StartingPositionTimestamp", &second.to_string(), expected);
        }
    }

    fn check_numbers(&self, found: &mut Problems) {
        found.range("BatchSize", self.batch_size, 1..=10_000);
        if let Some(window) = self.maximum_batching_window_seconds {
            found.range("MaximumBatchingWindowInSeconds", window, 0..=300);
        }
        if self.maximum_retry_attempts != -1 && !(0..=10_000).contains(&self.maximum_retry_attempts)
        {
            found.text(
                "MaximumRetryAttempts",
                &self.maximum_retry_attempts.to_string(),
                "must be -1 (no limit) or 0..=10000",
            );
        }
        let age = self.maximum_record_age_seconds;
        if age != -1 && !(60..=604_800).contains(&age) {
            let expected = "must be -1 (no limit) or 60..=604800";
            found.text("MaximumRecordAgeInSeconds", &age.to_string(), expected);
        }
        if self.metrics.as_ref().is_some_and(Vec::is_empty) {
            found.text(
                "MetricsConfig.Metrics",
                "[]",
                "must name at least one group",
            );
        }
    }

    fn check_provisioned(&self, found: &mut Problems) {
        if let Some(pollers) = &self.provisioned_pollers {
            pollers.check(found);
            return;
        }
        let provisioned_only = [
            ("MaximumRetryAttempts", self.maximum_retry_attempts != -1),
            (
                "MaximumRecordAgeInSeconds",
                self.maximum_record_age_seconds != -1,
            ),
            (
                "BisectBatchOnFunctionError",
                self.bisect_batch_on_function_error,
            ),
            ("FunctionResponseTypes", self.report_batch_item_failures),
            ("MetricsConfig", self.metrics.is_some()),
            ("LoggingConfig", self.system_log_level.is_some()),
        ];
        for (property, set) in provisioned_only {
            if set {
                found.text(
                    property,
                    "set",
                    "needs ProvisionedPollerConfig; without it AWS may ignore it",
                );
            }
        }
    }

    fn check_destination(&self, found: &mut Problems) {
        const PROPERTY: &str = "DestinationConfig.OnFailure.Destination";
        let Some(destination) = &self.on_failure_destination else {
            return;
        };
        match Destination::parse(destination) {
            Some(Destination::Sqs { queue, .. }) if queue.strip_suffix(".fifo").is_some() => {
                found.text(
                    PROPERTY,
                    destination,
                    "must be a standard queue; FIFO is not supported by Lambda",
                );
            }
            Some(Destination::Sqs { .. }) => {}
            Some(Destination::Sns | Destination::S3 | Destination::Kafka { .. }) => {
                found.text(
                    PROPERTY,
                    destination,
                    "only SQS is supported by the emulator yet",
                );
            }
            None => found.text(
                PROPERTY,
                destination,
                "must be the ARN of an SQS queue, SNS topic or S3 bucket, or kafka://<topic>",
            ),
        }
    }
}

impl ProvisionedPollers {
    fn check(&self, found: &mut Problems) {
        let minimum = self.minimum_pollers.unwrap_or(MINIMUM_POLLERS_DEFAULT);
        let maximum = self.maximum_pollers.unwrap_or(MAXIMUM_POLLERS_DEFAULT);
        found.range("ProvisionedPollerConfig.MinimumPollers", minimum, 1..=200);
        found.range("ProvisionedPollerConfig.MaximumPollers", maximum, 1..=2_000);
        if maximum < minimum {
            found.text(
                "ProvisionedPollerConfig.MaximumPollers",
                &maximum.to_string(),
                &format!("must be at least MinimumPollers, {minimum}"),
            );
        }
        if let Some(group) = &self.poller_group_name
            && !group.is_empty()
            && !of_characters(group, POLLER_GROUP_CHARACTERS_MAX, "-_")
        {
            let expected = "must be 1..=128 of letters, digits, '-', '_'";
            found.text("ProvisionedPollerConfig.PollerGroupName", group, expected);
        }
    }
}

struct Problems(Vec<Problem>);

impl Problems {
    fn text(&mut self, property: &str, found: &str, expected: &str) {
        self.0.push(Problem {
            property: property.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        });
    }

    fn range(&mut self, property: &str, value: i64, range: RangeInclusive<i64>) {
        if !range.contains(&value) {
            let expected = format!("must be {}..={}", range.start(), range.end());
            self.text(property, &value.to_string(), &expected);
        }
    }
}

fn topic_is_valid(topic: &str) -> bool {
    topic.len() >= 2 && !topic.starts_with('.') && of_characters(topic, TOPIC_CHARACTERS_MAX, "-_.")
}

fn of_characters(text: &str, characters_max: usize, others: &str) -> bool {
    !text.is_empty()
        && text.len() <= characters_max
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn now_seconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
