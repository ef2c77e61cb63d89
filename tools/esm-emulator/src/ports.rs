//! What a mapping needs from outside: records, a function, a place for what fails.
//!
//! The ports know nothing of retries, batches or commits' order; that is the scheduler's.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

use crate::destination::Destination;
use crate::record::Record;

/// A consumer of one topic in one group, with manual commits.
///
/// A mapping calls [`assign`](Self::assign) first and polls afterwards. Records of a partition come in
/// ascending order of offset; a record delivered twice is ignored.
pub trait Source: Send {
    /// Returns `host:port,…` as it stands in the event.
    fn bootstrap_servers(&self) -> String;

    /// Takes the partitions, each from its committed offset or, without one, from the starting position.
    ///
    /// Called again it starts over from the committed offsets, as after a rebalance, with no partition paused.
    fn assign(&mut self) -> impl Future<Output = Result<Vec<PartitionStart>, SourceError>> + Send;

    /// Waits for at least one record and returns at most `records_max`.
    ///
    /// It is dropped and called again all the time: a dropped call must not lose a record.
    fn poll(
        &mut self,
        records_max: usize,
    ) -> impl Future<Output = Result<Vec<Record>, SourceError>> + Send;

    /// Stops or restarts fetching one partition; records fetched before may still come.
    ///
    /// # Errors
    /// If the client refuses; the mapping counts it and goes on.
    fn set_paused(&mut self, partition: i32, paused: bool) -> Result<(), SourceError>;

    /// Commits positions for the group; either all of them or an error.
    fn commit(
        &mut self,
        positions: &[CommitPosition],
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Asks for the offset the next produced record of each partition will get.
    ///
    /// The question runs beside everything else, so it borrows nothing.
    fn end_offsets(&self) -> EndOffsets;

    /// Leaves the topic; nothing is called afterwards.
    fn close(&mut self) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// A question for the end offsets, by partition.
pub type EndOffsets = Pin<Box<dyn Future<Output = Result<Vec<(i32, i64)>, SourceError>> + Send>>;

/// Where a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStart {
    /// Partition number.
    pub partition: i32,
    /// Offset of the first record to read: the committed offset, if there is one.
    pub offset: i64,
}

/// A position to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPosition {
    /// Partition number.
    pub partition: i32,
    /// Offset behind the last finished record: the next one to read.
    pub offset: i64,
}

/// Why a source failed.
#[derive(Debug, Error)]
#[error("{attempt}")]
pub struct SourceError {
    /// What was attempted, such as `cannot commit offsets`.
    pub attempt: &'static str,
    /// The client's error.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl SourceError {
    /// Wraps a client's error.
    pub fn new(attempt: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            attempt,
            source: source.into(),
        }
    }
}

/// Invokes a function synchronously.
pub trait Invoke: Send + Sync + 'static {
    /// Sends one event and returns the function's answer.
    fn invoke(
        &self,
        request: InvokeRequest,
    ) -> impl Future<Output = Result<InvokeAnswer, InvokeError>> + Send;
}

/// An invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeRequest {
    /// `FunctionName` of the mapping: name, ARN, version or alias.
    pub function_name: String,
    /// The event, JSON.
    pub event: Vec<u8>,
}

/// The answer with status 200; the function may still have failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvokeAnswer {
    /// `X-Amz-Function-Error`: the function failed.
    pub function_error: Option<String>,
    /// `X-Amz-Executed-Version`.
    pub executed_version: Option<String>,
    /// The response body.
    pub body: Vec<u8>,
}

impl InvokeAnswer {
    /// Makes the answer of a function that returned a body.
    #[must_use]
    pub fn returned(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    /// Makes the answer of a function that failed.
    #[must_use]
    pub fn failed() -> Self {
        Self {
            function_error: Some("Unhandled".to_owned()),
            ..Self::default()
        }
    }
}

/// Why there is no answer with status 200.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// Status 429: no free concurrency.
    #[error("the function is throttled (status 429)")]
    Throttled,
    /// No answer within the limit: the function may have run.
    #[error("the invocation did not end in time")]
    TimedOut,
    /// Any other status.
    #[error("the Invoke API answered with status {status}: {reason}")]
    Status {
        /// HTTP status.
        status: u16,
        /// `X-Amzn-ErrorType`, or the beginning of the body.
        reason: String,
    },
    /// No HTTP answer at all.
    #[error("the Invoke API cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

/// Wraps an async closure, so that a function in the same process can be invoked.
#[derive(Debug, Clone)]
pub struct InvokeFn<F>(pub F);

impl<F, A> Invoke for InvokeFn<F>
where
    F: Fn(InvokeRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Result<InvokeAnswer, InvokeError>> + Send,
{
    async fn invoke(&self, request: InvokeRequest) -> Result<InvokeAnswer, InvokeError> {
        (self.0)(request).await
    }
}

/// Delivers on-failure documents.
pub trait OnFailure: Send + Sync + 'static {
    /// Delivers one document; it is not tried again (esm-spec §3).
    fn deliver(
        &self,
        message: OnFailureMessage,
    ) -> impl Future<Output = Result<(), OnFailureError>> + Send;
}

/// One on-failure document on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnFailureMessage {
    /// The configured destination.
    pub destination: Destination,
    /// The document (esm-spec §3.1), JSON.
    pub body: String,
}

/// Why a document was not delivered; its records count as dropped all the same.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnFailureError {
    /// The document is larger than the destination takes.
    #[error("the document has {bytes} bytes, more than the {bytes_max} the destination takes")]
    TooLarge {
        /// Size of the document.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// This adapter cannot deliver there.
    #[error("cannot deliver to {0:?}")]
    Unsupported(Destination),
    /// The destination refused.
    #[error("the destination answered with status {status}: {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        reason: String,
    },
    /// The destination did not answer in time.
    #[error("the destination did not answer in time")]
    TimedOut,
    /// There is no connection to the destination.
    #[error("the destination cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

/// For mappings without an on-failure destination: refuses every document.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOnFailure;

impl OnFailure for NoOnFailure {
    async fn deliver(&self, message: OnFailureMessage) -> Result<(), OnFailureError> {
        Err(OnFailureError::Unsupported(message.destination))
    }
}
