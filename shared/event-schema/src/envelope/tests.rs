//! Values are read tolerantly, written canonically, and refused without being quoted.

use super::*;
use crate::{
    InvalidEvent,
    events::{ErrorLogged, NotificationRequested, OrderCreated, ReservationCreated},
};

fn read<E: Event>(value: &str) -> Result<Read<E>, ReadError> {
    Envelope::read(value.as_bytes(), Hints::default())
}

fn event<E: Event>(value: &str, hints: Hints<'_>) -> Envelope<E> {
    match Envelope::read(value.as_bytes(), hints) {
        Ok(Read::Event(envelope)) => envelope,
        other => panic!("{value} is read as {other:?}"),
    }
}

fn error(value: &str) -> ReadError {
    match read::<OrderCreated>(value) {
        Err(error) => error,
        Ok(read) => panic!("{value} is read as {read:?}"),
    }
}

const ORDER: &str = r#""user_id":"u","items":[{"product_id":"p","quantity":1}]"#;

fn order(more: &str) -> String {
    format!("{{{ORDER}{more}}}")
}

#[test]
fn a_value_without_envelope_is_taken_for_what_its_topic_carries() {
    let order: Envelope<OrderCreated> = event(&order(""), Hints::default());
    assert_eq!(order.event_id, None);
    assert_eq!(order.timestamp, None);
    assert_eq!(order.schema_version, SchemaVersion::V1_0);
}

#[test]
fn hints_fill_in_what_the_value_lacks_and_nothing_else() {
    let hints = Hints {
        event_id: Some("hinted"),
        event_type: Some("order.created"),
        timestamp: Some("2025-01-15T10:30:00Z"),
        topic: None,
    };
    let filled: Envelope<OrderCreated> = event(&order(r#","event_id":null"#), hints);
    assert_eq!(filled.event_id, EventId::new("hinted").ok());
    assert_eq!(
        filled.timestamp,
        Some(Timestamp::from_ms(1_736_937_000_000))
    );

    let own = order(r#","eventId":7,"eventType":"ORDER_CREATED","timestamp":0"#);
    let hints = Hints {
        event_type: Some("payment.failed"),
        ..hints
    };
    let own: Envelope<OrderCreated> = event(&own, hints);
    assert_eq!(own.event_id, EventId::new("7").ok());
    assert_eq!(own.timestamp, Some(Timestamp::from_ms(0)));
}

#[test]
fn an_invalid_hinted_id_is_an_error_and_an_invalid_hinted_timestamp_is_none() {
    let value = order("");
    let hints = Hints {
        event_id: Some(""),
        ..Hints::default()
    };
    let read = Envelope::<OrderCreated>::read(value.as_bytes(), hints);
    assert_eq!(read, Err(ReadError::InvalidEventId));
    let hints = Hints {
        timestamp: Some("noon"),
        ..Hints::default()
    };
    assert_eq!(event::<OrderCreated>(&value, hints).timestamp, None);
}

#[test]
fn another_type_is_told_apart_before_anything_else_is_looked_at() {
    for name in [
        "payment.failed",
        "PAYMENT_FAILED",
        "never.heard-of",
        "order.Created",
    ] {
        let value = format!(r#"{{"eventType":"{name}","schema_version":"9","event_id":[]}}"#);
        let read = read::<OrderCreated>(&value);
        assert_eq!(read, Ok(Read::OtherType(name.to_owned())));
    }
    let hints = Hints {
        event_type: Some("payment.failed"),
        ..Hints::default()
    };
    let read = Envelope::<OrderCreated>::read(order("").as_bytes(), hints);
    assert_eq!(read, Ok(Read::OtherType("payment.failed".to_owned())));
}

#[test]
fn a_higher_minor_version_is_read_and_an_unknown_major_one_is_not() {
    for (version, minor) in [(r#""1""#, 0), ("1", 0), (r#""1.7""#, 7), ("1.10", 10)] {
        let value = order(&format!(r#","schemaVersion":{version},"new_field":[1]"#));
        let order: Envelope<OrderCreated> = event(&value, Hints::default());
        assert_eq!(order.schema_version, SchemaVersion::new(1, minor));
        assert!(order.write().unwrap().contains(r#""schema_version":"1.0""#));
    }
    for version in [r#""2.0""#, "0", "2"] {
        let error = error(&order(&format!(r#","schema_version":{version}"#)));
        assert_eq!(error.code(), "unsupported_schema_version");
    }
}

#[test]
fn each_error_has_its_code_and_names_its_field() {
    for (value, code, text) in [
        (
            "",
            "invalid_json",
            "the value is not JSON (line 1, column 0)",
        ),
        (
            "{",
            "invalid_json",
            "the value is not JSON (line 1, column 1)",
        ),
        (
            "{} {}",
            "invalid_json",
            "the value is not JSON (line 1, column 4)",
        ),
        ("[]", "not_an_object", "the value is not a JSON object"),
        ("null", "not_an_object", "the value is not a JSON object"),
        ("{}", "missing_field", "`user_id` is missing"),
        (
            r#"{"userId":1,"items":[{"qty":1}]}"#,
            "missing_field",
            "`items[0].product_id` is missing",
        ),
        (
            r#"{"userId":1,"items":[{"productId":"p","qty":"two"}]}"#,
            "invalid_field",
            "`items[0].qty` is not u32",
        ),
        (
            r#"{"userId":1,"user_id":1,"items":[]}"#,
            "duplicate_field",
            "`user_id` is there twice",
        ),
        (
            r#"{"userId":1,"items":[{"qty":1,"quantity":1,"product_id":1}]}"#,
            "duplicate_field",
            "`items[0].quantity` is there twice",
        ),
        (
            r#"{"eventId":1,"event_id":1}"#,
            "duplicate_field",
            "`event_id` is there twice",
        ),
        (
            r#"{"userId":1,"items":[],"totalAmount":"a lot"}"#,
            "invalid_field",
            "`totalAmount` is not a decimal number of at most 28 digits",
        ),
        (r#"{"event_type":7}"#, "invalid_event_type", ""),
        (r#"{"event_type":""}"#, "invalid_event_type", ""),
        (r#"{"schema_version":"one"}"#, "invalid_schema_version", ""),
        (&order(r#","event_id":1.5"#), "invalid_event_id", ""),
        (
            &order(r#","timestamp":"2025-01-15 10:30""#),
            "invalid_timestamp",
            "",
        ),
        (
            r#"{"userId":1,"items":[]}"#,
            "invalid_event",
            "the event breaks a rule of its type",
        ),
        (&format!("{{\"a\":{}", "[".repeat(64)), "value_too_deep", ""),
    ] {
        let error = error(value);
        assert_eq!(error.code(), code, "{value}");
        assert!(error.to_string().contains(text), "{value}: {error}");
    }
}

#[test]
fn an_error_keeps_the_broken_rule_as_its_source() {
    let error = error(r#"{"userId":1,"items":[]}"#);
    let source = std::error::Error::source(&error).unwrap();
    let rule = source.downcast_ref::<InvalidEvent>().unwrap();
    assert_eq!(rule.path(), "items");
}

#[test]
fn error_texts_quote_nothing_of_the_value() {
    let secret = "ada@example.com, expected missing field `ada` at line 1";
    for json in [
        format!(r#"{{"userId":{{"{secret}":1}},"items":[]}}"#),
        format!(r#"{{"userId":1,"items":"{secret}"}}"#),
        format!(r#"{{"userId":1,"items":[{{"productId":"p","qty":"{secret}"}}]}}"#),
        format!(r#"{{"userId":1,"items":[],"totalAmount":"{secret}"}}"#),
        format!(r#"{{"userId":1,"items":[],"{secret}":nul}}"#),
        format!(r#"{{"userId":1,"items":[],"event_id":["{secret}"]}}"#),
    ] {
        let error = error(&json);
        assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    }
    let json = format!(r#"{{"recipient":"r","kind":"k","data":{{"{secret}":[]}}}}"#);
    let error = read::<NotificationRequested>(&json).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`data` is not a flat map of at most 64 texts"
    );
}

#[test]
fn the_canonical_form_is_flat_and_begins_with_the_envelope() {
    let mut reservation: Envelope<ReservationCreated> = event(
        r#"{"eventType":"RESERVATION_CREATED","reservationId":1,"userId":123,"concertId":456}"#,
        Hints::default(),
    );
    reservation.event_id = EventId::new("e-1").ok();
    reservation.timestamp = Some(Timestamp::from_ms(0));
    assert_eq!(
        reservation.write().unwrap(),
        concat!(
            r#"{"event_id":"e-1","event_type":"reservation.created","schema_version":"1.0","#,
            r#""timestamp":"1970-01-01T00:00:00.000Z","reservation_id":"1","user_id":"123","#,
            r#""concert_id":"456"}"#,
        )
    );
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let mut order: Envelope<OrderCreated> = event(&order(""), Hints::default());
    order.payload.items.clear();
    assert_eq!(order.write().unwrap_err().code(), "invalid_published_event");

    let data = (0..LARGE_LABELS).map(|n| (n.to_string(), "x".repeat(32 * 1024)));
    let mut large: Envelope<NotificationRequested> =
        event(r#"{"recipient":"r","kind":"k"}"#, Hints::default());
    large.payload.data = data.collect();
    assert_eq!(
        large.write().unwrap_err().code(),
        "published_event_too_large"
    );
}

const LARGE_LABELS: usize = 32;

const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn claimed(more: &str, size: usize) -> String {
    format!(
        r#"{{{more}"claim_check":{{"bucket":"large","key":"payloads/{SHA256}","size":{size},"sha256":"{SHA256}"}}}}"#
    )
}

#[test]
fn a_value_that_lies_elsewhere_is_written_as_its_envelope_and_the_reference() {
    let check = ClaimCheck::of_payload("large", 7, SHA256).unwrap();
    let mut order: Envelope<OrderCreated> = event(&order(""), Hints::default());
    order.event_id = Some(EventId::new("e-1").unwrap());
    let written = order.write_claim_check(&check).unwrap();
    let envelope = r#""event_id":"e-1","event_type":"order.created","schema_version":"1.0","#;
    assert_eq!(written, claimed(envelope, 7));
    let event_id = order.event_id;
    let expected = Read::ClaimCheck(Claimed { event_id, check });
    assert_eq!(read::<OrderCreated>(&written), Ok(expected));
}

#[test]
fn a_reference_of_another_type_is_ignored_and_one_with_a_wrong_envelope_is_refused() {
    let other = read::<ReservationCreated>(&claimed(r#""event_type":"order.created","#, 7));
    assert_eq!(other, Ok(Read::OtherType("order.created".to_owned())));
    for (more, code) in [
        (r#""event_id":"","#, "invalid_event_id"),
        (r#""schema_version":"2.0","#, "unsupported_schema_version"),
        (r#""timestamp":"x","#, "invalid_timestamp"),
        (r#""claim_check":{},"#, "duplicate_field"),
    ] {
        assert_eq!(error(&claimed(more, 7)).code(), code);
    }
}

#[test]
fn a_reference_has_to_be_of_its_form_and_to_a_value_that_would_be_read() {
    for json in ["7", "{}", r#""payloads/x""#, "[]"] {
        let refused = error(&order(&format!(r#","claim_check":{json}"#)));
        assert_eq!(refused.code(), "invalid_claim_check", "{json}");
    }
    assert!(read::<OrderCreated>(&claimed("", VALUE_BYTES_MAX)).is_ok());
    let refused = error(&claimed("", VALUE_BYTES_MAX + 1));
    assert_eq!(refused.code(), "value_too_large");
    let null: Envelope<OrderCreated> = event(&order(r#","claim_check":null"#), Hints::default());
    assert_eq!(null.payload.user_id.as_str(), "u");
}

#[test]
fn an_event_is_written_whole_beyond_what_its_topic_takes() {
    let mut log: Envelope<ErrorLogged> = event(r#"{"service":"s","message":""}"#, Hints::default());
    let around = log.write().unwrap().len();
    for (bytes, on_topic, whole) in [
        (WRITTEN_BYTES_MAX, true, true),
        (WRITTEN_BYTES_MAX + 1, false, true),
        (VALUE_BYTES_MAX, false, true),
        (VALUE_BYTES_MAX + 1, false, false),
    ] {
        log.payload.message = "m".repeat(bytes - around);
        assert_eq!(log.write().is_ok(), on_topic, "{bytes}");
        assert_eq!(log.write_whole().is_ok(), whole, "{bytes}");
    }
}
