//! What a body may hold, and what is said of one that may not.

use serde_json::json;

use super::*;

/// Pointers and codes of all that is wrong.
fn problems(body: &Value) -> Vec<(String, String)> {
    let problems = NewOrder::read(body).unwrap_err();
    problems
        .into_iter()
        .map(|problem| (problem.pointer, problem.code))
        .collect()
}

fn problem(body: &Value) -> (String, String) {
    let [problem] = &problems(body)[..] else {
        panic!("one problem in {body}: {:?}", problems(body))
    };
    problem.clone()
}

/// An order with one field changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = json!({ "user_id": "u-1", "items": [{ "product_id": "p-1", "quantity": 2 }] });
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value);
    body
}

fn of(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[test]
fn the_least_and_the_most_of_everything_is_read() {
    let line = json!({ "product_id": "P:1@x.y_z-9", "quantity": QUANTITY_MAX,
        "unit_price": AMOUNT_MAX.to_string() });
    for body in [
        json!({ "user_id": "1", "items": [{ "product_id": "p", "quantity": 1 }] }),
        json!({ "user_id": "u".repeat(ID_CHARS_MAX), "items": vec![line; ORDER_LINES_MAX],
            "total_amount": "0.0001", "coupon_id": "c-1" }),
    ] {
        let order = NewOrder::read(&body).unwrap();
        assert_eq!(order.items.len(), body["items"].as_array().unwrap().len());
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let body = json!({
        "user": "u-1", "total_amount": true,
        "items": [{ "product_id": "p-1", "quantity": 0 }, { "product_id": "" , "quantity": "2" }, 7],
    });
    assert_eq!(
        problems(&body),
        [
            of("/user", "unknown_field"),
            of("/user_id", "missing_field"),
            of("/items/0/quantity", "out_of_range"),
            of("/items/1/product_id", "wrong_length"),
            of("/items/1/quantity", "wrong_type"),
            of("/items/2", "wrong_type"),
            of("/total_amount", "wrong_type"),
        ]
    );
}

#[test]
fn a_body_is_an_object() {
    for body in [json!(null), json!([]), json!("order"), json!(1)] {
        assert_eq!(problem(&body), of("", "wrong_type"));
    }
}

#[test]
fn an_order_has_one_to_fifty_lines() {
    let line = json!({ "product_id": "p-1", "quantity": 1 });
    for lines in [0, ORDER_LINES_MAX + 1] {
        let body = with("/items", json!(vec![line.clone(); lines]));
        assert_eq!(problem(&body), of("/items", "wrong_length"));
    }
    assert_eq!(
        problem(&with("/items", json!({}))),
        of("/items", "wrong_type")
    );
}

#[test]
fn an_id_is_short_and_of_few_characters() {
    for (value, code) in [
        (json!(1), "wrong_type"),
        (json!(null), "wrong_type"),
        (json!(""), "wrong_length"),
        (json!("u".repeat(ID_CHARS_MAX + 1)), "wrong_length"),
        (json!("u 1"), "wrong_format"),
        (json!("-u"), "wrong_format"),
        (json!("ü"), "wrong_format"),
        (json!("u\n"), "wrong_format"),
    ] {
        assert_eq!(problem(&with("/user_id", value)), of("/user_id", code));
    }
    assert_eq!(
        problem(&with("/coupon_id", json!(null))),
        of("/coupon_id", "wrong_type")
    );
}

#[test]
fn a_quantity_is_a_whole_number_in_its_range() {
    for value in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1_000_001),
        json!(1e300),
        json!(-0.0),
    ] {
        let body = with(
            "/items",
            json!([{ "product_id": "p-1", "quantity": value }]),
        );
        assert_eq!(
            problem(&body),
            of("/items/0/quantity", "out_of_range"),
            "{value}"
        );
    }
    let body = with("/items", json!([{ "product_id": "p-1", "quantity": 3.0 }]));
    assert_eq!(NewOrder::read(&body).unwrap().items[0].quantity, 3);
}

#[test]
fn an_amount_is_exact() {
    for (value, amount) in [
        (json!(0), "0"),
        (json!(30_000), "30000"),
        (json!(30_000.0), "30000"),
        (json!("199.90"), "199.90"),
        (json!("0.0001"), "0.0001"),
        (json!("999999999999.9999"), "999999999999.9999"),
    ] {
        let order = NewOrder::read(&with("/total_amount", value)).unwrap();
        assert_eq!(order.total_amount, Some(amount.parse().unwrap()));
    }
    for (value, code) in [
        (json!(-1), "out_of_range"),
        (json!(0.5), "out_of_range"),
        (json!(1_000_000_000_000_u64), "out_of_range"),
        (json!("1000000000000"), "wrong_format"),
        (json!("1.00000"), "wrong_format"),
        (json!("01"), "wrong_format"),
        (json!("1."), "wrong_format"),
        (json!(".5"), "wrong_format"),
        (json!("-1"), "wrong_format"),
        (json!("1e3"), "wrong_format"),
        (json!("1\n"), "wrong_format"),
        (json!("١"), "wrong_format"),
        (json!([]), "wrong_type"),
    ] {
        let body = with("/total_amount", value.clone());
        assert_eq!(problem(&body), of("/total_amount", code), "{value}");
    }
}

#[test]
fn a_pointer_escapes_what_pointers_are_made_of() {
    assert_eq!(
        problem(&with("/a~b", json!(1))),
        of("/a~0b", "unknown_field")
    );
    let mut body = with("/a", json!(1));
    let fields = body.as_object_mut().unwrap();
    fields.remove("a");
    fields.insert("a/b".to_owned(), json!(1));
    assert_eq!(problem(&body), of("/a~1b", "unknown_field"));
}

#[test]
fn a_body_of_nothing_but_faults_has_a_bounded_answer() {
    let fields = (0..10_000).map(|n| (format!("field-{n}"), json!(n)));
    let body = Value::Object(fields.collect());
    assert_eq!(problems(&body).len(), crate::FIELD_PROBLEMS_MAX);
}

#[test]
fn no_problem_quotes_a_value() {
    let body = json!({ "user_id": "se cret", "items": "se cret", "total_amount": "se cret" });
    let problems = NewOrder::read(&body).unwrap_err();
    assert_eq!(problems.len(), 3);
    assert!(
        problems
            .iter()
            .all(|problem| !problem.detail.contains("cret"))
    );
}
