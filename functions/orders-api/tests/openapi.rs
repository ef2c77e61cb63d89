//! `openapi.json` is what the code says: `UPDATE_GOLDEN=1` writes it anew.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p orders-api --test openapi";

fn document() -> Value {
    serde_json::from_str(&orders_api::openapi()).unwrap()
}

#[test]
fn the_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = orders_api::openapi();
    if fs::read_to_string(&path).unwrap_or_default() == text {
        return;
    }
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    assert!(
        is_update,
        "openapi.json is not what the code says: run `{COMMAND}`"
    );
    fs::write(&path, text).unwrap();
}

/// Calls `found` with every reference of a document.
fn references<'a>(value: &'a Value, found: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found(reference);
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_to_a_schema() {
    let document = document();
    let mut count = 0;
    references(&document, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
        count += 1;
    });
    assert!(count > 5, "{count} references");
}

#[test]
fn the_schema_of_a_new_order_has_the_limits_that_reading_has() {
    let document = document();
    let schema = &document["components"]["schemas"]["NewOrder"];
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["user_id", "items"]));
    assert_eq!(schema["properties"]["items"]["minItems"], 1);
    assert_eq!(schema["properties"]["items"]["maxItems"], 50);
    let line = &document["components"]["schemas"]["NewLine"];
    assert_eq!(line["additionalProperties"], false);
    assert_eq!(line["properties"]["quantity"]["maximum"], 1_000_000);
}
