//! The other ports of the engine: time, and the place where dead letters go.
//!
//! The engine has no clock and no network of its own; a test hands it a virtual clock and a queue in
//! memory, a function hands it the system's and SQS.

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
    #[error("the dead letter has {bytes} bytes, more than the queue's {bytes_max}")]
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
