//! Requests as an HTTP API and a function URL send them, and responses as both expect them.

use serde_json::{Value, json};

use super::*;

fn event(stage: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": { "host": "abc.lambda-url.eu-central-1.on.aws", "content-type": "application/json",
            "x-forwarded-proto": "https" },
        "requestContext": { "accountId": "anonymous", "apiId": "abc", "stage": stage,
            "domainName": "abc.lambda-url.eu-central-1.on.aws", "routeKey": "$default",
            "requestId": "r-1", "time": "21/Nov/2026:10:15:30 +0000", "timeEpoch": 1_795_256_130_123_i64,
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "curl/8" } },
        "body": "{\"a\":1}", "isBase64Encoded": false,
    })
}

/// Answers with what was asked, and a place below it.
fn echo<'h>(request: Request<Vec<u8>>, invocation: Invocation) -> BoxFuture<'h, HttpAnswer> {
    Box::pin(async move {
        let body = String::from_utf8(request.body().clone()).unwrap();
        let seen = json!({ "uri": request.uri().to_string(), "method": request.method().as_str(),
            "body": body, "request_id": invocation.request_id });
        let response = Response::builder().status(202);
        let response = response.header("location", "/orders/1");
        HttpAnswer {
            response: response.body(seen.to_string()).unwrap(),
            code: "echoed",
            causes: Vec::new(),
        }
    })
}

async fn invoked(
    payload: &Value,
    answer: impl FnOnce(Request<Vec<u8>>, Invocation) -> BoxFuture<'static, HttpAnswer>,
) -> Result<Value, Diagnostic> {
    let payload = RawValue::from_string(payload.to_string()).unwrap();
    let event = LambdaEvent::new(payload, lambda_runtime::Context::default());
    let front = Front {
        function: "f",
        namespace: "Test",
    };
    let response = front.invoke(event, answer).await?;
    Ok(serde_json::to_value(response).unwrap())
}

fn seen(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_request_of_the_default_stage_is_seen_as_it_was_sent() {
    let response = invoked(&event("$default", "/orders", "a=1&a=2"), echo)
        .await
        .unwrap();
    assert_eq!(response["statusCode"], 202);
    assert_eq!(response["headers"]["location"], "/orders/1");
    assert_eq!(response["isBase64Encoded"], false);
    let seen = seen(&response);
    assert_eq!(seen["uri"], "/orders?a=1&a=2");
    assert_eq!(
        (&seen["method"], &seen["body"]),
        (&json!("POST"), &json!("{\"a\":1}"))
    );
}

#[tokio::test]
async fn a_stage_is_no_part_of_the_path_inside_and_part_of_a_location_outside() {
    let response = invoked(&event("prod", "/prod/orders", ""), echo)
        .await
        .unwrap();
    assert_eq!(seen(&response)["uri"], "/orders");
    assert_eq!(response["headers"]["location"], "/prod/orders/1");
}

#[tokio::test]
async fn a_body_in_base64_is_seen_as_bytes() {
    let mut event = event("$default", "/orders", "");
    event["body"] = json!("eyJhIjoyfQ==");
    event["isBase64Encoded"] = json!(true);
    let response = invoked(&event, echo).await.unwrap();
    assert_eq!(seen(&response)["body"], "{\"a\":2}");
}

/// `lambda_http` panics over these, and a client can send them.
#[tokio::test]
async fn what_cannot_be_read_is_the_clients_error_and_no_failure() {
    let mut odd_host = event("$default", "/orders", "");
    odd_host["headers"]["host"] = json!("a b");
    let odd_query = event("$default", "/orders", "a=<b>{\u{0}");
    for event in [odd_host, odd_query] {
        let response = invoked(&event, echo).await.unwrap();
        assert_eq!(response["statusCode"], 400, "{event}");
        assert_eq!(
            response["headers"]["content-type"],
            "application/problem+json"
        );
        assert_eq!(seen(&response)["status"], 400);
    }
}

#[tokio::test]
async fn a_payload_that_is_no_request_fails_the_invocation() {
    let error = invoked(&json!({ "records": {} }), echo).await.unwrap_err();
    assert_eq!(error.error_type, "malformed_event");
    assert!(!error.error_message.contains("records"));
}

#[tokio::test]
async fn a_handler_that_panics_is_an_answer_too() {
    let panics = |_, _| -> BoxFuture<'static, HttpAnswer> {
        Box::pin(async { panic!("a value of the request") })
    };
    let response = invoked(&event("$default", "/orders", ""), panics)
        .await
        .unwrap();
    assert_eq!(response["statusCode"], 500);
    assert!(!response.to_string().contains("a value"));
}
