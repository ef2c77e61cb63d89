//! The current schemas against those of the released version, frozen in `tests/corpus/v1`.
//!
//! Within a major version, old readers read new events and new readers old ones: fields may be
//! added if they are optional, and nothing else. A release adds what is new to the frozen files.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod support;

use std::{collections::BTreeSet, fs};

use event_schema::documents;
use serde_json::{Value, json};

/// Keywords that say what kind of thing a value is; a change of one is a change of type.
const KINDS: [&str; 4] = ["type", "const", "format", "pattern"];
const LOWER_LIMITS: [&str; 3] = ["minimum", "minLength", "minItems"];
const UPPER_LIMITS: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];

/// Lists what the current schema breaks of the released one; nothing, if they are compatible.
fn breaks(path: &str, released: &Value, current: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for keyword in KINDS {
        if names(released, keyword) != names(current, keyword) {
            found.push(format!("{path}: retyped ({keyword})"));
        }
    }
    found.extend(
        names(released, "enum")
            .difference(&names(current, "enum"))
            .map(|name| format!("{path}: variant {name} removed")),
    );
    let required = |schema| names(schema, "required");
    found.extend(
        required(current)
            .difference(&required(released))
            .map(|name| format!("{path}.{name}: made required")),
    );
    found.extend(
        required(released)
            .difference(&required(current))
            .map(|name| {
                format!("{path}.{name}: made optional, which released readers do not expect")
            }),
    );
    found.extend(tightened(path, released, current));
    found.extend(inner_breaks(path, released, current));
    found
}

/// Returns a keyword's value or values as a set, in JSON.
fn names(schema: &Value, keyword: &str) -> BTreeSet<String> {
    match schema.get(keyword) {
        None => BTreeSet::new(),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.to_string().replace('"', ""))
            .collect(),
        Some(name) => [name.to_string().replace('"', "")].into(),
    }
}

fn tightened(path: &str, released: &Value, current: &Value) -> Vec<String> {
    let limit = |schema: &Value, keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let lower = LOWER_LIMITS.into_iter().filter(|keyword| {
        let before = limit(released, keyword).unwrap_or(f64::NEG_INFINITY);
        limit(current, keyword).is_some_and(|now| now > before)
    });
    let upper = UPPER_LIMITS.into_iter().filter(|keyword| {
        let before = limit(released, keyword).unwrap_or(f64::INFINITY);
        limit(current, keyword).is_some_and(|now| now < before)
    });
    lower
        .chain(upper)
        .map(|keyword| format!("{path}: {keyword} tightened"))
        .collect()
}

fn inner_breaks(path: &str, released: &Value, current: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let empty = json!({});
    let parts = |schema: &Value| {
        schema
            .get("properties")
            .cloned()
            .unwrap_or_else(|| empty.clone())
    };
    let current_fields = parts(current);
    for (name, released) in parts(released).as_object().unwrap() {
        let path = format!("{path}.{name}");
        match current_fields.get(name) {
            Some(current) => found.extend(breaks(&path, released, current)),
            None => found.push(format!("{path}: removed")),
        }
    }
    for part in ["items", "additionalProperties"] {
        if let Some(released) = released.get(part) {
            let current = current.get(part).unwrap_or(&empty);
            found.extend(breaks(&format!("{path}[{part}]"), released, current));
        }
    }
    let choices = |schema: &Value| schema.get("anyOf").and_then(Value::as_array).cloned();
    let (released, current) = (choices(released), choices(current));
    if released.is_some() != current.is_some() {
        found.push(format!("{path}: retyped (anyOf)"));
    }
    let current = current.unwrap_or_default();
    for (position, released) in released.unwrap_or_default().iter().enumerate() {
        found.extend(breaks(
            path,
            released,
            current.get(position).unwrap_or(&empty),
        ));
    }
    found
}

#[test]
fn no_released_schema_is_broken() {
    let mut count = 0;
    for entry in fs::read_dir(support::v1().join("schemas")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("schemas/{}", path.file_name().unwrap().to_str().unwrap());
        let released: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let documents = documents::all();
        let current = documents.iter().find(|one| one.path == name);
        let current = current.unwrap_or_else(|| panic!("a released event type is gone: {name}"));
        let found = breaks(
            &name,
            &released,
            &serde_json::from_str(&current.text).unwrap(),
        );
        assert!(found.is_empty(), "{found:#?}");
        count += 1;
    }
    assert!(count > 0, "there is nothing to compare with");
}

#[test]
fn what_stored_data_depends_on_is_as_released() {
    let released = fs::read_to_string(support::v1().join("catalog.json")).unwrap();
    let released: Value = serde_json::from_str(&released).unwrap();
    let current = documents::catalog();
    let find = |list: &str, field: &str, name: &Value| -> Value {
        let list = current[list].as_array().unwrap();
        list.iter()
            .find(|one| one[field] == *name)
            .cloned()
            .unwrap_or_else(|| panic!("{name} is gone"))
    };
    for event in released["events"].as_array().unwrap() {
        let now = find("events", "event_type", &event["event_type"]);
        for column in ["topic", "key", "outbox_lanes"] {
            assert_eq!(
                now[column], event[column],
                "{column} of {}",
                event["event_type"]
            );
        }
        for column in ["alias_topics", "legacy_types"] {
            assert!(
                names(&now, column).is_superset(&names(event, column)),
                "{column}"
            );
        }
        assert!(now["partitions"].as_u64() >= event["partitions"].as_u64());
    }
    for function in released["functions"].as_array().unwrap() {
        let now = find("functions", "name", &function["name"]);
        assert_eq!(now["dedup"], function["dedup"]);
    }
}

fn released() -> Value {
    json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": { "type": "string", "maxLength": 8 },
            "count": { "type": ["integer", "null"] },
            "lines": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string" } } } },
            "status": { "anyOf": [{ "enum": ["new", "done"] }, { "type": "string" }] },
        },
    })
}

/// Asserts what is found after `change`.
fn assert_breaks(expected: &[&str], change: impl FnOnce(&mut Value)) {
    let mut current = released();
    change(&mut current);
    assert_eq!(breaks("e", &released(), &current), expected);
}

#[test]
fn an_optional_field_and_a_variant_may_be_added() {
    assert_breaks(&[], |_| {});
    assert_breaks(&[], |current| {
        current["properties"]["added"] = json!({ "type": "string" });
        current["properties"]["status"]["anyOf"][0]["enum"] = json!(["done", "new", "other"]);
        current["properties"]["id"]["maxLength"] = json!(9);
    });
}

#[test]
fn a_removed_field_is_caught() {
    assert_breaks(&["e.count: removed"], |current| {
        current["properties"]
            .as_object_mut()
            .unwrap()
            .remove("count");
    });
    assert_breaks(&["e.lines[items].a: removed"], |current| {
        current["properties"]["lines"]["items"]["properties"] = json!({});
    });
}

#[test]
fn a_retyped_field_is_caught() {
    assert_breaks(&["e.id: retyped (type)"], |current| {
        current["properties"]["id"]["type"] = json!("integer");
    });
    assert_breaks(&["e.lines[items].a: retyped (format)"], |current| {
        current["properties"]["lines"]["items"]["properties"]["a"]["format"] = json!("date-time");
    });
}

#[test]
fn a_field_made_required_or_optional_is_caught() {
    assert_breaks(&["e.count: made required"], |current| {
        current["required"] = json!(["count", "id"]);
    });
    assert_breaks(&["e.new: made required"], |current| {
        current["properties"]["new"] = json!({ "type": "string" });
        current["required"] = json!(["id", "new"]);
    });
    assert_breaks(
        &["e.id: made optional, which released readers do not expect"],
        |current| current["required"] = json!([]),
    );
}

#[test]
fn a_removed_variant_and_a_tightened_limit_are_caught() {
    assert_breaks(&["e.status: variant done removed"], |current| {
        current["properties"]["status"]["anyOf"][0]["enum"] = json!(["new"]);
    });
    assert_breaks(&["e.id: maxLength tightened"], |current| {
        current["properties"]["id"]["maxLength"] = json!(7);
    });
    assert_breaks(&["e.id: minLength tightened"], |current| {
        current["properties"]["id"]["minLength"] = json!(2);
    });
}
