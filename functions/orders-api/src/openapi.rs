//! The `OpenAPI` 3.1 document: paths from here, schemas and limits from the types and constants that the code
//! itself uses.
//!
//! It is written to `openapi.json` by `tests/openapi.rs`; the function does not serve it.

use http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::answer::{Accepted, Health, OrderView};
use crate::api::{BODY_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX, RETRY_AFTER_SECONDS};
use crate::new_order::NewOrder;
use crate::problem::{PROBLEM_JSON, Problem};

/// Visible ASCII characters without `"`: a key without or with quotes around it.
const KEY_PATTERN: &str = r#"^([!#-~]+|"[!#-~]+")$"#;
/// The order that the examples are about; its id is that of the idempotency key of the example.
const EXAMPLE_KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";
/// The longest order id, in characters.
const ORDER_ID_CHARS_MAX: usize = event_schema::OrderId::BYTES_MAX;

/// Returns the document, its keys sorted, with a newline at its end.
#[must_use]
pub fn openapi() -> String {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let paths = json!({
        "/orders": { "post": place(&mut schemas) },
        "/orders/{id}": { "get": show(&mut schemas) },
        "/health": { "get": health(&mut schemas) },
    });
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Orders",
            "version": "1.0.0",
            "description": "Takes orders and shows them. An order is stored as pending at once and decided soon after.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [],
        "paths": paths,
        "components": {
            "schemas": Value::Object(schemas.take_definitions(true)),
        },
    });
    format!("{:#}\n", sorted(document))
}

fn place(schemas: &mut SchemaGenerator) -> Value {
    let key = json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Names the request: with the same key and order, the answer is the same, and there is one order. A key belongs to one order for good; its answer is kept for a day.",
        "schema": { "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARS_MAX, "pattern": KEY_PATTERN },
        "example": EXAMPLE_KEY,
    });
    let traceparent = json!({
        "name": "traceparent", "in": "header", "required": false,
        "description": "The caller's W3C trace context, which outgoing events carry on; one that is malformed is ignored.",
        "schema": { "type": "string" },
    });
    let mut accepted = content::<Accepted>(
        schemas,
        "The order is stored and will be decided; `GET` its place to see how.",
        "application/json",
    );
    let headers = json!({ "Location": {
        "description": "Where the order is found.", "required": true,
        "schema": { "type": "string", "format": "uri-reference" },
    } });
    accepted.insert("headers".to_owned(), headers);
    let links = json!({ "order": {
        "operationId": "showOrder", "parameters": { "id": "$response.body#/order_id" },
    } });
    accepted.insert("links".to_owned(), links);
    let mut responses = problems(
        schemas,
        &[
            (
                StatusCode::BAD_REQUEST,
                "`invalid_json`, `invalid_idempotency_key`: the request cannot be read.",
            ),
            (
                StatusCode::PAYLOAD_TOO_LARGE,
                "`body_too_large`: the body is larger than 64 KiB.",
            ),
            (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "`unsupported_media_type`: the body is not said to be JSON.",
            ),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                "`invalid_order`: fields are not right; `idempotency_key_reused`, `idempotency_key_expired`: the key belongs to another order.",
            ),
        ],
    );
    responses.insert("202".to_owned(), Value::Object(accepted));
    json!({
        "operationId": "placeOrder",
        "summary": "Places an order",
        "parameters": [key, traceparent],
        "requestBody": {
            "required": true,
            "description": format!("At most {BODY_BYTES_MAX} bytes."),
            "content": { "application/json": {
                "schema": schemas.subschema_for::<NewOrder>(),
                "example": {
                    "user_id": "u-1", "total_amount": "39.80",
                    "items": [{ "product_id": "p-1", "quantity": 2, "unit_price": "19.90" }],
                },
            } },
        },
        "responses": responses,
    })
}

fn show(schemas: &mut SchemaGenerator) -> Value {
    let id = json!({
        "name": "id", "in": "path", "required": true,
        "description": "The order.",
        "schema": { "type": "string", "minLength": 1, "maxLength": ORDER_ID_CHARS_MAX },
    });
    let mut responses = problems(
        schemas,
        &[(
            StatusCode::NOT_FOUND,
            "`order_not_found`: there is no such order.",
        )],
    );
    let order = content::<OrderView>(schemas, "The order as it stands.", "application/json");
    responses.insert("200".to_owned(), Value::Object(order));
    json!({
        "operationId": "showOrder",
        "summary": "Shows an order with its timeline",
        "parameters": [id],
        "responses": responses,
    })
}

fn health(schemas: &mut SchemaGenerator) -> Value {
    let healthy = content::<Health>(schemas, "It runs.", "application/json");
    let mut responses = problems(schemas, &[]);
    // It asks nobody, so nothing of it can be down.
    responses.remove("503");
    responses.insert("200".to_owned(), Value::Object(healthy));
    json!({
        "operationId": "health",
        "summary": "Tells that the function runs; it does not ask the store",
        "responses": responses,
    })
}

/// The problems of an operation, with those that every one has.
fn problems(
    schemas: &mut SchemaGenerator,
    own: &[(StatusCode, &'static str)],
) -> Map<String, Value> {
    let common = [
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "`method_not_allowed`: the path does not take this method.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "`unavailable`: the store is down; the same request may be made again.",
        ),
    ];
    let all = own.iter().chain(&common);
    let responses = all.map(|(status, description)| {
        let mut response = content::<Problem>(schemas, description, PROBLEM_JSON);
        let header = match *status {
            StatusCode::METHOD_NOT_ALLOWED => Some((
                "Allow",
                json!({ "description": "What it takes.", "required": true, "schema": { "type": "string" } }),
            )),
            StatusCode::SERVICE_UNAVAILABLE => Some((
                "Retry-After",
                json!({ "description": "Seconds to wait.", "required": true,
                    "schema": { "type": "integer", "minimum": RETRY_AFTER_SECONDS } }),
            )),
            _ => None,
        };
        if let Some((name, header)) = header {
            response.insert("headers".to_owned(), json!({ name: header }));
        }
        (status.as_str().to_owned(), Value::Object(response))
    });
    responses.collect()
}

fn content<T: JsonSchema>(
    schemas: &mut SchemaGenerator,
    description: &str,
    media_type: &str,
) -> Map<String, Value> {
    let content = json!({ media_type: { "schema": schemas.subschema_for::<T>() } });
    let members = [("description", json!(description)), ("content", content)];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    members.into_iter().collect()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(fields.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}
