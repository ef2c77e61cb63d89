//! A document carries its record exactly, in whichever encoding it fits the queue.

use processing::LetterPosition;
use serde_json::json;

use super::*;

fn letter(record: &str) -> DeadLetter {
    DeadLetter {
        id: Uuid::from_u128(7),
        function: "order-created",
        code: "invalid_value",
        causes: vec!["the event is invalid".into(), "`quantity` is 0".into()],
        attempts: 1,
        first_failed_at: Timestamp::from_ms(1_795_256_130_123),
        last_failed_at: Timestamp::from_ms(1_795_256_130_123),
        event_type: Some("order.created".into()),
        schema_version: "1.0".into(),
        code_version: "0.1.0".into(),
        trace_id: None,
        key_hash: Some("ab".repeat(32)),
        cluster: "orders/uuid".into(),
        position: Some(LetterPosition {
            topic: "orders.v1".into(),
            partition: 3,
            offset: 12,
        }),
        topic_partition: "orders.v1-3".into(),
        record: RawValue::from_string(record.to_owned()).unwrap(),
    }
}

#[test]
fn both_encodings_carry_the_record_exactly() {
    let record = r#"{ "topic":"orders.v1","value": "AA==" , "offset":1e0}"#;
    for encoding in [RecordEncoding::Json, RecordEncoding::GzipBase64] {
        let body = write(&letter(record), encoding).unwrap();
        let read = DeadLetterDocument::read(&body).unwrap();
        assert_eq!(read.record.get(), record);
        assert_eq!(read.position.unwrap().topic_partition(), "orders.v1-3");
    }
}

#[test]
fn compression_makes_a_large_record_smaller() {
    let record = serde_json::to_string(&"a".repeat(100_000)).unwrap();
    let body = write(&letter(&record), RecordEncoding::GzipBase64).unwrap();
    assert!(body.len() < 5_000);
}

#[test]
fn characters_that_sqs_refuses_are_escaped() {
    let record = "{\"header\":\"\u{fffe}\u{ffff}\"}";
    let body = write(&letter(record), RecordEncoding::Json).unwrap();
    assert!(!body.contains(['\u{fffe}', '\u{ffff}']));
    let read = DeadLetterDocument::read(&body).unwrap();
    let value: serde_json::Value = serde_json::from_str(read.record.get()).unwrap();
    assert_eq!(value, json!({"header": "\u{fffe}\u{ffff}"}));
}

#[test]
fn unknown_fields_are_ignored() {
    let body = write(&letter("{}"), RecordEncoding::Json).unwrap();
    let body = body.replacen('{', r#"{"redriven_by":"someone","#, 1);
    assert!(DeadLetterDocument::read(&body).is_ok());
}

#[test]
fn other_messages_are_told_apart() {
    let mapping_document = r#"{"requestContext":{},"version":"1.0"}"#;
    let read = DeadLetterDocument::read;
    assert!(matches!(
        read(mapping_document),
        Err(DocumentError::NotADeadLetter)
    ));
    assert!(matches!(read("[1]"), Err(DocumentError::Malformed(_))));
    assert!(matches!(
        read(r#"{"dead_letter_version":2}"#),
        Err(DocumentError::UnknownVersion { found: 2 })
    ));
    assert!(matches!(
        read(r#"{"dead_letter_version":1}"#),
        Err(DocumentError::Malformed(_))
    ));
}

#[test]
fn a_record_that_unpacks_to_more_than_any_record_is_refused() {
    let record = serde_json::to_string(&"a".repeat(RECORD_BYTES_MAX)).unwrap();
    let body = write(&letter(&record), RecordEncoding::GzipBase64).unwrap();
    assert!(matches!(
        DeadLetterDocument::read(&body),
        Err(DocumentError::RecordTooLarge)
    ));
}

#[test]
fn a_damaged_compressed_record_is_an_error() {
    let body = write(&letter("{}"), RecordEncoding::Json).unwrap();
    let damaged = |record: &str| {
        let body = body.replace(
            r#""record_encoding":"json""#,
            r#""record_encoding":"gzip+base64""#,
        );
        DeadLetterDocument::read(&body.replace(r#""record":{}"#, &format!(r#""record":{record}"#)))
    };
    assert!(matches!(damaged("{}"), Err(DocumentError::Malformed(_))));
    assert!(matches!(
        damaged(r#""!""#),
        Err(DocumentError::NotBase64(_))
    ));
    assert!(matches!(
        damaged(r#""AAAA""#),
        Err(DocumentError::NotGzip(_))
    ));
}
