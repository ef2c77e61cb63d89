//! Records of every form, read alone. Lists and events are in the tests of `event`.

use super::*;

/// A record with those members beside its position.
fn with(members: &str) -> String {
    format!(r#"{{"topic":"t","partition":0,"offset":1{members}}}"#)
}

fn code(json: &str) -> &'static str {
    Record::read(json).unwrap_err().code()
}

#[test]
fn a_record_needs_its_position_and_nothing_else() {
    let json = with("");
    let record = Record::read(&json).unwrap();
    assert_eq!(record.position().to_string(), "t-0@1");
    assert_eq!(
        (record.timestamp_ms, record.timestamp_type),
        (None, TimestampType::Unspecified)
    );
    assert_eq!((&record.key, &record.value), (&None, &None));
    assert!(record.headers.is_empty());
    assert_eq!(record.raw, json);
}

#[test]
fn a_record_read_alone_keeps_its_json_without_outer_space() {
    let json = format!("\n {} \t", with(""));
    assert_eq!(Record::read(&json).unwrap().raw, with(""));
}

#[test]
fn what_has_no_position_is_malformed() {
    assert_eq!(code(""), "malformed_record");
    assert_eq!(code("{"), "malformed_record");
    assert_eq!(code(r#"["t",0,1]"#), "malformed_record");
    assert_eq!(code(r#"{"partition":0,"offset":1}"#), "missing_field");
    assert_eq!(
        code(r#"{"topic":"t","partition":null,"offset":1}"#),
        "missing_field"
    );
    for json in [
        r#"{"topic":"","partition":0,"offset":1}"#,
        r#"{"topic":7,"partition":0,"offset":1}"#,
        r#"{"topic":"\ud800","partition":0,"offset":1}"#,
        r#"{"topic":"t","partition":-1,"offset":1}"#,
        r#"{"topic":"t","partition":2147483648,"offset":1}"#,
        r#"{"topic":"t","partition":0,"offset":-1}"#,
        r#"{"topic":"t","partition":0,"offset":1.5}"#,
        r#"{"topic":"t","partition":0,"offset":"1"}"#,
        r#"{"topic":"t","partition":0,"offset":9223372036854775808}"#,
    ] {
        assert_eq!(code(json), "invalid_field", "{json}");
    }
}

#[test]
fn a_field_that_occurs_twice_is_malformed_but_leaves_the_position_readable() {
    let json = with(r#","value":null,"value":"eA==""#);
    assert_eq!(code(&json), "malformed_record");
    assert_eq!(Fields::read(&json).unwrap().position().unwrap().offset, 1);
    let json = with(r#","offset":2"#);
    assert!(Fields::read(&json).unwrap().position().is_err());
}

#[test]
fn key_and_value_are_standard_base64_with_padding() {
    let json = with(r#","key":"","value":"\u0065A==""#);
    let record = Record::read(&json).unwrap();
    assert_eq!(record.key.as_deref(), Some(&[][..]));
    assert_eq!(record.value.as_deref(), Some(&b"x"[..]));
    for value in ["eA", "e-__", "eA==\\n", "!", "\\ud800"] {
        assert_eq!(
            code(&with(&format!(r#","value":"{value}""#))),
            "invalid_base64",
            "{value}"
        );
    }
    for value in ["7", "{}", "[120]", "false"] {
        assert_eq!(
            code(&with(&format!(r#","key":{value}"#))),
            "invalid_field",
            "{value}"
        );
    }
}

#[test]
fn a_timestamp_is_a_time_or_none() {
    let read = |value: &str| {
        let json = with(&format!(r#","timestamp":{value}"#));
        Record::read(&json)
            .map(|record| record.timestamp_ms)
            .map_err(|error| error.code())
    };
    assert_eq!(read("1790000000123"), Ok(Some(1_790_000_000_123)));
    assert_eq!(read("0"), Ok(Some(0)));
    assert_eq!(read("-1"), Ok(None));
    assert_eq!(read("null"), Ok(None));
    assert_eq!(read("1.5"), Err("invalid_field"));
}

#[test]
fn a_timestamp_type_of_any_form_is_read() {
    let read = |value: &str| {
        Record::read(&with(&format!(r#","timestampType":{value}"#)))
            .unwrap()
            .timestamp_type
    };
    assert_eq!(read(r#""CREATE_TIME""#), TimestampType::CreateTime);
    assert_eq!(read(r#""LOG_APPEND_TIME""#), TimestampType::LogAppendTime);
    assert_eq!(read(r#""NO_TIMESTAMP_TYPE""#), TimestampType::Unspecified);
    assert_eq!(read("7"), TimestampType::Unspecified);
}

#[test]
fn the_last_header_of_a_name_wins() {
    let json = with(r#","headers":[{"a":[49]},{"a":[50],"b":[51]},{"c":[52]},{"c":null}]"#);
    let record = Record::read(&json).unwrap();
    let names: Vec<_> = record
        .headers
        .iter()
        .map(|header| header.name.as_ref())
        .collect();
    assert_eq!(names, ["a", "a", "b", "c", "c"]);
    assert_eq!(record.header_str("a"), Some("2"));
    assert_eq!(record.header_str("b"), Some("3"));
    assert_eq!(record.header("c"), None);
    assert_eq!(record.header("d"), None);
}

#[test]
fn a_header_that_is_not_utf8_has_bytes_and_no_text() {
    let json = with(r#","headers":[{"a":[-1]}]"#);
    let record = Record::read(&json).unwrap();
    assert_eq!(
        (record.header("a"), record.header_str("a")),
        (Some(&[255][..]), None)
    );
}

#[test]
fn a_header_whose_name_is_no_unicode_fails_nothing() {
    let json = with(r#","headers":[{"\udfff":[49]},{"a":[50]}]"#);
    let record = Record::read(&json).unwrap();
    assert_eq!(
        (record.headers.len(), record.header_str("a")),
        (2, Some("2"))
    );
}

#[test]
fn headers_of_undocumented_forms_are_malformed() {
    for headers in [
        "{}",
        "7",
        r#""x""#,
        "[null]",
        "[7]",
        "[[49]]",
        r#"[{"a":"MQ=="}]"#,
        r#"[{"a":{}}]"#,
        r#"[{"a":[256]}]"#,
        r#"[{"a":[-129]}]"#,
        r#"[{"a":[1.0]}]"#,
        r#"[{"a":[null]}]"#,
        r#"[{"a":[99999999999999999999]}]"#,
    ] {
        assert_eq!(
            code(&with(&format!(r#","headers":{headers}"#))),
            "invalid_header",
            "{headers}"
        );
    }
}

#[test]
fn schema_metadata_never_fails_a_record() {
    let read = |value: &str| {
        let json = with(&format!(r#","keySchemaMetadata":{value}"#));
        let schema = Record::read(&json).unwrap().key_schema?;
        Some((
            format!("{:?}", schema.data_format),
            schema.schema_id.map(Cow::into_owned),
        ))
    };
    let some = |format: &str, id: &str| Some((format.to_owned(), Some(id.to_owned())));
    assert_eq!(
        read(r#"{"dataFormat":"AVRO","schemaId":"12"}"#),
        some("Some(Avro)", "12")
    );
    assert_eq!(
        read(r#"{"dataFormat":"JSON","schemaId":12}"#),
        some("Some(Json)", "12")
    );
    assert_eq!(
        read(r#"{"dataFormat":"PROTOBUF","schemaId":"a"}"#),
        some("Some(Protobuf)", "a")
    );
    assert_eq!(
        read(r#"{"dataFormat":"X","schemaId":"a"}"#),
        some(r#"Some(Other("X"))"#, "a")
    );
    assert_eq!(read(r#"{"schemaId":[]}"#), Some(("None".to_owned(), None)));
    assert_eq!(read("7"), None);
    assert_eq!(read("null"), None);
}

#[test]
fn a_message_never_repeats_what_the_record_carries() {
    for members in [
        r#","value":"secret!""#,
        r#","value":{"secret":1}"#,
        r#","headers":[{"secret":"x"}]"#,
    ] {
        let json = with(members);
        let mut error: Option<&dyn std::error::Error> = Some(&Record::read(&json).unwrap_err());
        while let Some(cause) = error {
            assert!(!format!("{cause} {cause:?}").contains("secret"));
            error = cause.source();
        }
    }
}
