//! The batch response byte for byte, and every mistake in one that AWS's pages or samples lead to.
//! `UPDATE_GOLDEN=1` rewrites the golden files.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{env, fs, path::Path};

use msk_event::{BatchResponse, Position, ResponseError};

fn position(topic: &str, partition: i32, offset: i64) -> Position {
    Position {
        topic: topic.to_owned(),
        partition,
        offset,
    }
}

fn three_failures() -> BatchResponse {
    BatchResponse::from_iter([
        position("orders.v1", 3, 12),
        position("orders.v1", 3, 13),
        position("order-events-2", 0, i64::MAX),
    ])
}

#[track_caller]
fn assert_golden(name: &str, response: &BatchResponse) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let written = serde_json::to_vec(response).unwrap();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert_eq!(
        String::from_utf8(written).unwrap(),
        fs::read_to_string(&path).unwrap()
    );
}

fn message(body: &str) -> String {
    BatchResponse::read_strict(body.as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_response_that_names_records_is_written_byte_for_byte() {
    assert_golden("three-failures.json", &three_failures());
}

#[test]
fn a_response_without_failures_is_written_byte_for_byte() {
    assert_golden("no-failures.json", &BatchResponse::default());
}

#[test]
fn what_is_written_is_read_back() {
    let written = serde_json::to_vec(&three_failures()).unwrap();
    assert_eq!(
        BatchResponse::read_strict(&written).unwrap(),
        three_failures()
    );
}

#[test]
fn every_form_of_success_says_that_nothing_failed() {
    for body in [
        "",
        " \n",
        "null",
        "{}",
        r#"{"batchItemFailures":null}"#,
        r#"{"batchItemFailures":[]}"#,
    ] {
        let response = BatchResponse::read_strict(body.as_bytes()).unwrap();
        assert!(response.batch_item_failures.is_empty(), "{body}");
    }
}

#[test]
fn the_key_of_the_older_page_is_named() {
    let body = r#"{"batchItemFailures":[{"itemIdentifier":{"topic-partition":"t-0","offset":1}}]}"#;
    assert!(message(body).contains("`topic-partition`; the key is `partition`"));
}

#[test]
fn the_string_of_other_sources_is_named() {
    let body = r#"{"batchItemFailures":[{"itemIdentifier":"t-0-1"}]}"#;
    let error = BatchResponse::read_strict(body.as_bytes()).unwrap_err();
    assert!(matches!(
        error,
        ResponseError::StringIdentifier { index: 0 }
    ));
}

#[test]
fn every_other_mistake_is_named_with_its_entry() {
    let good = r#"{"itemIdentifier":{"partition":"t-0","offset":1}}"#;
    for (entry, told) in [
        ("7", "is not an object"),
        ("{}", "lacks `itemIdentifier`"),
        (r#"{"item_identifier":{}}"#, "unknown field"),
        (r#"{"itemIdentifier":null}"#, "invalid `itemIdentifier`"),
        (r#"{"itemIdentifier":{"offset":1}}"#, "lacks `partition`"),
        (
            r#"{"itemIdentifier":{"partition":"t-0"}}"#,
            "lacks `offset`",
        ),
        (
            r#"{"itemIdentifier":{"partition":0,"offset":1}}"#,
            "invalid `partition`",
        ),
        (
            r#"{"itemIdentifier":{"partition":"t-0","offset":"1"}}"#,
            "invalid `offset`",
        ),
        (
            r#"{"itemIdentifier":{"partition":"t-0","offset":-1}}"#,
            "invalid `offset`",
        ),
        (
            r#"{"itemIdentifier":{"partition":"t-0","offset":1.5}}"#,
            "invalid `offset`",
        ),
        (
            r#"{"itemIdentifier":{"partition":"t-0","offset":1,"topic":"t"}}"#,
            "unknown field",
        ),
        (
            r#"{"itemIdentifier":{"partition":"t-0","offset":1},"x":1}"#,
            "unknown field",
        ),
    ] {
        let message = message(&format!(r#"{{"batchItemFailures":[{good},{entry}]}}"#));
        assert!(
            message.contains("[1]") && message.contains(told),
            "{entry}: {message}"
        );
    }
}

#[test]
fn a_body_of_another_form_is_named() {
    assert!(message("{").contains("not valid JSON"));
    assert!(message("[]").contains("neither null nor an object"));
    assert!(message(r#""ok""#).contains("neither null nor an object"));
    assert!(message(r#"{"batchItemFailures":{}}"#).contains("neither null nor a list"));
    assert!(message(r#"{"batch_item_failures":[]}"#).contains("other than `batchItemFailures`"));
    assert!(message(r#"{"statusCode":200}"#).contains("other than `batchItemFailures`"));
}
