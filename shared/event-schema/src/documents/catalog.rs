//! `events/catalog.json`: the catalogue for whoever does not speak Rust (SAM, CDK, tests, scripts).
//!
//! The document has a version of its own; fields are added under it, never changed.

use serde_json::{Value, json};

use super::object;
use crate::{
    EventSpec,
    catalogue::{
        self, Deployment, EVENTS, FUNCTIONS, FunctionSpec, MAPPING, MappingSpec, Permission,
        Setting,
    },
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
        "deployment_functions": catalogue::deployment_functions()
            .iter()
            .map(|one| object(deployment(one)))
            .collect::<Vec<_>>(),
        "mapping": mapping(),
        "tables": catalogue::table_specs()
            .iter()
            .map(|table| {
                json!({
                    "name": table.name,
                    "ttl_attribute": table.ttl_attribute,
                    "new_image_stream": table.new_image_stream,
                })
            })
            .collect::<Vec<_>>(),
        "indexes": indexes(),
        "dead_letter_queue": { "kept_seconds": catalogue::DEAD_LETTERS_KEPT_SECONDS },
        "marks_kept_seconds": catalogue::MARKS_KEPT_SECONDS,
    })
}

/// What all mappings have in common, by the names of `CloudFormation`.
fn mapping() -> Value {
    let response_types: &[&str] = if MAPPING.report_batch_item_failures {
        &["ReportBatchItemFailures"]
    } else {
        &[]
    };
    json!({
        "StartingPosition": MAPPING.starting_position,
        "MaximumRetryAttempts": MAPPING.retry_attempts_max,
        "BisectBatchOnFunctionError": MAPPING.bisect_batch_on_function_error,
        "FunctionResponseTypes": response_types,
        "MetricsConfig": { "Metrics": MAPPING.metrics },
        "LoggingConfig": { "SystemLogLevel": MAPPING.system_log_level },
        "provisioned_only": MappingSpec::PROVISIONED_ONLY,
        "timeout_seconds_max": catalogue::MAPPED_TIMEOUT_SECONDS_MAX,
    })
}

fn deployment(deployment: &Deployment) -> [(String, Value); 6] {
    let settings = deployment.settings.iter();
    let settings: Vec<_> = settings
        .map(|(name, value)| setting(name, *value))
        .collect();
    let permissions: Vec<_> = deployment.permissions.iter().map(permission).collect();
    [
        ("name", json!(deployment.name)),
        ("memory_mb", json!(deployment.memory_mb)),
        ("timeout_seconds", json!(deployment.timeout_seconds)),
        ("in_cluster_network", json!(deployment.in_cluster_network)),
        ("settings", json!(settings)),
        ("permissions", json!(permissions)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// A text is there as it is, anything else by the name of what the deployment fills in.
fn setting(name: &str, value: Setting) -> Value {
    match value {
        Setting::Text(text) => json!({ "name": name, "value": text }),
        other => json!({ "name": name, "from": other.reference() }),
    }
}

fn permission(permission: &Permission) -> Value {
    let (kind, name) = permission.resource.names();
    let kind = ("kind".to_owned(), json!(kind));
    let actions = ("actions".to_owned(), json!(permission.actions));
    let name = name.map(|name| ("name".to_owned(), json!(name)));
    object([kind, actions].into_iter().chain(name))
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
    let fields = json!({
        "dedup": spec.dedup.as_str(),
        "batch_records_max": spec.batch_records_max,
        "batching_window_seconds": spec.batching_window_seconds,
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "http": http.collect::<Vec<_>>(),
        "streams": spec.streams,
        "schedule_seconds": spec.schedule_seconds,
        "publishes": publishes.collect::<Vec<_>>(),
        "tables": tables.collect::<Vec<_>>(),
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    object(fields.into_iter().chain(deployment(&spec.deployment())))
}
