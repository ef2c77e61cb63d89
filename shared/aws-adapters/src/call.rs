//! What a failed call to an AWS service means, and what is kept of it for the log.
//!
//! It does not try again and does not decide: it sorts errors into the few classes that callers act on.

use std::error::Error;
use std::sync::Arc;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// What follows from a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service asked for patience; nothing happened.
    Throttled,
    /// No answer came, or one that says nothing: the call may have had its effect.
    NoAnswer,
    /// The service will never accept this request; nothing happened.
    Refused,
    /// Access denied, resource missing, or the like; nothing happened.
    Denied,
}

/// A failed call, for the cause chain: which one, the service's code, and the request to ask AWS about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed ({code}, request {request_id})")]
pub(crate) struct CallError {
    operation: &'static str,
    code: String,
    request_id: String,
    source: Arc<dyn Error + Send + Sync>,
}

impl CallError {
    pub(crate) fn new<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self {
            operation,
            code: error.code().unwrap_or("no code").to_owned(),
            request_id: error.request_id().unwrap_or("unknown").to_owned(),
            source: Arc::new(error),
        }
    }
}

/// Classifies a failed call of `DynamoDB` or SQS.
pub(crate) fn fault<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Fault {
    match error {
        // The request was never put together, so it was never sent.
        SdkError::ConstructionFailure(_) => Fault::Denied,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            Fault::NoAnswer
        }
        SdkError::ServiceError(answer) => {
            let server_error = answer.raw().status().is_server_error();
            service_fault(error.code().unwrap_or_default(), server_error)
        }
        // The SDK's enum may grow; a kind that is not known leaves the outcome open.
        _ => Fault::NoAnswer,
    }
}

/// Classifies a service's own error ("Error handling with `DynamoDB`", `TransactWriteItems` errors).
fn service_fault(code: &str, server_error: bool) -> Fault {
    match code {
        "ThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled" => Fault::Throttled,
        // The same token is being worked on: only sending it again tells how that ended.
        "TransactionInProgressException" => Fault::NoAnswer,
        "IdempotentParameterMismatchException"
        | "IdempotentParameterMismatch"
        | "ValidationException" => Fault::Refused,
        _other if server_error => Fault::NoAnswer,
        _other => Fault::Denied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_told_from_outages() {
        assert_eq!(
            service_fault("ThrottlingException", false),
            Fault::Throttled
        );
        assert_eq!(
            service_fault("RequestLimitExceeded", false),
            Fault::Throttled
        );
        assert_eq!(service_fault("InternalServerError", true), Fault::NoAnswer);
        assert_eq!(service_fault("", true), Fault::NoAnswer);
    }

    #[test]
    fn what_can_never_be_accepted_is_told_from_what_is_denied() {
        assert_eq!(service_fault("ValidationException", false), Fault::Refused);
        assert_eq!(
            service_fault("IdempotentParameterMismatchException", false),
            Fault::Refused
        );
        assert_eq!(service_fault("AccessDeniedException", false), Fault::Denied);
        assert_eq!(
            service_fault("ResourceNotFoundException", false),
            Fault::Denied
        );
    }

    #[test]
    fn a_transaction_in_progress_has_an_open_outcome() {
        assert_eq!(
            service_fault("TransactionInProgressException", false),
            Fault::NoAnswer
        );
    }
}
