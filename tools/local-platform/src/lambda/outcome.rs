//! What an invocation can come to, in the words Lambda uses for it.
//!
//! It decides nothing: who timed out or crashed is found out by the environment.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::json;

use super::PAYLOAD_BYTES_MAX;

/// The one value Lambda's `X-Amz-Function-Error` header has for custom runtimes.
const UNHANDLED: &str = "Unhandled";

/// What a function that was run came to (Lambda's Invoke page).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The HTTP status of the Invoke API: 200 also when the function failed.
    pub status: u16,
    /// The value of `X-Amz-Function-Error`; none when the function succeeded.
    pub function_error: Option<String>,
    /// The function's answer, or the JSON that describes its error.
    pub payload: Vec<u8>,
}

impl Invocation {
    pub(super) fn success(payload: Bytes) -> Self {
        Self {
            status: 200,
            function_error: None,
            payload: payload.into(),
        }
    }

    pub(super) fn failure(payload: Bytes) -> Self {
        Self {
            status: 200,
            function_error: Some(UNHANDLED.to_owned()),
            payload: payload.into(),
        }
    }

    /// Tells whether the function answered without an error.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == 200 && self.function_error.is_none()
    }
}

/// Why a function was not run (Lambda's Invoke page).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// No function has this name: 404 `ResourceNotFoundException`.
    #[error("function {name:?} does not exist")]
    UnknownFunction {
        /// The name asked for.
        name: String,
    },
    /// All environments are busy and no more may be started: 429 `TooManyRequestsException`.
    #[error("all {environments_max} environments of function {name:?} are busy")]
    Throttled {
        /// The function.
        name: String,
        /// Its limit.
        environments_max: usize,
    },
    /// The payload is too large: 413 `RequestTooLargeException`.
    #[error("the payload of {bytes} bytes is larger than {PAYLOAD_BYTES_MAX} bytes")]
    PayloadTooLarge {
        /// The size of the payload.
        bytes: usize,
    },
    /// The payload is not JSON: 400 `InvalidRequestContentException`.
    #[error("the payload is not JSON: {problem}")]
    NotJson {
        /// What the parser said.
        problem: String,
    },
    /// The local Lambda is shutting down, or environments ended before they took the work: 500.
    #[error("the invocation was given up before the function took it")]
    Stopped,
}

/// How an environment failed its invocation without an answer of the function's own.
#[derive(Debug)]
pub(super) enum Failure {
    TimedOut { timeout: Duration },
    InitTimedOut { timeout: Duration },
    Exited { status: io::Result<ExitStatus> },
    ResponseTooLarge { bytes: usize },
    NotStarted { binary: PathBuf, source: io::Error },
}

impl Failure {
    /// Describes the failure as Lambda does, as an invocation with a function error.
    pub(super) fn invocation(&self, request_id: &str) -> Invocation {
        let (error_type, problem) = self.parts();
        let document = json!({
            "errorType": error_type,
            "errorMessage": format!("RequestId: {request_id} Error: {problem}"),
        });
        Invocation::failure(document.to_string().into())
    }

    fn parts(&self) -> (&'static str, String) {
        match self {
            Self::TimedOut { timeout } => {
                let seconds = timeout.as_secs_f64();
                (
                    "Sandbox.Timedout",
                    format!("Task timed out after {seconds:.2} seconds"),
                )
            }
            Self::InitTimedOut { timeout } => {
                let seconds = timeout.as_secs_f64();
                (
                    "Sandbox.Timedout",
                    format!("Init timed out after {seconds:.2} seconds"),
                )
            }
            Self::Exited { status } => ("Runtime.ExitError", exit_reason(status)),
            Self::ResponseTooLarge { bytes } => (
                "Function.ResponseSizeTooLarge",
                format!(
                    "Response payload size ({bytes} bytes) exceeded maximum allowed payload size \
                     ({PAYLOAD_BYTES_MAX} bytes)."
                ),
            ),
            Self::NotStarted { binary, source } => (
                "Runtime.InvalidEntrypoint",
                format!("fork/exec {}: {source}", binary.display()),
            ),
        }
    }
}

fn exit_reason(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
            (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
            (None, None) => "Runtime exited with error".to_owned(),
        },
        Err(error) => format!("Runtime exited with an unknown status: {error}"),
    }
}
