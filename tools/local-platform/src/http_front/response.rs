//! Reading what a function answers: a response of payload format 2.0, or any JSON, which is the body then.
//!
//! What is neither is the function's fault, and the client sees 502.

use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE,
    TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

/// Headers that say how a message is sent, which is the front's business.
const OWN_HEADERS: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
/// What a body is that nobody says more of.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Reads an answer; the error says what is wrong with it.
pub(super) fn read(payload: &[u8]) -> Result<Response, &'static str> {
    let answer: Value = serde_json::from_slice(payload).map_err(|_| "it is no JSON")?;
    match &answer {
        Value::Object(fields) if fields.contains_key("statusCode") => formatted(fields),
        // A text is sent without its quotes.
        Value::String(text) => Ok(inferred(text.clone().into())),
        _ => Ok(inferred(payload.to_vec())),
    }
}

fn inferred(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

fn formatted(fields: &Map<String, Value>) -> Result<Response, &'static str> {
    let status = fields.get("statusCode").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let status = status
        .filter(|status| (200..600).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or("statusCode is no status of 200 to 599")?;
    let mut headers = headers(fields.get("headers"))?;
    for cookie in cookies(fields.get("cookies"))? {
        headers.append(SET_COOKIE, cookie);
    }
    headers.entry(CONTENT_TYPE).or_insert(JSON);
    let body = body(fields)?;
    Ok((status, headers, Body::from(body)).into_response())
}

fn headers(value: Option<&Value>) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    let fields = match value {
        None | Some(Value::Null) => return Ok(headers),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err("headers are no object"),
    };
    for (name, value) in fields {
        let name = HeaderName::try_from(name).map_err(|_| "a header has no name of headers")?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err("the value of a header is no text");
            }
        };
        let value = HeaderValue::try_from(text).map_err(|_| "a header has no value of headers")?;
        if !OWN_HEADERS.contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn cookies(value: Option<&Value>) -> Result<Vec<HeaderValue>, &'static str> {
    let values = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(values)) => values,
        Some(_) => return Err("cookies are no array"),
    };
    let cookie = |value: &Value| HeaderValue::try_from(value.as_str()?).ok();
    let cookies: Option<Vec<_>> = values.iter().map(cookie).collect();
    cookies.ok_or("a cookie is no value of headers")
}

fn body(fields: &Map<String, Value>) -> Result<Vec<u8>, &'static str> {
    let is_base64 = match fields.get("isBase64Encoded") {
        Some(Value::Bool(is_base64)) => *is_base64,
        None | Some(Value::Null) => false,
        Some(_) => return Err("isBase64Encoded is no boolean"),
    };
    match fields.get("body") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if is_base64 => {
            BASE64.decode(text).map_err(|_| "body is no Base64")
        }
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(_) => Err("body is no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_json(answer: &Value) -> Result<Response, &'static str> {
        read(answer.to_string().as_bytes())
    }

    #[test]
    fn a_formatted_answer_is_the_response() {
        let answer = json!({ "statusCode": 201, "cookies": ["a=1; Secure", "b=2"],
            "headers": { "X-Count": 7, "content-type": "text/plain", "Content-Length": "99" } });
        let response = read_json(&answer).unwrap();
        assert_eq!(response.status(), 201);
        let headers = response.headers();
        assert_eq!(headers["x-count"], "7");
        assert_eq!(headers["content-type"], "text/plain");
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; Secure", "b=2"]);
        assert!(!headers.contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn any_other_json_is_the_body() {
        for answer in [json!({ "a": 1 }), json!([1]), json!("text"), json!(null)] {
            let response = read_json(&answer).unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        }
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for answer in [
            json!({ "statusCode": "200" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 600 }),
            json!({ "statusCode": 200, "headers": [] }),
            json!({ "statusCode": 200, "headers": { "a b": "c" } }),
            json!({ "statusCode": 200, "headers": { "a": "b\r\nc: d" } }),
            json!({ "statusCode": 200, "headers": { "a": null } }),
            json!({ "statusCode": 200, "cookies": "a=1" }),
            json!({ "statusCode": 200, "cookies": ["a\n"] }),
            json!({ "statusCode": 200, "body": {} }),
            json!({ "statusCode": 200, "body": "!", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "isBase64Encoded": "true" }),
        ] {
            assert!(read_json(&answer).is_err(), "{answer}");
        }
        assert!(read(b"no JSON").is_err());
    }
}
