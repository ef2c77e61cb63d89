//! `events/asyncapi.json`: the same catalogue as an `AsyncAPI` 3.0.0 document.
//!
//! Channels are the canonical topics, operations what each function receives and sends. It names
//! no servers: which cluster it is depends on the deployment.

use serde_json::{Value, json};

use super::{object, schema};
use crate::{
    EventSpec,
    catalogue::{EVENTS, FUNCTIONS, FunctionSpec, MESSAGE_BYTES_MAX, RETENTION_MS},
    header,
};

/// The version of the Kafka bindings that channels, operations and messages have.
const KAFKA_BINDING: &str = "0.5.0";

const DESCRIPTION: &str = "The business events that services exchange through Kafka. \
    A value that is too large for its topic is an object in a bucket: the event then carries its envelope and \
    `claim_check` {bucket, key, size, sha256} in place of its payload, and the schemas describe the object.";

/// Returns the catalogue as an `AsyncAPI` document.
#[must_use]
pub fn asyncapi() -> Value {
    let channels = EVENTS
        .iter()
        .map(|spec| (spec.topic.to_owned(), channel(spec)));
    let messages = EVENTS
        .iter()
        .map(|spec| (spec.event_type.to_owned(), message(spec)));
    let schemas = schema::all().into_iter().map(|(event_type, mut schema)| {
        // The document's own dialect applies, as every keyword in use means the same in it.
        if let Value::Object(fields) = &mut schema {
            fields.remove("$schema");
        }
        (event_type.to_owned(), schema)
    });
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tailrace events",
            "version": "1.0.0",
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": object(channels),
        "operations": object(FUNCTIONS.iter().flat_map(operations)),
        "components": {
            "messages": object(messages),
            "messageTraits": { "headers": { "headers": headers() } },
            "schemas": object(schemas),
        },
    })
}

fn channel(spec: &EventSpec) -> Value {
    let message = json!({ "$ref": format!("#/components/messages/{}", spec.event_type) });
    json!({
        "address": spec.topic,
        "messages": object([(spec.event_type.to_owned(), message)]),
        "bindings": { "kafka": {
            "topic": spec.topic,
            "partitions": spec.partitions,
            "topicConfiguration": {
                "cleanup.policy": ["delete"],
                "max.message.bytes": MESSAGE_BYTES_MAX,
                "retention.ms": RETENTION_MS,
            },
            "bindingVersion": KAFKA_BINDING,
        } },
        "x-alias-topics": spec.alias_topics,
    })
}

fn message(spec: &EventSpec) -> Value {
    json!({
        "name": spec.event_type,
        "contentType": "application/json",
        "payload": { "$ref": format!("#/components/schemas/{}", spec.event_type) },
        "traits": [{ "$ref": "#/components/messageTraits/headers" }],
        "bindings": { "kafka": {
            "key": { "type": ["string", "null"], "description": spec.key },
            "bindingVersion": KAFKA_BINDING,
        } },
        "x-legacy-types": spec.legacy_types,
        "x-schema-version": spec.schema_version,
    })
}

fn headers() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let properties = [
        (header::EVENT_ID, text("Repeats the value's event id.")),
        (header::EVENT_TYPE, text("Repeats the value's event type.")),
        (header::TIMESTAMP, text("Repeats the value's timestamp.")),
        (header::TRACEPARENT, text("The W3C trace context.")),
    ];
    let properties = properties.map(|(name, schema)| (name.to_owned(), schema));
    json!({ "type": "object", "properties": object(properties) })
}

fn operations(function: &FunctionSpec) -> Vec<(String, Value)> {
    let receives = function.subscriptions().into_iter().map(|one| {
        let mut operation = operation("receive", one.event);
        let group = json!({ "type": "string", "const": one.group });
        if let Value::Object(fields) = &mut operation {
            let kafka = json!({ "kafka": { "groupId": group, "bindingVersion": KAFKA_BINDING } });
            fields.insert("bindings".to_owned(), kafka);
        }
        (
            format!("{}.receives.{}", function.name, one.event.event_type),
            operation,
        )
    });
    let sends = function.publishes.iter().map(|event| {
        (
            format!("{}.sends.{}", function.name, event.event_type),
            operation("send", event),
        )
    });
    receives.chain(sends).collect()
}

fn operation(action: &str, event: &EventSpec) -> Value {
    let channel = format!("#/channels/{}", event.topic);
    json!({
        "action": action,
        "messages": [{ "$ref": format!("{channel}/messages/{}", event.event_type) }],
        "channel": { "$ref": channel },
    })
}
