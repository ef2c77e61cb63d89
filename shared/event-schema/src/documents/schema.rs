//! The JSON Schema of a record's value: the canonical form, envelope and payload together.
//!
//! It says what writers write and what readers cannot do without. Readers take more than it says
//! (camelCase names, ids as integers, unknown fields); that is not described here. Lengths count
//! characters there and bytes in the readers, which is the same for all but non-ASCII texts.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{
    Event, EventId, Timestamp,
    catalogue::{self, EventVisitor},
};

/// Returns the schema of an event type's values, with all its parts inlined.
#[must_use]
pub fn schema<E: Event>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<E>()
        .to_value();
    let Value::Object(fields) = &mut schema else {
        return schema;
    };
    fields.insert("title".to_owned(), json!(E::SPEC.event_type));
    let properties = fields
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(properties) = properties {
        properties.extend(envelope::<E>());
    }
    schema
}

/// Returns the schemas of all event types by name, in the order of the catalogue.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    struct Schemas(Vec<(&'static str, Value)>);
    impl EventVisitor for Schemas {
        fn event<E: Event>(&mut self) {
            self.0.push((E::SPEC.event_type, schema::<E>()));
        }
    }
    let mut schemas = Schemas(Vec::new());
    catalogue::visit(&mut schemas);
    schemas.0
}

fn envelope<E: Event>() -> [(String, Value); 4] {
    let event_id = json!({
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": EventId::BYTES_MAX,
        "description": "Identifies the event; the same id is the same event.",
    });
    let event_type = json!({
        "type": "string",
        "const": E::SPEC.event_type,
        "description": "Names the type; without it, the topic does.",
    });
    let schema_version = json!({
        "type": "string",
        "pattern": format!(r"^{}\.[0-9]+$", E::SPEC.schema_version.major),
        "default": E::SPEC.schema_version.to_string(),
        "description": "The version of this schema; readers take every minor version.",
    });
    let timestamp = json!({
        "type": ["string", "null"],
        "format": "date-time",
        "description": "When it happened; written in UTC with milliseconds.",
        "examples": [Timestamp::from_ms(0).to_string()],
    });
    [
        ("event_id".to_owned(), event_id),
        ("event_type".to_owned(), event_type),
        ("schema_version".to_owned(), schema_version),
        ("timestamp".to_owned(), timestamp),
    ]
}
