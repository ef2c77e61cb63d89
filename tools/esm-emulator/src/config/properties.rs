//! Takes the AWS properties out of a JSON object one by one and keeps a list of what is wrong.
//!
//! It checks names and types; ranges and combinations are `validate`'s.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{MappingConfig, Problem, ProvisionedPollers, StartingPosition};

/// The members of a JSON object that nobody has taken yet.
pub(super) struct Properties {
    path: String,
    members: Map<String, Value>,
    problems: Vec<Problem>,
}

/// Properties of `CreateEventSourceMapping` that belong to other event sources.
const NOT_FOR_KAFKA: [&str; 7] = [
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
    "ScalingConfig",
    "Queues",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
];

impl Properties {
    pub(super) fn of(value: Value) -> Self {
        Self::at(String::new(), value)
    }

    fn at(path: String, value: Value) -> Self {
        match value {
            Value::Object(members) => Self {
                path,
                members,
                problems: Vec::new(),
            },
            other => {
                let mut properties = Self {
                    path,
                    members: Map::new(),
                    problems: Vec::new(),
                };
                let at = if properties.path.is_empty() {
                    "the mapping"
                } else {
                    ""
                };
                properties.problem(at, &other.to_string(), "must be an object");
                properties
            }
        }
    }

    pub(super) fn mapping(&mut self) -> MappingConfig {
        let defaults = MappingConfig::new("", "", "");
        let text = "must be a text";
        let config = MappingConfig {
            event_source_arn: self.required("EventSourceArn", "must be the ARN of an MSK cluster"),
            function_name: self.required("FunctionName", "must be a function name or ARN"),
            topics: self.required("Topics", "must be a list of exactly one topic"),
            starting_position: self.starting_position(),
            consumer_group_id: self.kafka_config(),
            batch_size: self.integer("BatchSize").unwrap_or(defaults.batch_size),
            maximum_batching_window_seconds: self.optional(
                "MaximumBatchingWindowInSeconds",
                "must be a whole number of seconds, 0..=300; leave it out for the default of 500 ms",
            ),
            enabled: self.boolean("Enabled").unwrap_or(defaults.enabled),
            on_failure_destination: self.on_failure(text),
            provisioned_pollers: self.pollers(text),
            maximum_retry_attempts: self
                .integer("MaximumRetryAttempts")
                .unwrap_or(defaults.maximum_retry_attempts),
            maximum_record_age_seconds: self
                .integer("MaximumRecordAgeInSeconds")
                .unwrap_or(defaults.maximum_record_age_seconds),
            bisect_batch_on_function_error: self
                .boolean("BisectBatchOnFunctionError")
                .unwrap_or(defaults.bisect_batch_on_function_error),
            report_batch_item_failures: self.response_types(),
            metrics: self.nested("MetricsConfig", |metrics| {
                metrics.required("Metrics", "must be a list of EventCount, ErrorCount, KafkaMetrics")
            }),
            system_log_level: self
                .nested("LoggingConfig", |logging| {
                    logging.optional("SystemLogLevel", "must be DEBUG, INFO or WARN")
                })
                .flatten(),
        };
        self.without_effect();
        config
    }

    /// Ends the reading: whatever nobody took is unknown.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        for (name, _) in std::mem::take(&mut self.members) {
            let expected = if NOT_FOR_KAFKA.contains(&name.as_str()) {
                "it belongs to other event sources than MSK; remove it"
            } else {
                "it is no property of an MSK event source mapping; remove it or correct its name"
            };
            self.problem(&name, "unknown here", expected);
        }
        self.problems
    }

    fn starting_position(&mut self) -> StartingPosition {
        const EXPECTED: &str = "must be TRIM_HORIZON, LATEST or AT_TIMESTAMP";
        let word: String = self.required("StartingPosition", EXPECTED);
        let second: Option<i64> = self.optional(
            "StartingPositionTimestamp",
            "must be a whole number of Unix seconds",
        );
        match (word.as_str(), second) {
            ("AT_TIMESTAMP", Some(second)) => return StartingPosition::AtTimestamp(second),
            ("AT_TIMESTAMP", None) => {
                self.problem(
                    "StartingPositionTimestamp",
                    "missing",
                    "AT_TIMESTAMP needs it",
                );
            }
            ("TRIM_HORIZON" | "LATEST", Some(_)) => {
                self.problem(
                    "StartingPositionTimestamp",
                    "set",
                    "goes with AT_TIMESTAMP only",
                );
            }
            ("LATEST", None) => return StartingPosition::Latest,
            ("TRIM_HORIZON" | "", _) => {}
            (other, _) => self.problem("StartingPosition", &format!("{other:?}"), EXPECTED),
        }
        StartingPosition::TrimHorizon
    }

    fn kafka_config(&mut self) -> Option<String> {
        self.nested("AmazonManagedKafkaEventSourceConfig", |kafka| {
            kafka.not_yet("SchemaRegistryConfig");
            kafka.optional("ConsumerGroupId", "must be a text")
        })
        .flatten()
    }

    /// `""` takes a destination away, as it does in the update call.
    fn on_failure(&mut self, text: &str) -> Option<String> {
        self.nested("DestinationConfig", |destinations| {
            destinations.nested("OnFailure", |on_failure| {
                on_failure.optional::<String>("Destination", text)
            })
        })
        .flatten()
        .flatten()
        .filter(|destination| !destination.is_empty())
    }

    /// `{}` switches the provisioned mode off, as it does in the update call.
    fn pollers(&mut self, text: &str) -> Option<ProvisionedPollers> {
        self.nested("ProvisionedPollerConfig", |pollers| ProvisionedPollers {
            minimum_pollers: pollers.integer("MinimumPollers"),
            maximum_pollers: pollers.integer("MaximumPollers"),
            poller_group_name: pollers.optional("PollerGroupName", text),
        })
        .filter(|pollers| *pollers != ProvisionedPollers::default())
    }

    fn response_types(&mut self) -> bool {
        const EXPECTED: &str = "must be [] or [\"ReportBatchItemFailures\"]";
        let types: Vec<String> = self
            .optional("FunctionResponseTypes", EXPECTED)
            .unwrap_or_default();
        match types.as_slice() {
            [] => false,
            [one] if one == "ReportBatchItemFailures" => true,
            _ => {
                self.problem("FunctionResponseTypes", &format!("{types:?}"), EXPECTED);
                false
            }
        }
    }

    /// Properties that are right but change nothing here: keys of encryption, access to the cluster
    /// (given to the source instead) and tags.
    fn without_effect(&mut self) {
        self.not_yet("FilterCriteria");
        for name in [
            "KmsKeyArn",
            "KMSKeyArn",
            "SourceAccessConfigurations",
            "Tags",
        ] {
            self.members.remove(name);
        }
    }

    fn not_yet(&mut self, name: &str) {
        if self
            .members
            .remove(name)
            .is_some_and(|value| !value.is_null())
        {
            self.problem(name, "set", "not supported by the emulator yet");
        }
    }

    fn integer(&mut self, name: &str) -> Option<i64> {
        self.optional(name, "must be a whole number")
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.optional(name, "must be true or false")
    }

    fn required<T: DeserializeOwned + Default>(&mut self, name: &str, expected: &str) -> T {
        let missing = self.members.get(name).is_none_or(Value::is_null);
        if missing {
            self.problem(name, "missing", expected);
        }
        self.optional(name, expected).unwrap_or_default()
    }

    fn optional<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.members.remove(name).filter(|value| !value.is_null())?;
        let found = value.to_string();
        let read = serde_json::from_value(value);
        if read.is_err() {
            self.problem(name, &found, expected);
        }
        read.ok()
    }

    fn nested<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let value = self.members.remove(name).filter(|value| !value.is_null())?;
        let mut inner = Self::at(format!("{}{name}.", self.path), value);
        let result = read(&mut inner);
        self.problems.extend(inner.into_problems());
        Some(result)
    }

    fn problem(&mut self, name: &str, found: &str, expected: &str) {
        self.problems.push(Problem {
            property: format!("{}{name}", self.path)
                .trim_end_matches('.')
                .to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        });
    }
}
