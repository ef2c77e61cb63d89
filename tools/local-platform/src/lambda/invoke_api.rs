//! Lambda's Invoke API, version 2015-03-31 (Lambda's Invoke page): HTTP in, one synchronous invocation, HTTP out.
//!
//! Left out on purpose: asynchronous (`Event`) invocation, qualifiers, the log tail and client contexts.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use super::function::arn;
use super::outcome::{Invocation, InvokeError};
use super::pool::Request;
use super::{BODY_BYTES_READ_MAX, PAYLOAD_BYTES_MAX, Pools, pool_of};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: &str = "x-amzn-trace-id";

pub(super) fn router(pools: Arc<Pools>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(pools)
}

async fn invoke(
    State(pools): State<Arc<Pools>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name = plain_name(&name);
    let kind = headers
        .get(INVOCATION_TYPE)
        .map_or(b"RequestResponse".as_slice(), |it| it.as_bytes());
    let dry_run = kind == b"DryRun";
    if !dry_run && kind != b"RequestResponse" {
        return unsupported_type();
    }
    let trace_id = headers
        .get(TRACE_ID)
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    let Ok(payload) = to_bytes(body, BODY_BYTES_READ_MAX).await else {
        return refused(&InvokeError::PayloadTooLarge {
            bytes: BODY_BYTES_READ_MAX,
        });
    };
    let invoked = match pool_of(&pools, name) {
        Ok(_) if dry_run => return (with_request_id(), StatusCode::NO_CONTENT).into_response(),
        Ok(pool) => pool.invoke(Request { payload, trace_id }).await,
        Err(error) => Err(error),
    };
    match invoked {
        Ok(invocation) => answered(invocation),
        Err(error) => refused(&error),
    }
}

/// Returns the name itself from a name, a partial ARN or an ARN, each with or without `:qualifier`.
fn plain_name(given: &str) -> &str {
    let after = given
        .rsplit_once("function:")
        .map_or(given, |(_, name)| name);
    after.split_once(':').map_or(after, |(name, _)| name)
}

fn answered(invocation: Invocation) -> Response {
    let status = StatusCode::from_u16(invocation.status).unwrap_or(StatusCode::OK);
    let headers = [
        (EXECUTED_VERSION, "$LATEST"),
        (header::CONTENT_TYPE, "application/json"),
    ];
    let function_error = invocation
        .function_error
        .map(|value| [(FUNCTION_ERROR, value)]);
    match function_error {
        Some(error) => (
            status,
            with_request_id(),
            headers,
            error,
            invocation.payload,
        )
            .into_response(),
        None => (status, with_request_id(), headers, invocation.payload).into_response(),
    }
}

fn refused(error: &InvokeError) -> Response {
    let (status, name, document) = match error {
        InvokeError::UnknownFunction { name } => (
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            json!({"Type": "User", "Message": format!("Function not found: {}", arn(name))}),
        ),
        InvokeError::Throttled { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            json!({
                "Type": "User",
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "message": "Rate Exceeded.",
            }),
        ),
        InvokeError::PayloadTooLarge { bytes } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            json!({
                "Type": "User",
                "message": format!(
                    "{bytes} byte payload is too large for the RequestResponse invocation type \
                     (limit {PAYLOAD_BYTES_MAX} bytes)"
                ),
            }),
        ),
        InvokeError::NotJson { problem } => (
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            json!({
                "Type": "User",
                "message": format!("Could not parse request body into json: {problem}"),
            }),
        ),
        InvokeError::Stopped => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            json!({"Type": "Service", "Message": error.to_string()}),
        ),
    };
    error_response(status, name, document)
}

fn unsupported_type() -> Response {
    let document = json!({"Type": "User", "message": "Only RequestResponse and DryRun invocations are supported"});
    error_response(
        StatusCode::BAD_REQUEST,
        "InvalidParameterValueException",
        document,
    )
}

fn error_response(status: StatusCode, name: &'static str, document: Value) -> Response {
    (
        status,
        with_request_id(),
        [(ERROR_TYPE, name)],
        Json(document),
    )
        .into_response()
}

fn with_request_id() -> [(HeaderName, String); 1] {
    [(REQUEST_ID, Uuid::new_v4().to_string())]
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_function_is_found_by_name_and_by_arn_with_and_without_a_qualifier() {
        for given in [
            "order-created",
            "order-created:$LATEST",
            "000000000000:function:order-created",
            "arn:aws:lambda:us-east-1:000000000000:function:order-created",
            "arn:aws:lambda:us-east-1:000000000000:function:order-created:1",
        ] {
            assert_eq!(plain_name(given), "order-created", "{given}");
        }
    }
}
