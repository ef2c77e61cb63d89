//! Problem details (RFC 9457): what a client is told when its request is not done.
//!
//! No text here holds a value of a request; names of fields that a client made up come back to it alone.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use processing::Refusal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::Answer;

/// The most field problems of one answer.
pub const FIELD_PROBLEMS_MAX: usize = 100;
/// The media type.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// Stands before the code of a problem to make its type.
const TYPE_PREFIX: &str = "urn:tailrace:problem:";

/// What went wrong, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// The kind of problem: `urn:tailrace:problem:` and its code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the status means.
    pub title: String,
    /// The status of the response.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The kind of problem, as a stable code.
    pub code: String,
    /// What was wrong, and what would be right.
    pub detail: String,
    /// This occurrence: the request's id, by which its log lines are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What is wrong with single fields of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default, length(max = FIELD_PROBLEMS_MAX))]
    pub errors: Vec<FieldProblem>,
    /// What it is called in logs.
    #[serde(skip)]
    logged: (&'static str, Vec<String>),
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldProblem {
    /// The field, as a JSON Pointer into the body (RFC 6901).
    pub pointer: String,
    /// The kind of problem, as a stable code.
    pub code: String,
    /// What would be right.
    pub detail: String,
}

impl Problem {
    /// Creates one, in a box because it travels as an error.
    ///
    /// The code is stable, in `snake_case`, from a bounded set, and listed in the README.
    pub(crate) fn new(
        code: &'static str,
        status: StatusCode,
        detail: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
            logged: (code, Vec::new()),
            header: None,
        })
    }

    /// Adds what is wrong with single fields.
    pub(crate) fn with_errors(mut self: Box<Self>, errors: Vec<FieldProblem>) -> Box<Self> {
        self.errors = errors;
        self
    }

    /// Adds which methods would be right.
    pub(crate) fn allowing(mut self: Box<Self>, methods: &'static str) -> Box<Self> {
        self.header = Some((ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// Adds after how many seconds it may be tried again.
    pub(crate) fn retry_after(mut self: Box<Self>, seconds: u16) -> Box<Self> {
        self.header = Some((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// Adds what is logged of it and not told to the client.
    pub(crate) fn caused_by(mut self: Box<Self>, refusal: &Refusal) -> Box<Self> {
        self.logged = (refusal.code, refusal.chain.clone());
        self
    }

    /// Writes the response; a request id that is a UUID names the occurrence.
    pub(crate) fn into_answer(mut self: Box<Self>, request_id: &str) -> Answer {
        self.instance = is_uuid(request_id).then(|| format!("urn:uuid:{request_id}"));
        // Texts and a number always can be written.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.extend(self.header);
        let (code, causes) = self.logged;
        Answer {
            response,
            code,
            causes,
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let is_in_place = |(n, byte): (usize, u8)| match n {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_in_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occurrence_is_named_by_a_request_id_that_is_a_uuid() {
        let id = "8f2d0c9e-1d1f-4b8e-9a57-0f6f0f6f0f6f";
        let body = |id| {
            let problem = Problem::new("not_found", StatusCode::NOT_FOUND, "no such path");
            problem.into_answer(id).response.into_body()
        };
        assert!(body(id).contains(&format!("\"instance\":\"urn:uuid:{id}\"")));
        assert!(!body("request").contains("instance"));
    }
}
