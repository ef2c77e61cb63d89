//! Every frozen sample is still read, and still means what it meant.
//!
//! `tests/corpus/v1/<event_type>/<case>.json` are values as producers send them, beside their
//! canonical form. Neither is ever rewritten; `UPDATE_GOLDEN=1` only adds the canonical form of a
//! sample that has none yet.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod support;

use std::{collections::BTreeSet, fs};

use event_schema::{
    Event, SchemaVersion,
    catalogue::{self, EVENTS, EventVisitor},
    documents,
};
use serde_json::Value;

/// What every event type has samples of.
const CASES: [&str; 5] = ["full", "minimal", "legacy", "unknown-fields", "integer-ids"];

/// Brings a frozen form to the version that is written now: a minor version changes nothing else.
fn in_current_version<E: Event>(frozen: &str) -> String {
    let version = |version: SchemaVersion| format!(r#""schema_version":"{version}""#);
    frozen.trim_end().replacen(
        &version(SchemaVersion::V1_0),
        &version(E::SPEC.schema_version),
        1,
    )
}

struct Decodes;

impl EventVisitor for Decodes {
    fn event<E: Event>(&mut self) {
        for sample in support::samples(E::SPEC.event_type) {
            let name = format!("{}/{}", E::SPEC.event_type, sample.case);
            let written = support::read::<E>(&sample.json).write().unwrap();
            if !sample.canonical.exists() {
                let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
                assert!(
                    update,
                    "{name} has no canonical form: run `UPDATE_GOLDEN=1 cargo test -p event-schema`"
                );
                fs::write(&sample.canonical, format!("{written}\n")).unwrap();
            }
            let frozen = fs::read_to_string(&sample.canonical).unwrap();
            assert_eq!(written, in_current_version::<E>(&frozen), "{name}");
            assert_eq!(
                support::read::<E>(&written).write().unwrap(),
                written,
                "{name} again"
            );
        }
    }
}

#[test]
fn every_sample_decodes_to_its_frozen_canonical_form() {
    catalogue::visit(&mut Decodes);
}

#[test]
fn every_event_type_has_a_sample_of_every_kind() {
    for spec in EVENTS {
        let samples = support::samples(spec.event_type);
        let cases: BTreeSet<_> = samples.iter().map(|one| one.case.as_str()).collect();
        for case in CASES {
            assert!(
                cases.contains(case),
                "{} has no sample `{case}`",
                spec.event_type
            );
        }
    }
}

struct Covers;

impl EventVisitor for Covers {
    fn event<E: Event>(&mut self) {
        let mut fields = BTreeSet::new();
        for sample in support::samples(E::SPEC.event_type) {
            let canonical: Value =
                serde_json::from_str(&support::read::<E>(&sample.json).write().unwrap()).unwrap();
            fields.extend(canonical.as_object().unwrap().keys().cloned());
        }
        for field in documents::schema::<E>()["properties"]
            .as_object()
            .unwrap()
            .keys()
        {
            assert!(
                fields.contains(field),
                "no sample of {} has {field}",
                E::SPEC.event_type
            );
        }
    }
}

#[test]
fn the_samples_of_a_type_cover_all_its_fields() {
    catalogue::visit(&mut Covers);
}

/// Returns the value with its names in camelCase, but for the names that are data.
fn in_camel_case(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let is_data = ["data", "tags"].contains(&name.as_str());
                let value = if is_data { value } else { in_camel_case(value) };
                (camel_case(&name), value)
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(in_camel_case).collect(),
        scalar => scalar,
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| {
        name + &word[..1].to_uppercase() + &word[1..]
    })
}

struct InCamelCase;

impl EventVisitor for InCamelCase {
    fn event<E: Event>(&mut self) {
        let full = support::sample(E::SPEC.event_type, "full");
        let mut value = in_camel_case(serde_json::from_str(&full).unwrap());
        value["eventType"] = E::SPEC.legacy_types[0].into();
        let camel_case = support::read::<E>(&value.to_string());
        let snake_case = support::read::<E>(&full);
        assert_eq!(camel_case.write().unwrap(), snake_case.write().unwrap());
    }
}

#[test]
fn every_field_is_also_read_by_its_camel_case_name() {
    catalogue::visit(&mut InCamelCase);
}
