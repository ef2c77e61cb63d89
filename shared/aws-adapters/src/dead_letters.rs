//! The dead-letter queue on SQS: letters as messages, in as few calls as they fit.
//!
//! Each entry's result is read, so that one refused letter leaves one record unfinished.
//! The SDK's own retries are on: a letter that is sent twice carries the same id.
//! A letter that is too large even compressed goes to a bucket, and a pointer to the queue; without a bucket it is
//! reported, not cut.

mod document;
mod on_failure;
mod packing;
mod pointer;
mod queue_message;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures_util::{FutureExt, StreamExt, stream};
use processing::{
    Cause, DeadLetter, DeadLetterError, DeadLetters, PAYLOADS_IN_FLIGHT_MAX, Payloads,
};

use crate::S3Payloads;
use crate::call::CallError;
use packing::{Message, calls, message, pointing};
use pointer::Stored;

pub use document::{
    DEAD_LETTER_VERSION, DeadLetterDocument, DocumentError, MESSAGE_BYTES_MAX, RECORD_BYTES_MAX,
};
pub use on_failure::{OffsetRange, OnFailureDocument};
pub use packing::{CALL_BYTES_MAX, CALL_ENTRIES_MAX};
pub use pointer::{LETTER_BYTES_MAX, LETTER_PREFIX};
pub use queue_message::QueueMessage;

/// Times that the SDK makes one call.
const CALL_TRIES_MAX: u32 = 3;
/// Time to open a connection; inside a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time of one try; a call may carry 1 MiB.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Dead letters in a standard SQS queue.
///
/// Clones share the client and its connections.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    queue_url: String,
    overflow: Option<S3Payloads>,
}

/// What SQS says of an entry that it did not take.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("SQS refused the message ({code})")]
    Refused { code: String },
    #[error("SQS gave no result for the message")]
    NoResult,
}

impl SqsDeadLetters {
    /// Creates the port over a standard queue.
    ///
    /// Of the client it keeps endpoint, region, credentials and connections, and sets retries and timeouts.
    #[must_use]
    pub fn new(client: &Client, queue_url: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(TRY_TIMEOUT)
            .build();
        let config = client
            .config()
            .to_builder()
            .retry_config(RetryConfig::standard().with_max_attempts(CALL_TRIES_MAX))
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            queue_url: queue_url.into(),
            overflow: None,
        }
    }

    /// The same port with a bucket for letters that the queue does not take.
    #[must_use]
    pub fn with_overflow(self, overflow: Option<S3Payloads>) -> Self {
        Self { overflow, ..self }
    }

    /// Writes a letter's message; a letter that is too large for one goes to the bucket first.
    async fn message(&self, letter: &DeadLetter) -> Result<Message, DeadLetterError> {
        let (error, payloads) = match (message(letter), &self.overflow) {
            (Err(error @ DeadLetterError::TooLarge { .. }), Some(payloads)) => (error, payloads),
            (written, _) => return written,
        };
        let bucket = payloads.bucket().unwrap_or_default();
        let Some(stored) = Stored::new(letter, bucket).map_err(unavailable)? else {
            return Err(error);
        };
        let (bytes, bytes_max) = (stored.body.len(), LETTER_BYTES_MAX);
        if bytes > bytes_max {
            return Err(DeadLetterError::TooLarge { bytes, bytes_max });
        }
        let put = payloads.put(stored.check.key(), stored.body.as_bytes());
        put.await.map_err(unavailable)?;
        let body = stored.pointer(letter.id).map_err(unavailable)?;
        Ok(pointing(letter, body))
    }

    /// Sends the messages of one call; the letters' places with their results.
    async fn send_call(
        &self,
        messages: Vec<(usize, Message)>,
    ) -> Vec<(usize, Result<(), DeadLetterError>)> {
        let places: Vec<usize> = messages.iter().map(|(place, _)| *place).collect();
        let entries = messages
            .into_iter()
            .map(|(place, message)| entry(place, message));
        let sent = match entries.collect::<Result<Vec<_>, BuildError>>() {
            Ok(entries) => self.call(entries).await,
            Err(error) => Err(Failure::Build(error.to_string())),
        };
        match sent {
            Ok(output) => {
                let mut results = results(&output);
                let mut result = |place| {
                    results
                        .remove(&place)
                        .unwrap_or(Err(EntryError::NoResult))
                        .map_err(unavailable)
                };
                places
                    .into_iter()
                    .map(|place| (place, result(place)))
                    .collect()
            }
            Err(failure) => places
                .into_iter()
                .map(|place| (place, Err(unavailable(failure.clone()))))
                .collect(),
        }
    }

    async fn call(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<SendMessageBatchOutput, Failure> {
        let call = self.client.send_message_batch().queue_url(&self.queue_url);
        // Boxed for the same reason as the store's calls.
        let sent = call.set_entries(Some(entries)).send().boxed().await;
        sent.map_err(|error| Failure::Call(CallError::new("SendMessageBatch", error)))
    }
}

/// Why a whole call failed; each of its letters gets a copy.
#[derive(Clone, Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(CallError),
    #[error("a request cannot be put together: {0}")]
    Build(String),
}

impl DeadLetters for SqsDeadLetters {
    async fn send(&self, letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
        let mut results: HashMap<usize, Result<(), DeadLetterError>> = HashMap::new();
        let mut messages = Vec::new();
        let written = letters
            .iter()
            .enumerate()
            .map(|(place, letter)| async move { (place, self.message(letter).await) });
        let written: Vec<_> = written.collect();
        let written: Vec<_> = stream::iter(written)
            .buffered(PAYLOADS_IN_FLIGHT_MAX)
            .collect()
            .await;
        for (place, written) in written {
            match written {
                Ok(message) => messages.push((place, message)),
                Err(error) => {
                    results.insert(place, Err(error));
                }
            }
        }
        for call in calls(messages) {
            results.extend(self.send_call(call).await);
        }
        let in_order = (0..letters.len()).map(|place| {
            results
                .remove(&place)
                .unwrap_or_else(|| Err(unavailable(EntryError::NoResult)))
        });
        in_order.collect()
    }
}

fn entry(place: usize, message: Message) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let attributes = message.attributes.into_iter().map(|(name, value)| {
        let value = MessageAttributeValue::builder()
            .data_type(packing::STRING)
            .string_value(value);
        Ok((name.to_owned(), value.build()?))
    });
    SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(message.body)
        .set_message_attributes(Some(attributes.collect::<Result<_, BuildError>>()?))
        .build()
}

fn results(output: &SendMessageBatchOutput) -> HashMap<usize, Result<(), EntryError>> {
    let place = |id: &str| id.parse::<usize>().ok();
    let taken = output
        .successful
        .iter()
        .filter_map(|entry| Some((place(&entry.id)?, Ok(()))));
    let refused = output.failed.iter().filter_map(|entry| {
        Some((
            place(&entry.id)?,
            Err(EntryError::Refused {
                code: entry.code.clone(),
            }),
        ))
    });
    // A letter that is in both lists counts as refused: it is then sent once more, and not lost.
    taken.chain(refused).collect()
}

fn unavailable(cause: impl Into<Cause>) -> DeadLetterError {
    DeadLetterError::Unavailable(cause.into())
}

/// What its fuzz target checks; the two cannot share a crate, for sanitizers and the SDK do not go together.
#[cfg(test)]
#[path = "../fuzz/checks.rs"]
mod fuzz_checks;

#[cfg(test)]
mod tests;
