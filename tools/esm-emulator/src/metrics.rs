//! Counters under the names Lambda publishes in `CloudWatch` (esm-spec §4.5).
//!
//! They are plain numbers of one mapping in one process: no dimensions, no periods, no publishing.

use serde::Serialize;

/// What a mapping has done since it started; every field is the metric of that name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    /// Records read from Kafka, those read again included.
    pub polled_event_count: u64,
    /// Records sent to the function, once for every attempt.
    pub invoked_event_count: u64,
    /// Records of failed invocations, and records a partial batch response brings back.
    pub failed_invoke_event_count: u64,
    /// Records given up: expired, exhausted or too large; with or without a destination.
    pub dropped_event_count: u64,
    /// Records whose on-failure document was delivered.
    pub on_failure_destination_delivered_event_count: u64,
    /// Records behind the committed offsets, of those this mapping read.
    pub committed_event_count: u64,
    /// Polls that failed.
    pub polling_error_count: u64,
    /// Invocations that failed as a whole.
    pub invoke_error_count: u64,
    /// Commits that failed.
    pub commit_error_count: u64,
    /// On-failure documents that could not be delivered.
    pub on_failure_destination_delivery_error_count: u64,
    /// Largest lag of a partition at the last look, in offsets.
    pub max_offset_lag: u64,
    /// Sum of the lags of all partitions at the last look, in offsets.
    pub sum_offset_lag: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_have_the_names_of_the_aws_metrics() {
        let json = serde_json::to_value(Metrics::default()).unwrap();
        let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(
            names,
            [
                "CommitErrorCount",
                "CommittedEventCount",
                "DroppedEventCount",
                "FailedInvokeEventCount",
                "InvokeErrorCount",
                "InvokedEventCount",
                "MaxOffsetLag",
                "OnFailureDestinationDeliveredEventCount",
                "OnFailureDestinationDeliveryErrorCount",
                "PolledEventCount",
                "PollingErrorCount",
                "SumOffsetLag",
            ]
        );
    }
}
