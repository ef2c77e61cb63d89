//! The documents that are written from the code: `events/catalog.json`, `events/asyncapi.json` and
//! one JSON Schema for each event type.
//!
//! They are deterministic: sorted, and the same whatever features other crates switch on. This
//! module makes texts; who writes or compares files is the test `tests/generated.rs`.

mod asyncapi;
mod catalog;
mod schema;

use serde_json::{Map, Value};

pub use self::{asyncapi::asyncapi, catalog::catalog, schema::schema};

/// A document and the place it has below `events/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The path below `events/`, with `/`.
    pub path: String,
    /// The whole text, ending with a newline.
    pub text: String,
}

/// Returns every document, sorted by path.
#[must_use]
pub fn all() -> Vec<Document> {
    let mut documents = vec![
        Document {
            path: "asyncapi.json".to_owned(),
            text: text(asyncapi()),
        },
        Document {
            path: "catalog.json".to_owned(),
            text: text(catalog()),
        },
    ];
    documents.extend(
        schema::all()
            .into_iter()
            .map(|(event_type, schema)| Document {
                path: schema_path(event_type),
                text: text(schema),
            }),
    );
    documents.sort_by(|one, other| one.path.cmp(&other.path));
    documents
}

/// The path of an event type's schema below `events/`.
fn schema_path(event_type: &str) -> String {
    format!("schemas/{event_type}.json")
}

/// Writes a document with its keys sorted, which `serde_json` does only without `preserve_order`.
fn text(document: Value) -> String {
    format!("{:#}\n", sorted(document))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

/// Collects named values into an object.
fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(fields.into_iter().collect::<Map<_, _>>())
}
