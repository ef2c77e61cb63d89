//! Events of every form: identity of the cluster, lists, limits, and what a log shows of them.
//! Forms of single records are in the tests of `record`.

use super::*;

fn event(json: &str) -> KafkaEvent<'_> {
    KafkaEvent::read(json.as_bytes()).unwrap()
}

fn only_malformed(json: &str) -> Malformed<'_> {
    let mut records = event(json).records;
    assert_eq!(records.len(), 1);
    match records.remove(0) {
        Delivered::Malformed(malformed) => malformed,
        Delivered::Record(record) => panic!("was read: {record:?}"),
    }
}

#[test]
fn an_msk_cluster_is_known_by_its_name_and_uuid() {
    let event = event(r#"{"eventSourceArn":"arn:aws:kafka:eu-central-1:1:cluster/orders/5f-s1"}"#);
    assert_eq!(event.cluster(), "orders/5f-s1");
}

#[test]
fn an_arn_of_another_form_is_the_identity_itself() {
    for arn in [
        "arn:aws:kafka:x:1:replicator/orders",
        "arn:aws:kafka:x:1:cluster/",
        "orders",
    ] {
        assert_eq!(
            event(&format!(r#"{{"eventSourceArn":"{arn}"}}"#)).cluster(),
            arn
        );
    }
}

#[test]
fn the_order_of_bootstrap_servers_does_not_change_the_identity() {
    let one = event(r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"b:9092, a:9092"}"#);
    let other = event(r#"{"bootstrapServers":"a:9092,b:9092,,a:9092"}"#);
    assert_eq!(one.source, EventSource::SelfManaged);
    assert_eq!(one.cluster(), "a:9092,b:9092");
    assert_eq!(one.cluster(), other.cluster());
}

#[test]
fn a_cluster_without_any_address_is_unknown() {
    assert_eq!(event("{}").cluster(), "unknown");
    assert_eq!(
        event(r#"{"eventSourceArn":"","bootstrapServers":" ,"}"#).cluster(),
        "unknown"
    );
}

#[test]
fn sources_of_any_form_are_read() {
    assert_eq!(
        event(r#"{"eventSource":"aws:kafka"}"#).source,
        EventSource::Msk
    );
    assert_eq!(
        event(r#"{"eventSource":"aws:sqs"}"#).source,
        EventSource::Other("aws:sqs".into())
    );
    assert_eq!(
        event(r#"{"eventSource":7}"#).source,
        EventSource::Other(String::new())
    );
    assert_eq!(event("{}").source, EventSource::Other(String::new()));
}

#[test]
fn a_redrive_of_a_parked_key_names_it() {
    let json = r#"{"tailrace":{"redrive":{"id":"r","parked_key":"user:1"}}}"#;
    let redrive = event(json).redrive.unwrap();
    assert_eq!(redrive.parked_key.as_deref(), Some("user:1"));
    assert_eq!(redrive.skip_head, None);
}

#[test]
fn a_head_to_skip_is_named_with_its_reason() {
    let skip_head = |json: &str| {
        let json = format!(r#"{{"tailrace":{{"redrive":{{"skip_head":{json}}}}}}}"#);
        let redrive = event(&json).redrive.unwrap();
        let skip = redrive.skip_head?;
        Some((skip.row.into_owned(), skip.reason.into_owned()))
    };
    let read = |row: &str, reason: &str| Some((row.to_owned(), reason.to_owned()));
    assert_eq!(
        skip_head(r#"{"row":"row#t#7","reason":"why"}"#),
        read("row#t#7", "why")
    );
    assert_eq!(
        skip_head(r#"{"reason":"why"}"#),
        read("", "why"),
        "a skip that names nothing is still seen as one"
    );
    assert_eq!(skip_head(r#""why""#), read("", ""));
    assert_eq!(skip_head("null"), None);
}

#[test]
fn a_redrive_is_seen_whatever_form_its_mark_has() {
    let id = |json| event(json).redrive.map(|redrive| redrive.id.into_owned());
    assert_eq!(
        id(r#"{"tailrace":{"redrive":{"id":"r-1"}}}"#).unwrap(),
        "r-1"
    );
    assert_eq!(id(r#"{"tailrace":{"redrive":{"id":7}}}"#).unwrap(), "");
    assert_eq!(id(r#"{"tailrace":{"redrive":true}}"#).unwrap(), "");
    assert_eq!(id(r#"{"tailrace":{"redrive":null}}"#), None);
    assert_eq!(id(r#"{"tailrace":{"other":{}}}"#), None);
    assert_eq!(id(r#"{"tailrace":null}"#), None);
    assert_eq!(id("{}"), None);
}

#[test]
fn a_list_that_is_none_is_one_malformed_record_without_a_name() {
    for value in [
        "null",
        "7",
        r#""x""#,
        r#"{"topic":"t","partition":0,"offset":1}"#,
    ] {
        let json = format!(r#"{{"records":{{"t-0":{value}}}}}"#);
        let malformed = only_malformed(&json);
        assert!(matches!(malformed.error, RecordError::NotAList));
        assert_eq!(
            (malformed.partition_key.as_ref(), malformed.index),
            ("t-0", 0)
        );
        assert_eq!((malformed.raw, malformed.position.as_ref()), (value, None));
        assert!(malformed.item_identifier().is_none());
    }
}

#[test]
fn a_record_in_the_wrong_list_is_malformed_and_answered_with_the_key_lambda_knows() {
    for key in ["t-1", "t-00", "t-+0", "t", "x-0", "t-0-0"] {
        let json =
            format!(r#"{{"records":{{"{key}":[{{"topic":"t","partition":0,"offset":5}}]}}}}"#);
        let malformed = only_malformed(&json);
        assert_eq!(malformed.error.code(), "partition_mismatch");
        let item = malformed.item_identifier().unwrap();
        assert_eq!((item.partition.as_str(), item.offset), (key, 5));
        assert_eq!(malformed.position.unwrap().topic_partition(), "t-0");
    }
}

#[test]
fn an_event_whose_records_cannot_be_told_apart_fails() {
    let code = |json: &[u8]| KafkaEvent::read(json).unwrap_err().code();
    assert_eq!(code(b""), "malformed_event");
    assert_eq!(code(b"[]"), "malformed_event");
    assert_eq!(code(b"null"), "malformed_event");
    assert_eq!(code(b"{} {}"), "malformed_event");
    assert_eq!(code(br#"{"records":{"t-0":["#), "malformed_event");
    assert_eq!(code(br#"{"records":[]}"#), "malformed_event");
    assert_eq!(code(b"{\"records\":{\"t\xff-0\":[]}}"), "malformed_event");
}

#[test]
fn an_event_over_its_limits_fails_and_one_at_them_is_read() {
    let long = vec![b' '; EVENT_BYTES_MAX + 1];
    assert_eq!(
        KafkaEvent::read(&long).unwrap_err().code(),
        "event_too_long"
    );

    let with = |count| {
        format!(
            r#"{{"records":{{"t-0":[{}]}}}}"#,
            vec!["0"; count].join(",")
        )
    };
    assert_eq!(
        event(&with(RECORDS_PER_EVENT_MAX)).records.len(),
        RECORDS_PER_EVENT_MAX
    );
    let many = with(RECORDS_PER_EVENT_MAX + 1);
    let error = KafkaEvent::read(many.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "event_too_many_records");
}

#[test]
fn what_is_logged_of_an_event_holds_no_payload() {
    let json = r#"{"records":{"t-0":[
        {"topic":"t","partition":0,"offset":1,"key":"c2VjcmV0","headers":[{"h":[115,101]}]},
        {"topic":"t","partition":0,"offset":2,"value":"secret!"}]}}"#;
    let shown = format!("{:?}", event(json));
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("secret") && !shown.contains("115"));
    assert!(shown.contains("key_bytes: Some(6)"));
}

#[test]
fn an_event_of_the_longest_length_is_read_and_one_byte_more_is_not() {
    assert_eq!(EVENT_BYTES_MAX, 6_356_992);
    let event = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2));
    assert!(KafkaEvent::read(event(EVENT_BYTES_MAX).as_bytes()).is_ok());
    let error = KafkaEvent::read(event(EVENT_BYTES_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.code(), "event_too_long");
}

#[test]
fn a_record_is_kept_as_it_was_delivered_whether_it_can_be_read_or_not() {
    let json =
        br#"{"records": {"t-0": [ {"topic":"t", "partition":0,"offset":7} , {"offset": 8}]}}"#;
    let event = KafkaEvent::read(json).unwrap();
    let raw: Vec<_> = event.records.iter().map(Delivered::raw).collect();
    assert_eq!(
        raw,
        [
            r#"{"topic":"t", "partition":0,"offset":7}"#,
            r#"{"offset": 8}"#
        ]
    );
}
