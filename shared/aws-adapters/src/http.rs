//! Running a handler of HTTP requests as a Lambda function, behind an HTTP API or a function URL.
//!
//! Both send payload format 2.0, which `lambda_http` reads. The handler gets a plain request and gives a plain
//! response; what a path means, and every word of an answer, is its business. What `lambda_http` would panic
//! over is answered with 400 here, because a client can send it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use processing::{Invocation, Timer};
use serde_json::value::RawValue;

use crate::run::{RunError, deadline, payloads, read_settings, variable};
use crate::settings::Trigger;
use crate::telemetry::{self, RequestReport};
use crate::{DynamoStore, S3Payloads, SystemTimer};

/// The stage that is no part of a path.
const DEFAULT_STAGE: &str = "$default";

/// What a handler of requests is made of.
#[derive(Debug)]
pub struct HttpPorts {
    /// The tables.
    pub store: DynamoStore,
    /// The clock.
    pub timer: SystemTimer,
    /// The bucket for large events, where one is set.
    pub payloads: Option<S3Payloads>,
    /// Time to keep free at the end of an invocation for its answer.
    pub deadline_margin: Duration,
}

/// A response, and what is logged of it.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The response.
    pub response: Response<String>,
    /// What it is called in logs: a word of a bounded set.
    pub code: &'static str,
    /// Why a request could not be answered, outermost first; never a value of the request.
    pub causes: Vec<String>,
}

/// Runs a handler of HTTP requests as a Lambda function, until Lambda ends the process.
///
/// `make` puts the handler together, `answer` has it answer one request. The path that it sees is without the
/// API's stage; a `Location` that begins with `/` gets the stage back.
///
/// # Errors
/// Fails if settings are missing or wrong, or if Lambda's runtime ends.
pub async fn run_http<H, A>(
    function: &'static str,
    make: impl FnOnce(HttpPorts) -> H,
    answer: A,
) -> Result<(), RunError>
where
    A: for<'h> Fn(&'h H, Request<Vec<u8>>, Invocation) -> BoxFuture<'h, HttpAnswer>,
{
    let settings = read_settings(Trigger::Requests, variable)?;
    telemetry::init(&settings)?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let handler = make(HttpPorts {
        store: DynamoStore::new(&dynamodb, &settings.table_prefix),
        timer: SystemTimer,
        payloads: payloads(&config, &settings),
        deadline_margin: settings.deadline_margin,
    });
    let front = Front {
        function,
        namespace: &settings.metrics_namespace,
    };
    let service = service_fn(|event: LambdaEvent<Box<RawValue>>| {
        front.invoke(event, |request, invocation| {
            answer(&handler, request, invocation)
        })
    });
    lambda_runtime::run(service)
        .await
        .map_err(RunError::Runtime)
}

/// What all requests of a function share.
#[derive(Clone, Copy)]
struct Front<'a> {
    function: &'static str,
    namespace: &'a str,
}

/// The payload is no request at all: the function is invoked by something that is no HTTP front.
#[derive(Debug, thiserror::Error)]
#[error("the payload is no HTTP request of payload format 2.0")]
struct NotARequest;

impl From<NotARequest> for Diagnostic {
    fn from(error: NotARequest) -> Self {
        Self {
            error_type: "malformed_event".to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// A request as the handler sees it, and what stands before its path outside.
struct Asked {
    request: Request<Vec<u8>>,
    stage: Option<String>,
}

impl Front<'_> {
    async fn invoke<'h>(
        self,
        event: LambdaEvent<Box<RawValue>>,
        answer: impl FnOnce(Request<Vec<u8>>, Invocation) -> BoxFuture<'h, HttpAnswer>,
    ) -> Result<ApiGatewayV2httpResponse, NotARequest> {
        let started = Instant::now();
        let (payload, context) = event.into_parts();
        let invocation = Invocation {
            request_id: context.request_id,
            deadline: deadline(context.deadline, SystemTimer.now()),
        };
        let (method, stage, answer) = match read(payload.get())? {
            None => {
                let answer = plain(StatusCode::BAD_REQUEST, "malformed_request");
                ("unknown".to_owned(), None, answer)
            }
            Some(Asked { request, stage }) => {
                let method = request.method().to_string();
                let answered = AssertUnwindSafe(answer(request, invocation)).catch_unwind();
                let answer = answered
                    .await
                    .unwrap_or_else(|_panic_is_logged_by_the_hook| {
                        plain(StatusCode::INTERNAL_SERVER_ERROR, "panic")
                    });
                (method, stage, answer)
            }
        };
        let report = RequestReport {
            function: self.function,
            namespace: self.namespace,
            method: &method,
            status: answer.response.status().as_u16(),
            code: answer.code,
            causes: &answer.causes,
            request_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            now_ms: SystemTimer.now().as_ms(),
        };
        report.publish();
        Ok(written(answer.response, stage.as_deref()))
    }
}

/// Reads a payload; `None` for a request that cannot be put into words, such as one whose host is no host.
fn read(payload: &str) -> Result<Option<Asked>, NotARequest> {
    let Ok(read) = catch_unwind(|| lambda_http::request::from_str(payload)) else {
        return Ok(None);
    };
    let event = read.map_err(|_values_are_private| NotARequest)?;
    let stage = match event.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.clone(),
        Some(_) | None => None,
    };
    let prefix = stage
        .filter(|stage| stage != DEFAULT_STAGE)
        .map(|stage| format!("/{stage}"));
    let (mut parts, body) = event.into_parts();
    let path = parts.uri.path();
    let path = (prefix.as_deref())
        .and_then(|prefix| path.strip_prefix(prefix))
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let query = parts.uri.query().map(|query| format!("?{query}"));
    let Ok(uri) = Uri::try_from(format!("{path}{}", query.unwrap_or_default())) else {
        return Ok(None);
    };
    parts.uri = uri;
    let body = match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    };
    Ok(Some(Asked {
        request: Request::from_parts(parts, body),
        stage: prefix,
    }))
}

/// Writes a response as payload format 2.0 has it.
fn written(response: Response<String>, stage: Option<&str>) -> ApiGatewayV2httpResponse {
    let (mut parts, body) = response.into_parts();
    let location = parts.headers.get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let outside = (location.zip(stage))
        .filter(|(location, _)| location.starts_with('/'))
        .and_then(|(location, stage)| HeaderValue::try_from(format!("{stage}{location}")).ok());
    if let Some(outside) = outside {
        parts.headers.insert(header::LOCATION, outside);
    }
    let mut written = ApiGatewayV2httpResponse::default();
    written.status_code = i64::from(parts.status.as_u16());
    written.headers = parts.headers;
    written.body = Some(Body::Text(body));
    written
}

/// A problem that its status says all of (`about:blank`, RFC 9457 §4.2.1).
fn plain(status: StatusCode, code: &'static str) -> HttpAnswer {
    let title = status.canonical_reason().unwrap_or_default();
    let number = status.as_u16();
    let problem = serde_json::json!({ "type": "about:blank", "title": title, "status": number });
    let mut response = Response::new(problem.to_string());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    HttpAnswer {
        response,
        code,
        causes: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
