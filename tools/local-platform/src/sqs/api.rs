//! SQS's JSON protocol over HTTP: the action is in `X-Amz-Target`, members are in the body.
//!
//! It translates and decides nothing. The path does not matter, as SDKs send to the endpoint or to the queue URL.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::errors::Refusal;
use super::service::Service;

/// The bytes of a request: a full batch in which JSON escapes every byte with six.
const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";

pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .fallback(act)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(service)
}

async fn act(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get(TARGET)
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let outcome = match target.strip_prefix(TARGET_PREFIX) {
        Some(action) => dispatch(&service, action, &body).await,
        None => Err(Refusal::UnknownOperation {
            target: target.to_owned(),
        }),
    };
    match outcome {
        Ok(document) => respond(StatusCode::OK, document),
        Err(refusal) => refused(&refusal),
    }
}

async fn dispatch(service: &Service, action: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    match action {
        "ChangeMessageVisibility" => write(service.change_message_visibility(read(body)?)),
        "ChangeMessageVisibilityBatch" => {
            write(service.change_message_visibility_batch(read(body)?))
        }
        "CreateQueue" => write(service.create_queue(read(body)?)),
        "DeleteMessage" => write(service.delete_message(read(body)?)),
        "DeleteMessageBatch" => write(service.delete_message_batch(read(body)?)),
        "GetQueueAttributes" => write(service.get_queue_attributes(read(body)?)),
        "GetQueueUrl" => write(service.get_queue_url(read(body)?)),
        "ListQueues" => write(service.list_queues(&read(body)?)),
        "PurgeQueue" => write(service.purge_queue(read(body)?)),
        "ReceiveMessage" => write(service.receive_message(read(body)?).await),
        "SendMessage" => write(service.send_message(read(body)?)),
        "SendMessageBatch" => write(service.send_message_batch(read(body)?)),
        unknown => Err(Refusal::Unsupported {
            what: unknown.to_owned(),
        }),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Serialization {
        problem: error.to_string(),
    })
}

fn write<T: Serialize>(outcome: Result<T, Refusal>) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(&outcome?).map_err(|error| Refusal::Serialization {
        problem: error.to_string(),
    })
}

fn refused(refusal: &Refusal) -> Response {
    let (error_type, code) = refusal.names();
    let document = json!({"__type": error_type, "message": refusal.to_string()});
    let query_error = [(QUERY_ERROR, format!("{code};Sender"))];
    let response = respond(StatusCode::BAD_REQUEST, document.to_string().into_bytes());
    (query_error, response).into_response()
}

fn respond(status: StatusCode, document: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE.to_owned()),
        (REQUEST_ID, Uuid::new_v4().to_string()),
    ];
    (status, headers, document).into_response()
}
