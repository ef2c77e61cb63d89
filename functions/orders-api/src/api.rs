//! The way of a request: its route, what it holds, what is decided, and the answer.
//!
//! Three routes are a `match`. Nothing here knows of Lambda; a request comes as plain HTTP and goes as such.

use std::time::Duration;

use event_schema::OrderId;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use processing::{Call, CommandEngine, CommandError, Invocation, Refusal, Store, Timer};
use tables::Order;

use crate::answer::{Answer, Health, OrderView, json};
use crate::handler::OrdersApiHandler;
use crate::new_order::NewOrder;
use crate::problem::Problem;

/// Bytes of a body: an order of 50 lines has some 15,000.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Seconds after which a client may try again when the store is down.
pub const RETRY_AFTER_SECONDS: u16 = 2;
/// The header by which a client knows a request again.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Characters of an idempotency key.
pub(crate) const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// The header of the W3C trace context.
const TRACEPARENT: &str = "traceparent";

/// The API over a store and a clock.
pub struct OrdersApi<S, T> {
    engine: CommandEngine<OrdersApiHandler, S, T>,
}

impl<S: Store, T: Timer> OrdersApi<S, T> {
    /// Puts the API together; the margin is kept free at the end of an invocation for its answer.
    pub fn new(store: S, timer: T, deadline_margin: Duration) -> Self {
        Self {
            engine: CommandEngine::new(OrdersApiHandler, store, timer, deadline_margin),
        }
    }

    /// Answers a request. There is none that it has no answer for.
    pub async fn answer(&self, request: &Request<Vec<u8>>, invocation: &Invocation) -> Answer {
        let answered = self.route(request, invocation).await;
        answered.unwrap_or_else(|problem| problem.into_answer(&invocation.request_id))
    }

    async fn route(
        &self,
        request: &Request<Vec<u8>>,
        invocation: &Invocation,
    ) -> Result<Answer, Box<Problem>> {
        let segments: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (segments.as_slice(), request.method()) {
            (["orders"], &Method::POST) => self.place(request, invocation).await,
            (["orders"], _) => Err(method_not_allowed("POST")),
            (["orders", id], &Method::GET) if !id.is_empty() => self.show(id, invocation).await,
            (["orders", id], _) if !id.is_empty() => Err(method_not_allowed("GET")),
            (["health"], &Method::GET) => {
                let response = json(StatusCode::OK, &Health { status: "ok" });
                Ok(Answer::of(response, "healthy"))
            }
            (["health"], _) => Err(method_not_allowed("GET")),
            _ => Err(Problem::new(
                "not_found",
                StatusCode::NOT_FOUND,
                "there are /orders, /orders/{id} and /health",
            )),
        }
    }

    /// `POST /orders`.
    async fn place(
        &self,
        request: &Request<Vec<u8>>,
        invocation: &Invocation,
    ) -> Result<Answer, Box<Problem>> {
        let key = idempotency_key(request.headers())?;
        let new = read_order(request)?;
        // What the order says, whatever its spacing: the same again is the same order.
        let payload = serde_json::to_vec(&new).unwrap_or_default();
        let id = match key {
            Some(key) => format!("key/{key}"),
            None => format!("request/{}", invocation.request_id),
        };
        let call = Call {
            id: &id,
            payload: &payload,
            request: &new,
            traceparent: traceparent(request.headers()),
        };
        let done = self.engine.call(&call, invocation).await;
        let done = done.map_err(|error| problem_of(&error))?;
        let code = if done.is_repeated {
            "repeated"
        } else {
            "accepted"
        };
        Ok(done.answer.answer(code))
    }

    /// `GET /orders/{id}`.
    async fn show(&self, id: &str, invocation: &Invocation) -> Result<Answer, Box<Problem>> {
        let missing = || {
            let detail = "there is no order of this id";
            Problem::new("order_not_found", StatusCode::NOT_FOUND, detail)
        };
        let id = percent_decode_str(id)
            .decode_utf8()
            .map_err(|_| missing())?;
        let id = OrderId::new(id).map_err(|_| missing())?;
        let look = |work: &mut processing::Work<'_>| work.peek::<Order>(id.as_str());
        let found = self.engine.read(look, invocation).await;
        let order = found
            .map_err(|error| problem_of(&error))?
            .ok_or_else(missing)?;
        let response = json(StatusCode::OK, &OrderView::of(order));
        Ok(Answer::of(response, "shown"))
    }
}

fn method_not_allowed(methods: &'static str) -> Box<Problem> {
    let detail = format!("this path takes {methods}");
    Problem::new("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, detail).allowing(methods)
}

fn read_order(request: &Request<Vec<u8>>) -> Result<NewOrder, Box<Problem>> {
    let body = request.body();
    if body.len() > BODY_BYTES_MAX {
        let detail = format!(
            "the body has {} bytes of at most {BODY_BYTES_MAX}",
            body.len()
        );
        return Err(Problem::new(
            "body_too_large",
            StatusCode::PAYLOAD_TOO_LARGE,
            detail,
        ));
    }
    if !is_json(request.headers()) {
        return Err(Problem::new(
            "unsupported_media_type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body has to be application/json, and content-type has to say so",
        ));
    }
    let value = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body is no JSON from line {line}, column {column} on");
        Problem::new("invalid_json", StatusCode::BAD_REQUEST, detail)
    })?;
    NewOrder::read(&value).map_err(|errors| {
        Problem::new(
            "invalid_order",
            StatusCode::UNPROCESSABLE_ENTITY,
            "some fields of the order are not right; `errors` names them",
        )
        .with_errors(errors)
    })
}

/// Whether the body is said to be JSON; parameters such as `charset` say nothing about JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The client's key, bare or as a quoted string of structured fields (RFC 9651 §3.3.3).
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Box<Problem>> {
    let invalid = || {
        let detail = format!(
            "one idempotency-key of 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters, such as a UUID"
        );
        Problem::new("invalid_idempotency_key", StatusCode::BAD_REQUEST, detail)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| invalid())?;
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let is_right = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if is_right && values.next().is_none() {
        Ok(Some(key))
    } else {
        Err(invalid())
    }
}

/// The caller's trace context; what is none counts as not there (W3C Trace Context §2.2).
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |text: &str, chars: usize| {
        let mut bytes = text.bytes();
        text.len() == chars && bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let [version, trace, parent, flags] = parts.as_slice() else {
        return None;
    };
    let is_right = is_hex(version, 2)
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && *version != "ff"
        && trace.bytes().any(|byte| byte != b'0')
        && parent.bytes().any(|byte| byte != b'0');
    is_right.then_some(text)
}

/// What a client is told of an error of the engine.
fn problem_of(error: &CommandError) -> Box<Problem> {
    match error {
        CommandError::IdReused => Problem::new(
            "idempotency_key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "the idempotency-key was used for another order; a new order needs a new key",
        ),
        CommandError::Refused(Refusal {
            code: "idempotency_key_expired",
            ..
        }) => Problem::new(
            "idempotency_key_expired",
            StatusCode::UNPROCESSABLE_ENTITY,
            "the idempotency-key made an order more than a day ago; a new order needs a new key",
        ),
        CommandError::Unfinished(refusal) => Problem::new(
            "unavailable",
            StatusCode::SERVICE_UNAVAILABLE,
            "it is not known whether it was done; with the same idempotency-key it is done once",
        )
        .retry_after(RETRY_AFTER_SECONDS)
        .caused_by(refusal),
        CommandError::Refused(refusal) => Problem::new(
            "internal",
            StatusCode::INTERNAL_SERVER_ERROR,
            "it was not done, and the fault is not in the request",
        )
        .caused_by(refusal),
    }
}
