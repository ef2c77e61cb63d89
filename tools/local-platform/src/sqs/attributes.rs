//! The settings of a queue: read from `CreateQueue`, held against the ranges of the SQS API reference.
//!
//! It does not keep messages and does not know whether a dead-letter queue exists.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::MESSAGE_BYTES_MAX;
use super::errors::Refusal;

/// The range of a visibility timeout in seconds.
pub(super) const VISIBILITY_SECONDS: RangeInclusive<u64> = 0..=43_200;

/// The range of a delay in seconds.
pub(super) const DELAY_SECONDS: RangeInclusive<u64> = 0..=900;

/// The range of a receive's wait in seconds.
pub(super) const WAIT_SECONDS: RangeInclusive<u64> = 0..=super::WAIT_SECONDS_MAX;

const RETENTION_SECONDS: RangeInclusive<u64> = 60..=1_209_600;
const MESSAGE_BYTES: RangeInclusive<u64> = 1_024..=MESSAGE_BYTES_MAX as u64;
const RECEIVE_COUNT: RangeInclusive<u64> = 1..=1_000;

/// When a message goes to another queue instead of being received again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) target_arn: String,
    pub(super) receive_count_max: u64,
    /// The policy as it was given, which is how it is given back.
    json: String,
}

/// The settings of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) visibility_seconds: u64,
    pub(super) delay_seconds: u64,
    pub(super) wait_seconds: u64,
    pub(super) retention_seconds: u64,
    pub(super) message_bytes_max: u64,
    pub(super) redrive: Option<Redrive>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_seconds: 30,
            delay_seconds: 0,
            wait_seconds: 0,
            retention_seconds: 345_600,
            message_bytes_max: MESSAGE_BYTES_MAX as u64,
            redrive: None,
        }
    }
}

impl Settings {
    /// Reads the attributes of `CreateQueue`; what is not given has SQS's default.
    pub(super) fn read(attributes: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let mut settings = Self::default();
        for (name, value) in attributes {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let number = |range: &RangeInclusive<u64>| match value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(Refusal::InvalidAttributeValue {
                name: name.to_owned(),
            }),
        };
        match name {
            "VisibilityTimeout" => self.visibility_seconds = number(&VISIBILITY_SECONDS)?,
            "DelaySeconds" => self.delay_seconds = number(&DELAY_SECONDS)?,
            "ReceiveMessageWaitTimeSeconds" => self.wait_seconds = number(&WAIT_SECONDS)?,
            "MessageRetentionPeriod" => self.retention_seconds = number(&RETENTION_SECONDS)?,
            "MaximumMessageSize" => self.message_bytes_max = number(&MESSAGE_BYTES)?,
            "RedrivePolicy" => self.redrive = Redrive::read(value)?,
            "FifoQueue" | "ContentBasedDeduplication" => {
                return Err(Refusal::Unsupported {
                    what: name.to_owned(),
                });
            }
            // Access and encryption have no effect here: nothing is checked and nothing leaves the process.
            "KmsDataKeyReusePeriodSeconds"
            | "KmsMasterKeyId"
            | "Policy"
            | "RedriveAllowPolicy"
            | "SqsManagedSseEnabled" => {}
            unknown => {
                return Err(Refusal::InvalidAttributeName {
                    name: unknown.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Returns the settings as `GetQueueAttributes` names them.
    pub(super) fn describe(&self) -> BTreeMap<String, String> {
        let mut described: BTreeMap<String, String> = [
            ("VisibilityTimeout", self.visibility_seconds),
            ("DelaySeconds", self.delay_seconds),
            ("ReceiveMessageWaitTimeSeconds", self.wait_seconds),
            ("MessageRetentionPeriod", self.retention_seconds),
            ("MaximumMessageSize", self.message_bytes_max),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect();
        if let Some(redrive) = &self.redrive {
            described.insert("RedrivePolicy".to_owned(), redrive.json.clone());
        }
        described
    }

    pub(super) fn visibility(&self) -> Duration {
        Duration::from_secs(self.visibility_seconds)
    }

    pub(super) fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds)
    }
}

impl Redrive {
    /// Reads a redrive policy; the count may be a number or a string of one, and an empty policy is none.
    fn read(json: &str) -> Result<Option<Self>, Refusal> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            dead_letter_target_arn: String,
            max_receive_count: Value,
        }
        if json.is_empty() {
            return Ok(None);
        }
        let invalid = || Refusal::InvalidAttributeValue {
            name: "RedrivePolicy".to_owned(),
        };
        let policy: Policy = serde_json::from_str(json).map_err(|_| invalid())?;
        let count = match &policy.max_receive_count {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let receive_count_max = count
            .filter(|count| RECEIVE_COUNT.contains(count))
            .ok_or_else(invalid)?;
        let target_arn = policy.dead_letter_target_arn;
        Ok(Some(Self {
            target_arn,
            receive_count_max,
            json: json.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, Refusal> {
        Settings::read(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn values_out_of_range_and_unknown_names_are_refused() {
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("MaximumMessageSize", "1048577"),
            ("MessageRetentionPeriod", "59"),
            (
                "RedrivePolicy",
                r#"{"deadLetterTargetArn":"a","maxReceiveCount":0}"#,
            ),
            ("RedrivePolicy", "{}"),
        ] {
            let refused = Refusal::InvalidAttributeValue {
                name: name.to_owned(),
            };
            assert_eq!(read(name, value), Err(refused), "{value}");
        }
        assert!(matches!(
            read("Colour", "red"),
            Err(Refusal::InvalidAttributeName { .. })
        ));
        assert!(matches!(
            read("FifoQueue", "true"),
            Err(Refusal::Unsupported { .. })
        ));
    }

    #[test]
    fn the_receive_count_of_a_redrive_policy_may_be_a_string() {
        let json = r#"{"deadLetterTargetArn":"arn","maxReceiveCount":"3"}"#;
        let redrive = read("RedrivePolicy", json).unwrap().redrive.unwrap();
        assert_eq!(redrive.receive_count_max, 3);
    }
}
