//! The HTTP front of one function, as a Lambda function URL is: plain HTTP in, payload format 2.0 to the
//! function, its answer out as HTTP.
//!
//! `event.rs` writes what the function gets, `response.rs` reads what it answers; both follow "Creating and
//! managing Lambda function URLs" of the AWS Lambda guide. Left out on purpose: authorisation, CORS, TLS and
//! streamed responses. Routes of an HTTP API are not looked at either: every request goes to the function.

mod event;
mod response;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::lambda::{
    BODY_BYTES_READ_MAX, InvokeError, Invoker, LocalLambda, PAYLOAD_BYTES_MAX, new_trace_id,
};
use crate::serving::{self, Serving, Stop};

/// Why a front could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpFrontError {
    /// The loopback port is taken or may not be used.
    #[error("cannot bind 127.0.0.1:{port} for HTTP")]
    Bind {
        /// The port asked for; 0 stands for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The local Lambda has no such function.
    #[error("there is nothing to stand in front of")]
    Function(#[source] InvokeError),
}

/// A running front; it stops when it is shut down or dropped.
#[derive(Debug)]
pub struct HttpFront {
    serving: Serving,
}

/// What every request needs.
struct Front {
    invoker: Invoker,
    address: SocketAddr,
}

impl HttpFront {
    /// Starts a front of `function` on `127.0.0.1:port` (0 picks a free port).
    ///
    /// # Errors
    /// [`HttpFrontError`] when the port is taken or the function does not exist.
    pub async fn start(
        port: u16,
        lambda: &LocalLambda,
        function: &str,
    ) -> Result<Self, HttpFrontError> {
        let invoker = lambda.invoker(function).map_err(HttpFrontError::Function)?;
        let (listener, address) = serving::bind(port)
            .await
            .map_err(|source| HttpFrontError::Bind { port, source })?;
        let front = Arc::new(Front { invoker, address });
        let router = Router::new().fallback(answer).with_state(front);
        Ok(Self {
            serving: Serving::router(listener, address, router, Stop::new()),
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Returns the URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Stops, when open requests are answered or after some seconds.
    pub async fn shutdown(self) {
        self.serving.shutdown().await;
    }
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = client.map_or(front.address, |ConnectInfo(client)| *client);
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_READ_MAX).await else {
        return too_large();
    };
    if body.len() > PAYLOAD_BYTES_MAX {
        return too_large();
    }
    let trace_id = new_trace_id();
    let around = event::Surroundings {
        address: front.address,
        client: client.ip(),
        trace_id: &trace_id,
        now: time::OffsetDateTime::now_utc(),
    };
    let payload = Bytes::from(event::event(&head, &body, &around).to_string());
    match front.invoker.invoke(payload, trace_id).await {
        Ok(invocation) if invocation.is_success() => response::read(&invocation.payload)
            .unwrap_or_else(|problem| {
                tracing::warn!(problem, "the answer of a function is no HTTP response");
                bad_gateway()
            }),
        Ok(_) => bad_gateway(),
        Err(error) => refused(&error),
    }
}

/// What a client sees of an invocation that was not made, as a function URL says it.
fn refused(error: &InvokeError) -> Response {
    match error {
        InvokeError::Throttled { .. } => {
            message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
        }
        InvokeError::PayloadTooLarge { .. } => too_large(),
        InvokeError::Stopped | InvokeError::UnknownFunction { .. } => {
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        // The payload is this front's own.
        InvokeError::NotJson { .. } => bad_gateway(),
    }
}

fn bad_gateway() -> Response {
    message(StatusCode::BAD_GATEWAY, "Internal Server Error")
}

fn too_large() -> Response {
    message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

fn message(status: StatusCode, message: &'static str) -> Response {
    let body = serde_json::json!({ "Message": message });
    (status, axum::Json(body)).into_response()
}
