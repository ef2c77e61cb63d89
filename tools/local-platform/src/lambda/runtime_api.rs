//! Lambda's Runtime API, version 2018-06-01 (LDG/runtimes-api), under a path of its own per environment.
//!
//! It translates HTTP and decides nothing: whether an answer is due is known to the environment. Who asks
//! under an address that is gone, such as a process left behind by a killed one, is refused with 403.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::sync::oneshot;

use super::environment::{Delivery, Message, Posted};
use super::registry::Registry;
use super::{BODY_BYTES_READ_MAX, PAYLOAD_BYTES_MAX};

const AWS_REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CONTENT_TYPE_JSON: (HeaderName, &str) =
    (axum::http::header::CONTENT_TYPE, "application/json");

type Environments = State<Arc<Registry>>;

pub(super) fn router(registry: Arc<Registry>) -> Router {
    let runtime = "/env/{environment}/2018-06-01/runtime";
    Router::new()
        .route(&format!("{runtime}/invocation/next"), get(next))
        .route(
            &format!("{runtime}/invocation/{{request}}/response"),
            post(response),
        )
        .route(
            &format!("{runtime}/invocation/{{request}}/error"),
            post(error),
        )
        .route(&format!("{runtime}/init/error"), post(init_error))
        .with_state(registry)
}

/// Waits for work without a limit of its own, as the runtime expects.
async fn next(State(registry): Environments, Path(environment): Path<String>) -> Response {
    let (reply, delivery) = oneshot::channel();
    if !send(&registry, &environment, Message::Next { reply }).await {
        return gone();
    }
    match delivery.await {
        Ok(delivery) => delivered(delivery),
        Err(_) => refusal(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "No work can be asked for now",
        ),
    }
}

fn delivered(delivery: Delivery) -> Response {
    let headers = [
        (AWS_REQUEST_ID, delivery.request_id),
        (
            DEADLINE_MS,
            delivery.deadline_epoch_milliseconds.to_string(),
        ),
        (FUNCTION_ARN, delivery.arn),
        (TRACE_ID, delivery.trace_id),
    ];
    ([CONTENT_TYPE_JSON], headers, delivery.payload).into_response()
}

async fn response(
    State(registry): Environments,
    Path((environment, request_id)): Path<(String, String)>,
    body: Body,
) -> Response {
    let posted = match read(body).await {
        Ok(payload) => Posted::Response(payload),
        Err(bytes) => Posted::TooLarge { bytes },
    };
    take(&registry, &environment, request_id, posted).await
}

async fn error(
    State(registry): Environments,
    Path((environment, request_id)): Path<(String, String)>,
    body: Body,
) -> Response {
    let posted = match read(body).await {
        Ok(document) => Posted::Error(document),
        Err(bytes) => Posted::TooLarge { bytes },
    };
    take(&registry, &environment, request_id, posted).await
}

async fn init_error(
    State(registry): Environments,
    Path(environment): Path<String>,
    body: Body,
) -> Response {
    let Ok(document) = read(body).await else {
        return too_large();
    };
    let (accepted, verdict) = oneshot::channel();
    if !send(
        &registry,
        &environment,
        Message::InitError { document, accepted },
    )
    .await
    {
        return gone();
    }
    match verdict.await {
        Ok(true) => accepted_response(),
        Ok(false) => refusal(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "The init phase is over",
        ),
        Err(_) => gone(),
    }
}

async fn take(
    registry: &Registry,
    environment: &str,
    request_id: String,
    posted: Posted,
) -> Response {
    let oversized = matches!(posted, Posted::TooLarge { .. });
    let (accepted, verdict) = oneshot::channel();
    let message = Message::Post {
        request_id,
        posted,
        accepted,
    };
    if !send(registry, environment, message).await {
        return gone();
    }
    match verdict.await {
        Ok(true) if oversized => too_large(),
        Ok(true) => accepted_response(),
        Ok(false) => refusal(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "The invocation is not the one that is running",
        ),
        Err(_) => gone(),
    }
}

/// Sends to an environment; false when it is gone.
async fn send(registry: &Registry, environment: &str, message: Message) -> bool {
    match registry.inbox(environment) {
        Some(inbox) => inbox.send(message).await.is_ok(),
        None => false,
    }
}

/// Reads a body within the limit; the error is the size, as far as it was read.
async fn read(body: Body) -> Result<Bytes, usize> {
    match to_bytes(body, BODY_BYTES_READ_MAX).await {
        Ok(bytes) if bytes.len() <= PAYLOAD_BYTES_MAX => Ok(bytes),
        Ok(bytes) => Err(bytes.len()),
        Err(_) => Err(BODY_BYTES_READ_MAX),
    }
}

fn accepted_response() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn gone() -> Response {
    refusal(
        StatusCode::FORBIDDEN,
        "Forbidden",
        "The execution environment does not exist",
    )
}

fn too_large() -> Response {
    let message = format!("Exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes).");
    refusal(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &message,
    )
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response {
    let document = json!({"errorType": error_type, "errorMessage": message});
    (status, Json(document)).into_response()
}
