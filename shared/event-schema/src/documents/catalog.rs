//! `events/catalog.json`: the catalogue for whoever does not speak Rust (SAM, CDK, tests, scripts).
//!
//! The document has a version of its own; fields are added under it, never changed.

use serde_json::{Value, json};

use super::object;
use crate::{
    EventSpec,
    catalogue::{self, EVENTS, FUNCTIONS, FunctionSpec},
};

/// The version of the document's form.
const CATALOG_VERSION: u32 = 1;

/// Returns the catalogue as a document.
#[must_use]
pub fn catalog() -> Value {
    let settings = catalogue::topic_settings().map(|(name, value)| (name.to_owned(), json!(value)));
    json!({
        "catalog_version": CATALOG_VERSION,
        "cluster_partitions_max": catalogue::CLUSTER_PARTITIONS_MAX,
        "topic_settings": object(settings),
        "events": EVENTS.iter().copied().map(event).collect::<Vec<_>>(),
        "functions": FUNCTIONS.iter().map(function).collect::<Vec<_>>(),
        "indexes": indexes(),
    })
}

/// Every index of every table; the kind of its keys is `DynamoDB`'s.
fn indexes() -> Vec<Value> {
    let of_table = |table| {
        let indexes = catalogue::indexes_of(table).iter();
        indexes.map(move |index| {
            json!({
                "table": table,
                "name": index.name,
                "partition": { "attribute": index.partition, "type": "S" },
                "sort": { "attribute": index.sort, "type": "N" },
            })
        })
    };
    catalogue::tables().into_iter().flat_map(of_table).collect()
}

fn event(spec: &EventSpec) -> Value {
    json!({
        "event_type": spec.event_type,
        "topic": spec.topic,
        "alias_topics": spec.alias_topics,
        "legacy_types": spec.legacy_types,
        "key": spec.key,
        "dedup": spec.dedup.as_str(),
        "partitions": spec.partitions,
        "outbox_lanes": spec.outbox_lanes,
        "schema_version": spec.schema_version,
        "schema": super::schema_path(spec.event_type),
    })
}

fn function(spec: &FunctionSpec) -> Value {
    let subscriptions = spec.subscriptions().into_iter().map(|one| {
        json!({
            "event_type": one.event.event_type,
            "topic": one.event.topic,
            "alias_topics": one.event.alias_topics,
            "group": one.group,
        })
    });
    let http = spec
        .http
        .iter()
        .map(|route| json!({ "method": route.method, "path": route.path }));
    let publishes = spec
        .publishes
        .iter()
        .map(|event| json!({ "event_type": event.event_type, "topic": event.topic }));
    let tables = spec
        .tables
        .iter()
        .map(|one| json!({ "table": one.table, "access": one.access.as_str() }));
    json!({
        "name": spec.name,
        "dedup": spec.dedup.as_str(),
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "http": http.collect::<Vec<_>>(),
        "streams": spec.streams,
        "schedule_seconds": spec.schedule_seconds,
        "publishes": publishes.collect::<Vec<_>>(),
        "tables": tables.collect::<Vec<_>>(),
    })
}
