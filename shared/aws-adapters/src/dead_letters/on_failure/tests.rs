//! The documented forms are read, and what tools go by is right or refused.

use serde_json::json;

use super::*;
use crate::QueueMessage;

/// The document of esm-spec §3.1.
fn document() -> Value {
    json!({
        "requestContext": {
            "requestId": "0a1b2c3d-0000-4000-8000-1234567890ab",
            "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:orders-sink",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2026-11-21T10:15:30.123Z",
        "KafkaBatchInfo": {
            "batchSize": 2,
            "eventSourceArn": "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/5f3c0a52-s1",
            "bootstrapServers": "boot-a1b2c3d4.c2.kafka-serverless.eu-central-1.amazonaws.com:9098",
            "payloadSize": 1834,
            "recordsInfo": { "orders.v1-3": {
                "firstRecordOffset": "12", "lastRecordOffset": "13",
                "firstRecordTimestamp": "2026-11-21T10:15:00.001Z",
                "lastRecordTimestamp": "2026-11-21T10:15:00.090Z",
            } },
        },
    })
}

fn event() -> Value {
    json!({ "eventSource": "aws:kafka", "records": { "orders.v1-3": [
        { "topic": "orders.v1", "partition": 3, "offset": 12, "value": "eyJpZCI6N30=" },
    ] } })
}

/// The same document about one record (esm-spec §3.3).
fn document_of_a_record(payload: Value) -> Value {
    let mut document = document();
    document["KafkaBatchInfo"] = json!({
        "batchSize": 1,
        "recordInfo": { "offset": "12", "timestamp": "2026-11-21T10:15:00.001Z" },
    });
    document["payload"] = payload;
    document
}

fn read(document: &Value) -> Result<OnFailureDocument, DocumentError> {
    OnFailureDocument::read(&document.to_string())
}

fn code(document: &Value) -> &'static str {
    read(document).unwrap_err().code()
}

#[test]
fn a_document_of_a_batch_is_read_whole() {
    let read = read(&document()).unwrap();
    assert_eq!(
        read.request_id.as_deref(),
        Some("0a1b2c3d-0000-4000-8000-1234567890ab")
    );
    assert!(read.function_arn.unwrap().ends_with(":orders-sink"));
    assert_eq!(read.condition.as_deref(), Some("RetryAttemptsExhausted"));
    assert_eq!((read.invocations, read.batch_size), (Some(4), Some(2)));
    assert_eq!(read.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(
        read.given_up_at.unwrap().to_string(),
        "2026-11-21T10:15:30.123Z"
    );
    assert!(read.source_arn.unwrap().ends_with("5f3c0a52-s1"));
    assert!(read.bootstrap_servers.unwrap().ends_with(":9098"));
    assert!(read.payload.is_none());
    let [range] = &read.ranges[..] else {
        panic!("one range")
    };
    assert_eq!(range.topic_and_partition(), Some(("orders.v1", 3)));
    assert_eq!((range.first_offset, range.last_offset), (12, 13));
    assert_eq!(
        range.first_at.unwrap().to_string(),
        "2026-11-21T10:15:00.001Z"
    );
    assert_eq!(
        range.last_at.unwrap().to_string(),
        "2026-11-21T10:15:00.090Z"
    );
}

#[test]
fn a_document_of_a_record_takes_its_partition_from_the_payload() {
    for payload in [event(), Value::from(event().to_string())] {
        let read = read(&document_of_a_record(payload)).unwrap();
        let range = OffsetRange {
            topic_partition: Some("orders.v1-3".into()),
            first_offset: 12,
            last_offset: 12,
            first_at: "2026-11-21T10:15:00.001Z".parse().ok(),
            last_at: "2026-11-21T10:15:00.001Z".parse().ok(),
        };
        assert_eq!(read.ranges, [range]);
        let payload: Value = serde_json::from_str(&read.payload.unwrap()).unwrap();
        assert_eq!(payload, event());
    }
}

#[test]
fn a_record_whose_partition_is_nowhere_is_still_a_range() {
    let mut elsewhere = event();
    elsewhere["records"]["orders.v1-3"][0]["offset"] = json!(11);
    for payload in [Value::Null, json!({}), elsewhere] {
        let read = read(&document_of_a_record(payload)).unwrap();
        assert_eq!(read.ranges.len(), 1);
        assert_eq!(read.ranges[0].topic_partition, None);
        assert_eq!(read.ranges[0].topic_and_partition(), None);
    }
}

#[test]
fn what_only_people_read_may_be_missing_or_of_another_form() {
    let sparse = json!({
        "requestContext": "nothing", "responseContext": null, "timestamp": 7,
        "KafkaBatchInfo": { "recordsInfo": { "t-0": {
            "firstRecordOffset": 0, "lastRecordOffset": "9223372036854775807",
            "lastRecordTimestamp": "yesterday",
        } } },
        "more": [],
    });
    let read = read(&sparse).unwrap();
    assert_eq!((read.condition, read.given_up_at), (None, None));
    assert_eq!(read.ranges[0].last_offset, i64::MAX);
    assert_eq!(read.ranges[0].last_at, None);
}

#[test]
fn offsets_that_are_none_are_refused() {
    let with = |first: Value, last: Value| {
        let mut document = document();
        document["KafkaBatchInfo"]["recordsInfo"]["orders.v1-3"] =
            json!({ "firstRecordOffset": first, "lastRecordOffset": last });
        document
    };
    assert!(read(&with(json!("12"), json!("12"))).is_ok());
    let wrong = [
        (json!("13"), json!("12")),
        (json!("-1"), json!("12")),
        (json!("1.5"), json!("12")),
        (json!(""), json!("12")),
        (json!(null), json!("12")),
        (json!("12"), json!(12.5)),
        // As wide as the numbers of Kinesis that AWS's example shows.
        (
            json!("49546986683135544286507457936321625675700192471156785154"),
            json!("12"),
        ),
    ];
    for (first, last) in wrong {
        assert_eq!(code(&with(first, last)), "offsets_unreadable");
    }
}

#[test]
fn a_document_without_offsets_is_refused() {
    for info in [json!({}), json!({ "recordsInfo": {} }), json!(null)] {
        let mut document = document();
        document["KafkaBatchInfo"] = info;
        assert_eq!(code(&document), "offsets_unreadable");
    }
}

#[test]
fn a_partition_is_parted_at_its_last_dash_and_only_by_its_own_spelling() {
    let part = |name: &str| {
        let range = OffsetRange {
            topic_partition: Some(name.to_owned()),
            first_offset: 0,
            last_offset: 0,
            first_at: None,
            last_at: None,
        };
        range
            .topic_and_partition()
            .map(|(topic, partition)| (topic.to_owned(), partition))
    };
    assert_eq!(
        part("order-events-2-11"),
        Some(("order-events-2".into(), 11))
    );
    for no_name in [
        "orders",
        "orders-",
        "-3",
        "orders-03",
        "orders-+3",
        "orders-2147483648",
    ] {
        assert_eq!(part(no_name), None, "{no_name}");
    }
}

#[test]
fn a_payload_that_is_no_text_is_refused() {
    let document = document_of_a_record(json!("@"));
    let body = document.to_string().replace(r#""@""#, r#""\ud800""#);
    let error = OnFailureDocument::read(&body).unwrap_err();
    assert_eq!(error.code(), "payload_unreadable");
}

#[test]
fn a_message_that_is_too_long_is_not_looked_at() {
    let body = " ".repeat(super::super::document::MESSAGE_BYTES_MAX + 1);
    assert_eq!(
        OnFailureDocument::read(&body).unwrap_err().code(),
        "message_too_long"
    );
    assert_eq!(
        QueueMessage::read(&body).unwrap_err().code(),
        "message_too_long"
    );
}

#[test]
fn the_queue_tells_its_messages_apart() {
    let kind = |body: &str| match QueueMessage::read(body) {
        Ok(QueueMessage::DeadLetter(letter)) => letter.code,
        Ok(QueueMessage::OnFailure(document)) => document.condition.unwrap(),
        Err(error) => error.code().to_owned(),
    };
    let letter = include_str!("../../../tests/golden/dead-letter-full.json");
    assert_eq!(kind(letter), "invalid_value");
    assert_eq!(kind(&document().to_string()), "RetryAttemptsExhausted");
    assert_eq!(kind("{}"), "not_a_dead_letter");
    assert_eq!(kind("[]"), "malformed_message");
    assert_eq!(
        kind(r#"{"dead_letter_version":2,"KafkaBatchInfo":{}}"#),
        "unknown_dead_letter_version"
    );
}

#[test]
fn a_debug_text_holds_no_payload() {
    let read = read(&document_of_a_record(event())).unwrap();
    assert!(!format!("{read:?}").contains("eyJpZCI6N30="));
}
