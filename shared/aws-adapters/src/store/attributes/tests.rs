//! Bodies come back from attributes as they went in, or are refused.

use serde_json::json;

use super::*;

fn key() -> ItemKey {
    ItemKey {
        table: "t",
        partition: "p".into(),
        sort: "s".into(),
    }
}

fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => panic!("an object, not {other}"),
    }
}

#[test]
fn a_body_comes_back_as_it_went_in() {
    let body = body(json!({
        "text": "", "whole": -7, "least": i64::MIN, "most": i64::MAX, "decimal": "1.50",
        "yes": true, "nothing": null, "list": [1, "a", [null]], "map": {"pk": 1, "b": {"c": []}},
    }));
    let item = item_attributes(&key(), &body, 3).unwrap();
    let (partition, sort, stored) = read_item(item);
    assert_eq!((partition.as_str(), sort.as_str()), ("p", "s"));
    assert_eq!(stored, Stored { version: 3, body });
}

#[test]
fn reserved_names_are_refused() {
    for name in [PARTITION, SORT, VERSION] {
        let body = Body::from_iter([(name.to_owned(), json!(1))]);
        let refused = item_attributes(&key(), &body, 1).unwrap_err();
        assert!(matches!(refused, InvalidWriteError::ReservedName { .. }));
    }
}

#[test]
fn numbers_that_would_come_back_as_strings_are_refused() {
    for value in [json!(0.5), json!(u64::MAX), json!([{"deep": 1e300}])] {
        let body = Body::from_iter([("n".to_owned(), value)]);
        let refused = item_attributes(&key(), &body, 1).unwrap_err();
        assert!(matches!(refused, InvalidWriteError::NumberNotWhole { .. }));
    }
}

#[test]
fn nesting_beyond_the_services_limit_is_refused() {
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let item = |levels| {
        item_attributes(
            &key(),
            &Body::from_iter([("n".to_owned(), nested(levels))]),
            1,
        )
    };
    assert!(item(NESTING_LEVELS_MAX).is_ok());
    assert!(matches!(
        item(NESTING_LEVELS_MAX + 1),
        Err(InvalidWriteError::NestedTooDeep { .. })
    ));
}

#[test]
fn only_whole_numbers_of_64_bits_are_json_numbers() {
    let read = |text: &str| read_number(text.to_owned());
    assert_eq!(read("12"), json!(12));
    assert_eq!(read("12.0"), json!(12));
    assert_eq!(read("1E+2"), json!(100));
    assert_eq!(read("12.5"), json!("12.5"));
    assert_eq!(read("9223372036854775808"), json!("9223372036854775808"));
    assert_eq!(read("1E+120"), json!("1E+120"));
}

#[test]
fn what_other_writers_made_is_read_as_the_nearest_json() {
    let item = Attributes::from([
        (PARTITION.to_owned(), AttributeValue::S("p".into())),
        (SORT.to_owned(), AttributeValue::S("s".into())),
        (
            "set".to_owned(),
            AttributeValue::Ns(vec!["1".into(), "2.5".into()]),
        ),
        ("bytes".to_owned(), AttributeValue::B(b"hi".to_vec().into())),
    ]);
    let (_, _, stored) = read_item(item);
    assert_eq!(stored.version, 0);
    assert_eq!(
        Value::Object(stored.body),
        json!({"set": [1, "2.5"], "bytes": "aGk="})
    );
}
