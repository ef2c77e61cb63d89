//! Invokes a function through the Lambda Invoke API over HTTP.
//!
//! It serves local endpoints (a local Lambda, `cargo lambda watch`, `sam local start-lambda`, an emulator of
//! the runtime interface): no TLS, no signatures, no retries of its own.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Response, StatusCode, Url};

use crate::ports::{Invoke, InvokeAnswer, InvokeError, InvokeRequest};

/// Largest response of a function (Lambda quotas).
const RESPONSE_BYTES_MAX: usize = 6_291_556;
/// Bytes of a refusal that are read.
const REASON_BYTES_MAX: usize = 500;

/// Posts to `{endpoint}/2015-03-31/functions/{name}/invocations`.
#[derive(Debug, Clone)]
pub struct HttpInvoke {
    client: Client,
    endpoint: Url,
}

impl HttpInvoke {
    /// Makes an invoker for an endpoint such as `http://127.0.0.1:9001`.
    ///
    /// `timeout` bounds one invocation from connecting to the last byte; let it be longer than the
    /// function's own, so that the endpoint can report that one.
    ///
    /// # Errors
    /// If the endpoint is no URL or the HTTP client cannot be made.
    pub fn new(endpoint: &str, timeout: Duration) -> Result<Self, InvokeError> {
        let endpoint = Url::parse(endpoint).map_err(|error| unreachable(Box::new(error)))?;
        let client = Client::builder()
            .no_proxy()
            .timeout(timeout)
            .build()
            .map_err(|error| unreachable(Box::new(error)))?;
        Ok(Self { client, endpoint })
    }

    fn url(&self, function_name: &str) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["2015-03-31", "functions", function_name, "invocations"]);
        }
        url
    }
}

impl Invoke for HttpInvoke {
    async fn invoke(&self, request: InvokeRequest) -> Result<InvokeAnswer, InvokeError> {
        let response = self
            .client
            .post(self.url(&request.function_name))
            .header("content-type", "application/json")
            .header("x-amz-invocation-type", "RequestResponse")
            .body(request.event)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(InvokeError::Throttled);
        }
        if status != StatusCode::OK {
            return Err(refused(response).await);
        }
        let function_error = header(response.headers(), "x-amz-function-error");
        let executed_version = header(response.headers(), "x-amz-executed-version");
        let body = beginning(response, RESPONSE_BYTES_MAX + 1)
            .await
            .map_err(failed)?;
        if body.len() > RESPONSE_BYTES_MAX {
            // Lambda makes a function error of it, too.
            return Ok(InvokeAnswer {
                executed_version,
                ..InvokeAnswer::failed()
            });
        }
        Ok(InvokeAnswer {
            function_error,
            executed_version,
            body,
        })
    }
}

async fn refused(response: Response) -> InvokeError {
    let status = response.status().as_u16();
    let error_type = header(response.headers(), "x-amzn-errortype");
    let reason = match error_type {
        Some(error_type) => error_type,
        None => reason(response).await,
    };
    InvokeError::Status { status, reason }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

/// Reads the beginning of a refusal for an error message; what cannot be read is left out.
pub(crate) async fn reason(response: Response) -> String {
    let read = beginning(response, REASON_BYTES_MAX)
        .await
        .unwrap_or_default();
    String::from_utf8_lossy(&read).into_owned()
}

async fn beginning(mut response: Response, bytes_max: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < bytes_max
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(bytes_max);
    Ok(body)
}

fn failed(error: reqwest::Error) -> InvokeError {
    if error.is_timeout() {
        InvokeError::TimedOut
    } else {
        unreachable(Box::new(error))
    }
}

fn unreachable(error: Box<dyn std::error::Error + Send + Sync>) -> InvokeError {
    InvokeError::Unreachable(error)
}
