//! Rules of esm-spec §9.1.

use serde_json::{Value, json};

use super::*;

fn minimal() -> Value {
    json!({
        "EventSourceArn": "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/5f3c-s1",
        "FunctionName": "order-created",
        "Topics": ["orders.v1"],
        "StartingPosition": "TRIM_HORIZON",
    })
}

fn with(extra: Value) -> Value {
    let mut value = minimal();
    let Value::Object(extra) = extra else {
        panic!("not an object")
    };
    value.as_object_mut().unwrap().extend(extra);
    value
}

fn provisioned(extra: Value) -> Value {
    let mut value = with(extra);
    value["ProvisionedPollerConfig"] = json!({"MinimumPollers": 1});
    value
}

fn problems(value: Value) -> Vec<String> {
    match MappingConfig::from_value(value) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .problems
            .into_iter()
            .map(|problem| problem.property)
            .collect(),
    }
}

#[test]
fn a_minimal_mapping_has_the_defaults_of_aws() {
    let config = MappingConfig::from_value(minimal()).unwrap();
    assert_eq!(config.batch_size, 100);
    assert_eq!(config.maximum_batching_window_seconds, None);
    assert_eq!(config.maximum_retry_attempts, -1);
    assert_eq!(config.maximum_record_age_seconds, -1);
    assert!(config.enabled);
    assert_eq!(config.group_id(), config.uuid().to_string());
}

#[test]
fn every_property_of_an_msk_mapping_is_read() {
    let config = MappingConfig::from_value(with(json!({
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 1_790_000_000,
        "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "orders-sink-v1"},
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 0,
        "Enabled": false,
        "KmsKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1",
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:111122223333:dlq"}},
        "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 6, "PollerGroupName": "orders"},
        "MaximumRetryAttempts": 5,
        "MaximumRecordAgeInSeconds": 86_400,
        "BisectBatchOnFunctionError": true,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "SourceAccessConfigurations": [],
        "MetricsConfig": {"Metrics": ["EventCount", "ErrorCount", "KafkaMetrics"]},
        "LoggingConfig": {"SystemLogLevel": "INFO"},
        "Tags": [],
    })))
    .unwrap();
    assert_eq!(
        config.starting_position,
        StartingPosition::AtTimestamp(1_790_000_000)
    );
    assert_eq!(config.group_id(), "orders-sink-v1");
    assert_eq!(config.provisioned_pollers.unwrap().maximum_pollers, Some(6));
    assert!(config.report_batch_item_failures && config.bisect_batch_on_function_error);
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems(json!({
        "EventSourceArn": "cluster",
        "Topics": ["a.v1", "b.v1"],
        "StartingPosition": "EARLIEST",
        "BatchSize": 0,
        "MaximumBatchingWindowInSeconds": 0.5,
        "BatchSise": 3,
        "ParallelizationFactor": 2,
    }));
    for property in [
        "EventSourceArn",
        "FunctionName",
        "Topics",
        "StartingPosition",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "BatchSise",
        "ParallelizationFactor",
    ] {
        assert_eq!(
            found.iter().filter(|name| *name == property).count(),
            1,
            "{property}: {found:?}"
        );
    }
    assert_eq!(found.len(), 8, "{found:?}");
}

#[test]
fn a_problem_names_the_property_the_value_and_the_range() {
    let error = MappingConfig::from_value(with(json!({"BatchSize": 10_001}))).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("BatchSize is 10001: must be 1..=10000"),
        "{error}"
    );
}

#[test]
fn numbers_are_held_to_their_ranges() {
    for (property, value) in [
        ("BatchSize", 0),
        ("BatchSize", 10_001),
        ("MaximumBatchingWindowInSeconds", -1),
        ("MaximumBatchingWindowInSeconds", 301),
        ("MaximumRetryAttempts", -2),
        ("MaximumRetryAttempts", 10_001),
        ("MaximumRecordAgeInSeconds", 0),
        ("MaximumRecordAgeInSeconds", 59),
        ("MaximumRecordAgeInSeconds", 604_801),
    ] {
        assert_eq!(
            problems(provisioned(json!({property: value}))),
            [property],
            "{value}"
        );
    }
    for (property, value) in [
        ("BatchSize", 1),
        ("MaximumRetryAttempts", -1),
        ("MaximumRetryAttempts", 0),
        ("MaximumRecordAgeInSeconds", -1),
        ("MaximumRecordAgeInSeconds", 60),
    ] {
        assert_eq!(
            problems(provisioned(json!({property: value}))),
            [""; 0],
            "{property} {value}"
        );
    }
}

#[test]
fn poller_numbers_are_held_to_their_ranges() {
    for (pollers, property) in [
        (
            json!({"MinimumPollers": 0}),
            "ProvisionedPollerConfig.MinimumPollers",
        ),
        (
            json!({"MinimumPollers": 5, "MaximumPollers": 4}),
            "ProvisionedPollerConfig.MaximumPollers",
        ),
        (
            json!({"MaximumPollers": 2_001}),
            "ProvisionedPollerConfig.MaximumPollers",
        ),
        (
            json!({"PollerGroupName": "a b"}),
            "ProvisionedPollerConfig.PollerGroupName",
        ),
        (json!({"Pollers": 1}), "ProvisionedPollerConfig.Pollers"),
    ] {
        assert_eq!(
            problems(with(json!({"ProvisionedPollerConfig": pollers}))),
            [property]
        );
    }
}

#[test]
fn provisioned_only_options_need_provisioned_pollers() {
    for (property, value) in [
        ("MaximumRetryAttempts", json!(3)),
        ("MaximumRecordAgeInSeconds", json!(60)),
        ("BisectBatchOnFunctionError", json!(true)),
        ("FunctionResponseTypes", json!(["ReportBatchItemFailures"])),
        ("MetricsConfig", json!({"Metrics": ["EventCount"]})),
        ("LoggingConfig", json!({"SystemLogLevel": "INFO"})),
    ] {
        assert_eq!(problems(with(json!({property: value.clone()}))), [property]);
        let mut off = with(json!({property: value.clone()}));
        off["ProvisionedPollerConfig"] = json!({});
        assert_eq!(problems(off), [property]);
        assert_eq!(problems(provisioned(json!({property: value}))), [""; 0]);
    }
}

#[test]
fn a_starting_position_and_its_timestamp_go_together() {
    let missing = with(json!({"StartingPosition": "AT_TIMESTAMP"}));
    assert_eq!(problems(missing), ["StartingPositionTimestamp"]);
    let surplus = with(json!({"StartingPositionTimestamp": 1}));
    assert_eq!(problems(surplus), ["StartingPositionTimestamp"]);
    let future = with(
        json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 99_999_999_999_i64}),
    );
    assert_eq!(problems(future), ["StartingPositionTimestamp"]);
}

#[test]
fn what_the_emulator_cannot_do_yet_is_refused() {
    let filter = json!({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}});
    assert_eq!(problems(with(filter)), ["FilterCriteria"]);
    let registry = json!({"AmazonManagedKafkaEventSourceConfig": {"SchemaRegistryConfig": {}}});
    assert_eq!(
        problems(provisioned(registry)),
        ["AmazonManagedKafkaEventSourceConfig.SchemaRegistryConfig"]
    );
    for destination in [
        "arn:aws:sns:eu-central-1:1:t",
        "arn:aws:s3:::b",
        "kafka://failed",
        "somewhere",
        "arn:aws:sqs:eu:1:q.fifo",
    ] {
        let config = json!({"DestinationConfig": {"OnFailure": {"Destination": destination}}});
        assert_eq!(
            problems(with(config)),
            ["DestinationConfig.OnFailure.Destination"],
            "{destination}"
        );
    }
}

#[test]
fn an_empty_destination_is_none() {
    let config = with(json!({"DestinationConfig": {"OnFailure": {"Destination": ""}}}));
    assert_eq!(
        MappingConfig::from_value(config)
            .unwrap()
            .on_failure_destination,
        None
    );
}

#[test]
fn topics_are_held_to_their_form() {
    for topic in [".orders", "o", "orders/v1", &"t".repeat(250)] {
        assert_eq!(
            problems(with(json!({"Topics": [topic]}))),
            ["Topics"],
            "{topic}"
        );
    }
    assert_eq!(problems(with(json!({"Topics": []}))), ["Topics"]);
    assert_eq!(
        problems(with(json!({"Topics": ["orders-by_day.v1"]}))),
        [""; 0]
    );
}
