//! The samples of `orders-api`: one request each, in payload format 2.0.
//!
//! An HTTP API names its route and carries a stage; a function URL has neither, and an address of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::Sample;

/// When every request was made: 2026-09-21T14:13:20Z.
const AT_MS: i64 = 1_790_000_000_000;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("http-api", http_api()),
        (
            "function-url",
            function_url("POST", "/orders", Some(&order())),
        ),
        ("base64", in_base64()),
        ("invalid", function_url("POST", "/orders", Some(&invalid()))),
        ("not-found", function_url("GET", "/orders/o-404", None)),
        ("health", function_url("GET", "/health", None)),
    ];
    let sample = |(case, event): (&'static str, Value)| {
        Sample::new("orders-api", case, format!("{:#}\n", sorted(event)))
    };
    cases.into_iter().map(sample).collect()
}

fn order() -> Value {
    json!({ "user_id": "u-1", "total_amount": "59.70",
        "items": [{ "product_id": "p-1", "quantity": 2, "unit_price": "19.90" },
                  { "product_id": "p-2", "quantity": 1, "unit_price": "19.90" }] })
}

/// No user, and a line of nothing.
fn invalid() -> Value {
    json!({ "items": [{ "product_id": "p-1", "quantity": 0 }] })
}

fn function_url(method: &str, path: &str, body: Option<&Value>) -> Value {
    let host = "a1b2c3d4e5f6g7h8i9j0klmnopqrstuv.lambda-url.eu-central-1.on.aws";
    event(method, path, host, "$default", "$default", body)
}

/// A stage of its own, which is in the path, and a key.
fn http_api() -> Value {
    let host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com";
    let mut event = event(
        "POST",
        "/prod/orders",
        host,
        "prod",
        "POST /orders",
        Some(&order()),
    );
    let headers = event["headers"].as_object_mut().unwrap();
    let key = "8e03978e-40d5-43e8-bc93-6894a57f9324";
    headers.insert("idempotency-key".to_owned(), json!(key));
    headers.insert("traceparent".to_owned(), json!(TRACE));
    event
}

fn in_base64() -> Value {
    let mut event = function_url("POST", "/orders", Some(&order()));
    event["body"] = json!(BASE64.encode(order().to_string()));
    event["isBase64Encoded"] = json!(true);
    event
}

fn event(
    method: &str,
    path: &str,
    host: &str,
    stage: &str,
    route: &str,
    body: Option<&Value>,
) -> Value {
    let id = host.split('.').next().unwrap();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*", "host": host, "user-agent": "curl/8.14.1",
            "x-amzn-trace-id": "Root=1-68cff9e0-0123456789abcdef01234567",
            "x-forwarded-for": "192.0.2.10", "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "111122223333", "apiId": id, "domainName": host, "domainPrefix": id,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.10", "userAgent": "curl/8.14.1" },
            "requestId": "0d6f1c3a-5b7e-4f7a-9a53-2f6f0f6f0f6f",
            "routeKey": route, "stage": stage,
            "time": "21/Sep/2026:14:13:20 +0000", "timeEpoch": AT_MS,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = json!(body.to_string());
        event["headers"]["content-type"] = json!("application/json");
    }
    event
}

/// Sorts members by name, which `serde_json` does only without `preserve_order`.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}
