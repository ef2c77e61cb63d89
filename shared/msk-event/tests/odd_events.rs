//! The documented events of esm-spec §1.1 and §1.2, and the odd ones of §1.4: those that fail a
//! whole batch in the usual types must at most fail the record they are about.
//! Forms that Lambda is not known to send are in the unit tests.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use msk_event::{DataFormat, Delivered, EventSource, KafkaEvent, Malformed, Record, TimestampType};

const SAMPLE: &str = include_str!("samples/msk-event.json");
const SCHEMA_REGISTRY_SAMPLE: &str = include_str!("samples/schema-registry-event.json");

/// A record that nothing is wrong with, delivered behind each odd one.
const HEALTHY: &str = r#"{"topic":"t-1","partition":0,"offset":8,"value":"eA=="}"#;

/// An event with one record that has those members beside its position, and a healthy one.
fn event_with(members: &str) -> String {
    let odd = format!(r#"{{"topic":"t-1","partition":0,"offset":7{members}}}"#);
    format!(r#"{{"eventSource":"aws:kafka","records":{{"t-1-0":[{odd},{HEALTHY}]}}}}"#)
}

/// Reads the odd record of such an event; the healthy one has to be unharmed.
fn odd(json: &str) -> Delivered<'_> {
    let mut records = KafkaEvent::read(json.as_bytes()).unwrap().records;
    assert_eq!(records.len(), 2);
    let Some(Delivered::Record(healthy)) = records.pop() else {
        panic!("healthy was harmed")
    };
    assert_eq!(healthy, Record::read(HEALTHY).unwrap());
    records.remove(0)
}

fn odd_record(json: &str) -> Record<'_> {
    match odd(json) {
        Delivered::Record(record) => record,
        Delivered::Malformed(malformed) => panic!("was not read: {malformed:?}"),
    }
}

fn odd_malformed(json: &str) -> Malformed<'_> {
    match odd(json) {
        Delivered::Record(record) => panic!("was read: {record:?}"),
        Delivered::Malformed(malformed) => malformed,
    }
}

fn records<'a>(event: &'a KafkaEvent<'_>) -> Vec<&'a Record<'a>> {
    let read = |delivered: &'a Delivered<'_>| match delivered {
        Delivered::Record(record) => record,
        Delivered::Malformed(malformed) => panic!("was not read: {malformed:?}"),
    };
    event.records.iter().map(read).collect()
}

#[test]
fn the_documented_event_is_read_whole_and_in_order() {
    let event = KafkaEvent::read(SAMPLE.as_bytes()).unwrap();
    assert_eq!(event.source, EventSource::Msk);
    assert_eq!(
        event.cluster(),
        "orders/5f3c0a52-0000-4000-8000-0123456789ab-s1"
    );
    assert!(
        event
            .bootstrap_servers
            .as_deref()
            .unwrap()
            .ends_with(":9098")
    );
    assert!(event.redrive.is_none());

    let [first, second] = records(&event)[..] else {
        panic!("not two records")
    };
    assert_eq!(first.position().to_string(), "orders.v1-0@4711");
    assert_eq!(first.timestamp_ms, Some(1_790_000_000_123));
    assert_eq!(first.timestamp_type, TimestampType::CreateTime);
    assert_eq!(first.key.as_deref(), Some(&b"order-42"[..]));
    assert_eq!(first.value.as_deref(), Some(&br#"{"id":42}"#[..]));
    assert_eq!(first.header_str("traceparent"), Some("00-ab"));
    assert_eq!(first.header_str("city"), Some("Zoë"));
    assert_eq!(second.position().to_string(), "orders.v1-3@12");
    assert_eq!(second.key, None);
    assert!(second.headers.is_empty());
}

#[test]
fn a_record_of_a_schema_registry_says_its_schemas() {
    let event = KafkaEvent::read(SCHEMA_REGISTRY_SAMPLE.as_bytes()).unwrap();
    let record = records(&event)[0];
    assert_eq!(record.timestamp_type, TimestampType::LogAppendTime);
    let key_schema = record.key_schema.as_ref().unwrap();
    assert_eq!(key_schema.data_format, Some(DataFormat::Json));
    assert_eq!(
        key_schema.schema_id.as_deref(),
        Some("7d55d475-2244-4485-8341-f74468c1e058")
    );
    let value_schema = record.value_schema.as_ref().unwrap();
    assert_eq!(value_schema.data_format, Some(DataFormat::Avro));
    assert_eq!(value_schema.schema_id.as_deref(), Some("1234"));
}

#[test]
fn a_record_keeps_its_json_exactly_as_delivered() {
    let event = KafkaEvent::read(SAMPLE.as_bytes()).unwrap();
    for record in records(&event) {
        assert!(SAMPLE.contains(record.raw));
        assert_eq!(&Record::read(record.raw).unwrap(), record);
    }
}

#[test]
fn a_missing_and_a_null_key_are_no_key() {
    assert_eq!(odd_record(&event_with("")).key, None);
    assert_eq!(odd_record(&event_with(r#","key":null"#)).key, None);
}

#[test]
fn a_missing_and_a_null_value_are_tombstones() {
    assert_eq!(odd_record(&event_with("")).value, None);
    assert_eq!(odd_record(&event_with(r#","value":null"#)).value, None);
}

#[test]
fn an_empty_value_is_not_a_tombstone() {
    assert_eq!(
        odd_record(&event_with(r#","value":"""#)).value,
        Some(Vec::new())
    );
}

#[test]
fn null_and_absent_records_are_none() {
    for json in [
        "{}",
        r#"{"records":null}"#,
        r#"{"records":{}}"#,
        r#"{"records":{"t-0":[]}}"#,
    ] {
        assert!(
            KafkaEvent::read(json.as_bytes())
                .unwrap()
                .records
                .is_empty()
        );
    }
}

#[test]
fn missing_and_null_headers_are_no_headers() {
    assert!(odd_record(&event_with("")).headers.is_empty());
    assert!(
        odd_record(&event_with(r#","headers":null"#))
            .headers
            .is_empty()
    );
    assert!(
        odd_record(&event_with(r#","headers":[]"#))
            .headers
            .is_empty()
    );
}

#[test]
fn a_null_header_value_is_kept_apart_from_an_empty_one() {
    let json = event_with(r#","headers":[{"a":null},{"b":[]}]"#);
    let values: Vec<_> = odd_record(&json)
        .headers
        .into_iter()
        .map(|header| header.value)
        .collect();
    assert_eq!(values, [None, Some(Vec::new())]);
}

#[test]
fn signed_and_unsigned_header_bytes_are_the_same() {
    let signed = event_with(r#","headers":[{"city":[90,111,-61,-85]}]"#);
    let unsigned = event_with(r#","headers":[{"city":[90,111,195,171]}]"#);
    assert_eq!(odd_record(&signed).header_str("city"), Some("Zoë"));
    assert_eq!(odd_record(&signed).headers, odd_record(&unsigned).headers);
}

#[test]
fn a_header_byte_out_of_range_fails_its_record_alone() {
    for byte in [-129, 256] {
        let json = event_with(&format!(r#","headers":[{{"h":[{byte}]}}]"#));
        assert_eq!(odd_malformed(&json).error.code(), "invalid_header");
    }
}

#[test]
fn a_timestamp_of_minus_one_is_no_timestamp() {
    assert_eq!(
        odd_record(&event_with(r#","timestamp":-1"#)).timestamp_ms,
        None
    );
}

#[test]
fn a_value_that_is_not_a_string_fails_its_record_alone_and_can_be_named() {
    let json = event_with(r#","value":{"id":42}"#);
    let malformed = odd_malformed(&json);
    assert_eq!(malformed.error.code(), "invalid_field");
    assert_eq!(
        (malformed.partition_key.as_ref(), malformed.index),
        ("t-1-0", 0)
    );
    assert_eq!(malformed.position.as_ref().unwrap().to_string(), "t-1-0@7");
    assert_eq!(malformed.item_identifier().unwrap().partition, "t-1-0");
    assert!(malformed.raw.ends_with(r#""value":{"id":42}}"#));
}

#[test]
fn a_value_that_is_not_base64_fails_its_record_alone() {
    let json = event_with(r#","value":"no base64""#);
    assert_eq!(odd_malformed(&json).error.code(), "invalid_base64");
}

#[test]
fn unknown_fields_are_ignored() {
    let json = event_with(r#","leaderEpoch":{"is":["new"]},"\ud800":1"#);
    assert_eq!(odd_record(&json).offset, 7);
}

#[test]
fn a_partition_that_occurs_twice_keeps_both_lists_in_the_order_of_the_event() {
    let record = |topic: &str, offset: i64| {
        format!(r#"[{{"topic":"{topic}","partition":0,"offset":{offset}}}]"#)
    };
    let (z, a, again) = (record("z", 1), record("a", 2), record("z", 3));
    let json = format!(r#"{{"records":{{"z-0":{z},"a-0":{a},"z-0":{again}}}}}"#);
    let event = KafkaEvent::read(json.as_bytes()).unwrap();
    let offsets: Vec<_> = records(&event).iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [1, 2, 3]);
}
