//! The other ports of the engine: time, the places where dead letters go and where large values lie.
//!
//! The engine has no clock and no network of its own; a test hands it a virtual clock and a queue in
//! memory, a function hands it the system's, SQS and S3.

use std::future::Future;
use std::time::Duration;

use event_schema::Timestamp;

use crate::dead_letter::DeadLetter;
use crate::store::Cause;

/// Tells the time and waits.
pub trait Timer: Send + Sync + 'static {
    /// The present, in milliseconds since the epoch.
    fn now(&self) -> Timestamp;

    /// Waits; cancelled by dropping the future.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Why a dead letter could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The queue could not be reached, failed or refused; the record stays unfinished.
    #[error("the dead-letter queue did not take the message")]
    Unavailable(#[source] Cause),
    /// The message is larger than the queue takes, even compressed; the record stays unfinished.
    #[error(
        "the dead letter has {bytes} bytes of at most {bytes_max}; one that is too large for the queue goes to \
         the bucket that OVERFLOW_BUCKET names, where it is set"
    )]
    TooLarge {
        /// Bytes of the message with its attributes.
        bytes: usize,
        /// What the queue takes.
        bytes_max: usize,
    },
}

impl DeadLetterError {
    /// The bounded code of the cause, for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "dead_letter_unsent",
            Self::TooLarge { .. } => "dead_letter_too_large",
        }
    }
}

/// Keeps records that cannot be processed until an operator looks at them.
pub trait DeadLetters: Send + Sync + 'static {
    /// Stores each letter durably; one result a letter, in their order.
    ///
    /// A letter may be sent twice; it then carries the same id.
    fn send(
        &self,
        letters: &[DeadLetter],
    ) -> impl Future<Output = Vec<Result<(), DeadLetterError>>> + Send;
}

/// Why a large value was not kept or fetched.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The bucket could not be reached, failed or refused; the record stays unfinished.
    #[error("the bucket for large values did not answer as it should")]
    Unavailable(#[source] Cause),
    /// There is no object of this key.
    #[error("the bucket for large values has no object of this key")]
    Missing,
    /// The object is larger than what was asked for.
    #[error("the object has more than the {bytes_max} bytes that its reference says")]
    TooLarge {
        /// What was asked for.
        bytes_max: usize,
    },
}

/// Keeps values that are too large to travel where they belong, in one bucket.
pub trait Payloads: Send + Sync + 'static {
    /// Returns the bucket's name; without one, nothing is kept and nothing is fetched.
    fn bucket(&self) -> Option<&str>;

    /// Stores a value durably. Storing it again is harmless, and renews its age.
    fn put(&self, key: &str, value: &[u8])
    -> impl Future<Output = Result<(), PayloadError>> + Send;

    /// Fetches a value whole, reading no more than `bytes_max` and a little.
    fn get(
        &self,
        key: &str,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Vec<u8>, PayloadError>> + Send;
}

/// A bucket where there is one.
impl<P: Payloads> Payloads for Option<P> {
    fn bucket(&self) -> Option<&str> {
        self.as_ref()?.bucket()
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), PayloadError> {
        match self {
            Some(payloads) => payloads.put(key, value).await,
            None => NoPayloads.put(key, value).await,
        }
    }

    async fn get(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        match self {
            Some(payloads) => payloads.get(key, bytes_max).await,
            None => NoPayloads.get(key, bytes_max).await,
        }
    }
}

/// No bucket at all: events that are too large are dead letters, in and out.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPayloads;

impl Payloads for NoPayloads {
    fn bucket(&self) -> Option<&str> {
        None
    }

    async fn put(&self, _key: &str, _value: &[u8]) -> Result<(), PayloadError> {
        Err(PayloadError::Unavailable("there is no bucket".into()))
    }

    async fn get(&self, _key: &str, _bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        Err(PayloadError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_was_not_taken_has_a_code() {
        let unavailable = DeadLetterError::Unavailable("no route".into());
        assert_eq!(unavailable.code(), "dead_letter_unsent");
        let too_large = DeadLetterError::TooLarge {
            bytes: 2,
            bytes_max: 1,
        };
        assert_eq!(too_large.code(), "dead_letter_too_large");
    }
}
