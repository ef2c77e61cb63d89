//! Writing the event of a request: payload format 2.0, as a function URL sends it.
//!
//! It decides nothing about a request; whatever HTTP allows is put into words.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ACCOUNT_ID;

/// The id of the URL, as it would be in its host name.
const URL_ID: &str = "local";
/// Media types whose bodies are sent as text.
const TEXT_TYPES: [&str; 4] = [
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-www-form-urlencoded",
];

/// What an event says beside the request.
pub(super) struct Surroundings<'a> {
    pub(super) address: SocketAddr,
    pub(super) client: IpAddr,
    pub(super) trace_id: &'a str,
    pub(super) now: OffsetDateTime,
}

/// Writes the event of a request.
pub(super) fn event(head: &Parts, body: &[u8], around: &Surroundings<'_>) -> Value {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&head.headers, around),
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": URL_ID,
            "domainName": around.address.to_string(),
            "domainPrefix": URL_ID,
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", head.version),
                "sourceIp": around.client.to_string(),
                "userAgent": text(&head.headers, &USER_AGENT),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": common_log_time(around.now),
            "timeEpoch": i64::try_from(around.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
        },
        "isBase64Encoded": false,
    });
    if let Value::Object(event) = &mut event {
        let cookies = cookies(&head.headers);
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), Value::from(cookies));
        }
        if !query.is_empty() {
            event.insert("queryStringParameters".to_owned(), parameters(query));
        }
        if !body.is_empty() {
            let (text, is_base64) = body_text(&head.headers, body);
            event.insert("body".to_owned(), Value::from(text));
            event.insert("isBase64Encoded".to_owned(), Value::from(is_base64));
        }
    }
    event
}

/// Header names in lower case, values of one name joined by commas; cookies have a place of their own.
fn headers(headers: &HeaderMap, around: &Surroundings<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    for name in headers.keys().filter(|name| **name != COOKIE) {
        fields.insert(name.as_str().to_owned(), Value::from(text(headers, name)));
    }
    // What the front of AWS sets, whatever the client says.
    let own = [
        (HOST.as_str(), around.address.to_string()),
        ("x-amzn-trace-id", around.trace_id.to_owned()),
        ("x-forwarded-for", around.client.to_string()),
        ("x-forwarded-port", around.address.port().to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), Value::from(value))));
    fields
}

/// All values of a header; bytes that are no UTF-8 are read as Latin-1, which HTTP once had.
fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        let bytes = value.as_bytes();
        std::str::from_utf8(bytes).map_or_else(
            |_| bytes.iter().copied().map(char::from).collect(),
            str::to_owned,
        )
    });
    values.collect::<Vec<String>>().join(",")
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';'));
    let cookies = cookies.map(|cookie| cookie.trim().to_owned());
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// Decoded parameters, the values of one name joined by commas.
fn parameters(query: &str) -> Value {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let mut fields: Map<String, Value> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let joined = match fields.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        fields.insert(name, Value::from(joined));
    }
    Value::Object(fields)
}

/// The body as text, or in Base64 where it is not said to be text or is none.
fn body_text(headers: &HeaderMap, body: &[u8]) -> (String, bool) {
    let media_type = text(headers, &CONTENT_TYPE).to_ascii_lowercase();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_text = essence.starts_with("text/")
        || TEXT_TYPES.contains(&essence)
        || essence.ends_with("+json")
        || essence.ends_with("+xml");
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (text.to_owned(), false),
        Ok(_) | Err(_) => (BASE64.encode(body), true),
    }
}

/// `21/Nov/2026:10:15:30 +0000`.
fn common_log_time(at: OffsetDateTime) -> String {
    let month = at.month().to_string();
    let month = month.get(..3).unwrap_or(&month);
    format!(
        "{:02}/{month}/{:04}:{:02}:{:02}:{:02} +0000",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn event_of(request: Request<&[u8]>) -> Value {
        let (head, body) = request.into_parts();
        let around = Surroundings {
            address: ([127, 0, 0, 1], 3000).into(),
            client: [127, 0, 0, 1].into(),
            trace_id: "Root=1-a-b",
            now: OffsetDateTime::from_unix_timestamp(1_795_256_130).unwrap(),
        };
        event(&head, body, &around)
    }

    #[test]
    fn a_request_is_put_into_words_as_a_function_url_does() {
        let request = Request::post("/a%20b?x=1&x=2%2C&y+z=%C3%BC&&q")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Two", "a")
            .header("X-Two", "b")
            .header("Cookie", "c=1; d=2")
            .header("Cookie", "e=3")
            .header("Host", "evil example")
            .header("X-Forwarded-Proto", "gopher");
        let event = event_of(request.body(&b"{\"a\":\"\xc3\xbc\"}"[..]).unwrap());
        assert_eq!(
            (&event["rawPath"], &event["version"]),
            (&json!("/a%20b"), &json!("2.0"))
        );
        assert_eq!(event["rawQueryString"], "x=1&x=2%2C&y+z=%C3%BC&&q");
        assert_eq!(
            event["queryStringParameters"],
            json!({ "x": "1,2,", "y z": "ü", "q": "" })
        );
        assert_eq!(event["cookies"], json!(["c=1", "d=2", "e=3"]));
        let headers = &event["headers"];
        assert_eq!(headers["x-two"], "a,b");
        assert_eq!(
            (&headers["host"], &headers["cookie"]),
            (&json!("127.0.0.1:3000"), &Value::Null)
        );
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("{\"a\":\"ü\"}"), &json!(false))
        );
        let context = &event["requestContext"];
        assert_eq!(
            (&context["stage"], &context["http"]["method"]),
            (&json!("$default"), &json!("POST"))
        );
        assert_eq!(context["time"], "21/Nov/2026:10:15:30 +0000");
        assert_eq!(context["timeEpoch"], 1_795_256_130_000_i64);
    }

    #[test]
    fn what_is_no_text_is_in_base64() {
        for (media_type, body, text, is_base64) in [
            ("application/octet-stream", &b"abc"[..], "YWJj", true),
            ("text/plain", b"abc", "abc", false),
            ("application/problem+json", b"{}", "{}", false),
            ("text/plain", b"\xff", "/w==", true),
        ] {
            let request = Request::post("/").header("content-type", media_type);
            let event = event_of(request.body(body).unwrap());
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!(text), &json!(is_base64))
            );
        }
        let event = event_of(Request::get("/").body(&b""[..]).unwrap());
        assert_eq!(
            (&event["body"], &event["cookies"]),
            (&Value::Null, &Value::Null)
        );
    }
}
