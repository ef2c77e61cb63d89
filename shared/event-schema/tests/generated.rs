//! The documents below `events/` are what the code says: `UPDATE_GOLDEN=1` writes them anew.
//!
//! The documents are also checked for what a reader of theirs relies on: references that resolve.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use event_schema::{
    catalogue::{EVENTS, FUNCTIONS},
    documents,
};
use serde_json::Value;

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p event-schema";

fn events_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

#[test]
fn the_documents_are_what_the_code_says() {
    for document in documents::all() {
        let path = events_folder().join(&document.path);
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found == document.text {
            continue;
        }
        assert!(
            is_update(),
            "events/{} is not what the code says: run `{COMMAND}`",
            document.path
        );
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &document.text).unwrap();
    }
}

#[test]
fn no_schema_is_left_of_a_type_that_is_gone() {
    let expected: BTreeSet<String> = documents::all().into_iter().map(|one| one.path).collect();
    for entry in fs::read_dir(events_folder().join("schemas"))
        .into_iter()
        .flatten()
    {
        let path = entry.unwrap().path();
        let name = format!("schemas/{}", path.file_name().unwrap().to_str().unwrap());
        if expected.contains(&name) {
            continue;
        }
        assert!(
            is_update(),
            "events/{name} belongs to no event type: run `{COMMAND}`"
        );
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_documents_are_the_same_each_time() {
    assert_eq!(documents::all(), documents::all());
}

/// Calls `found` with every reference of a document.
fn references<'a>(value: &'a Value, found: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(reference)) => found(reference),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Returns what a reference such as `#/components/messages/order.created` points at.
fn resolve<'a>(document: &'a Value, reference: &Value) -> Option<&'a Value> {
    let reference = reference.get("$ref")?.as_str()?;
    document.pointer(reference.strip_prefix('#')?)
}

#[test]
fn every_reference_of_the_asyncapi_document_resolves() {
    let document = documents::asyncapi();
    let mut count = 0;
    references(&document, &mut |reference| {
        count += 1;
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} points at nothing"
        );
    });
    // A channel, its payload and its headers for each type at least.
    assert!(count >= 3 * EVENTS.len(), "{count} references");
}

#[test]
fn the_asyncapi_document_has_the_parts_that_version_3_asks_for() {
    let document = documents::asyncapi();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    assert_eq!(
        document["channels"].as_object().unwrap().len(),
        EVENTS.len()
    );
    for (topic, channel) in document["channels"].as_object().unwrap() {
        assert_eq!(channel["address"], Value::from(topic.as_str()));
        for (name, message) in channel["messages"].as_object().unwrap() {
            let message = resolve(&document, message).unwrap();
            assert_eq!(message["name"], Value::from(name.as_str()));
            let payload = resolve(&document, &message["payload"]).unwrap();
            assert_eq!(
                payload["properties"]["event_type"]["const"],
                message["name"]
            );
        }
    }
}

#[test]
fn every_operation_belongs_to_its_channel_and_a_function() {
    let document = documents::asyncapi();
    let operations = document["operations"].as_object().unwrap();
    let expected: usize = FUNCTIONS
        .iter()
        .map(|one| one.reads.len() + one.publishes.len())
        .sum();
    assert_eq!(operations.len(), expected);
    for (name, operation) in operations {
        let action = operation["action"].as_str().unwrap();
        assert!(["receive", "send"].contains(&action), "{name}");
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        assert!(
            resolve(&document, &operation["channel"]).is_some(),
            "{name}"
        );
        for message in operation["messages"].as_array().unwrap() {
            // AsyncAPI 3: an operation names messages by way of its channel.
            assert!(
                message["$ref"].as_str().unwrap().starts_with(channel),
                "{name}"
            );
        }
    }
}

/// `AsyncAPI` 3 allows these characters in the names of components.
#[test]
fn the_names_of_components_are_allowed() {
    let document = documents::asyncapi();
    for (_, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            assert!(name.chars().all(allowed), "{name}");
        }
    }
}

#[test]
fn the_catalogue_document_names_every_type_and_function() {
    let catalog = documents::catalog();
    let names = |list: &str, field: &str| -> Vec<String> {
        let list = catalog[list].as_array().unwrap().iter();
        list.map(|one| one[field].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("events", "event_type"),
        EVENTS.iter().map(|e| e.event_type).collect::<Vec<_>>()
    );
    assert_eq!(
        names("functions", "name"),
        FUNCTIONS.iter().map(|f| f.name).collect::<Vec<_>>()
    );
    for schema in names("events", "schema") {
        assert!(
            documents::all().iter().any(|one| one.path == schema),
            "{schema}"
        );
    }
}
