//! `error.logged`: a service has met an error.
//!
//! Messages may hold personal data of that service's users, so `Debug` leaves them out.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::null_as_default;
use crate::{Deduplication, Event, EventSpec, SchemaVersion, ServiceName, open_enum::open_enum};

open_enum! {
    /// How bad an error is.
    #[derive(Default)]
    pub enum LogLevel {
        /// Of interest to developers only.
        Debug = "debug",
        /// Worth knowing.
        Info = "info",
        /// Unexpected, and coped with.
        Warning = "warning",
        /// Something was not done.
        #[default]
        Error = "error",
        /// Somebody must act.
        Critical = "critical",
    }
}

/// A service has met an error.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorLogged {
    /// The service.
    #[serde(alias = "serviceName", alias = "service_name")]
    pub service: ServiceName,
    /// The kind of error, such as the name of its class.
    #[serde(default, alias = "errorType", skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What the error says.
    #[serde(alias = "errorMessage", alias = "error_message")]
    pub message: String,
    /// How bad it is; `error` where the producer does not say.
    #[serde(default, alias = "severity", deserialize_with = "null_as_default")]
    pub level: LogLevel,
    /// Where in the code it was met.
    #[serde(default, alias = "stackTrace", skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
    /// The trace it was met in.
    #[serde(default, alias = "traceId", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl fmt::Debug for ErrorLogged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorLogged")
            .field("service", &self.service)
            .field("error_type", &self.error_type)
            .field("level", &self.level)
            .field("trace_id", &self.trace_id)
            .finish_non_exhaustive()
    }
}

impl Event for ErrorLogged {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "error.logged",
        topic: "ops.error.logged",
        alias_topics: &["error-logs"],
        legacy_types: &["ERROR_LOGGED"],
        key: "service",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.service.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_level_is_an_error_and_does_not_show_in_debug_output() {
        let json = r#"{"service":"api","message":"no mail for ada@example.com"}"#;
        let error: ErrorLogged = serde_json::from_str(json).unwrap();
        assert_eq!(error.level, LogLevel::Error);
        assert!(!format!("{error:?}").contains("ada"));
    }
}
