//! The schemas are true: the canonical form of every sample is valid, and what lacks a required
//! field or has another type is not.
//!
//! The validator knows the keywords that are in use and fails on any other, so that no part of a
//! schema goes unchecked. Formats and patterns are left to the readers' own tests.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod support;

use event_schema::{
    Event,
    catalogue::{self, EventVisitor},
    documents,
};
use serde_json::{Value, json};

fn is_valid(schema: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().unwrap();
    keywords
        .iter()
        .all(|(keyword, rule)| holds(keyword, rule, value))
}

fn holds(keyword: &str, rule: &Value, value: &Value) -> bool {
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let items = value.as_array().map(|items| items.len() as u64);
    let fields = value.as_object().map(|fields| fields.len() as u64);
    let at_least = |found: Option<u64>| found.is_none_or(|found| found >= rule.as_u64().unwrap());
    let at_most = |found: Option<u64>| found.is_none_or(|found| found <= rule.as_u64().unwrap());
    match keyword {
        "$schema" | "title" | "description" | "default" | "examples" | "format" | "pattern" => true,
        "type" => has_type(rule, value),
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "anyOf" => rule
            .as_array()
            .unwrap()
            .iter()
            .any(|schema| is_valid(schema, value)),
        "required" => rule
            .as_array()
            .unwrap()
            .iter()
            .all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => rule
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, schema)| value.get(name).is_none_or(|value| is_valid(schema, value))),
        "additionalProperties" => value
            .as_object()
            .is_none_or(|fields| fields.values().all(|one| is_valid(rule, one))),
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|one| is_valid(rule, one))),
        "minimum" => value
            .as_f64()
            .is_none_or(|found| found >= rule.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|found| found <= rule.as_f64().unwrap()),
        "minLength" => at_least(length),
        "maxLength" => at_most(length),
        "minItems" => at_least(items),
        "maxItems" => at_most(items),
        "maxProperties" => at_most(fields),
        unknown => panic!("the validator does not know `{unknown}`"),
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        unknown => panic!("the validator does not know the type `{unknown}`"),
    };
    rule.as_array()
        .map_or_else(|| is(rule), |names| names.iter().any(is))
}

/// Returns the fields that a schema requires; some payments' schemas require none.
fn required(schema: &Value) -> Vec<String> {
    let names = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

struct Describes;

impl EventVisitor for Describes {
    fn event<E: Event>(&mut self) {
        let schema = documents::schema::<E>();
        for sample in support::samples(E::SPEC.event_type) {
            let written = support::read::<E>(&sample.json).write().unwrap();
            let canonical: Value = serde_json::from_str(&written).unwrap();
            assert!(is_valid(&schema, &canonical), "{}: {written}", sample.case);

            for field in required(&schema) {
                let mut lacking = canonical.clone();
                lacking.as_object_mut().unwrap().remove(&field);
                assert!(!is_valid(&schema, &lacking));
            }
            for field in canonical.as_object().unwrap().keys() {
                let mut retyped = canonical.clone();
                retyped[field] = json!(true);
                assert!(!is_valid(&schema, &retyped), "{field}");
            }
        }
    }
}

#[test]
fn a_schema_describes_the_canonical_form_and_nothing_of_another_type() {
    catalogue::visit(&mut Describes);
}

struct Requires;

impl EventVisitor for Requires {
    fn event<E: Event>(&mut self) {
        let full: Value =
            serde_json::from_str(&support::sample(E::SPEC.event_type, "full")).unwrap();
        for field in required(&documents::schema::<E>()) {
            let mut lacking = full.clone();
            lacking.as_object_mut().unwrap().remove(&field);
            let error = serde_json::from_value::<E>(lacking).unwrap_err();
            assert!(
                error.to_string().starts_with("missing field"),
                "{field}: {error}"
            );
        }
    }
}

#[test]
fn what_a_schema_requires_the_reader_requires() {
    catalogue::visit(&mut Requires);
}

struct LeavesTheEnvelope;

impl EventVisitor for LeavesTheEnvelope {
    fn event<E: Event>(&mut self) {
        let payload = schemars::schema_for!(E).to_value();
        for name in ["event_id", "event_type", "schema_version", "timestamp"] {
            assert!(
                payload["properties"].get(name).is_none(),
                "{} has {name}",
                E::SPEC.event_type
            );
        }
    }
}

#[test]
fn no_payload_has_a_field_of_the_envelope() {
    catalogue::visit(&mut LeavesTheEnvelope);
}
