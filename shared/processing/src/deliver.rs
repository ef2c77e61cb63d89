//! What an author writes for effects outside the database: an asynchronous delivery, tried under a lease.
//!
//! At most one delivery of an event is under way at a time, and none follows one that was completed. What
//! no protocol can rule out is stated: a delivery whose answer is lost (a crash after the send) is made
//! again, under the same [`Attempt::token`].

use std::time::Duration;

use event_schema::Incoming;

use crate::record::Record;
use crate::rejection::Rejection;

/// A handler whose effect lies outside the database: an e-mail, a call to another system.
pub trait Deliver: Send + Sync + 'static {
    /// The event that the handler's topic carries, or one of several ([`event_schema::one_of!`]).
    type Event: Incoming;
    /// The function's name. It scopes everything that is stored and never changes.
    const NAME: &'static str;
    /// How often and when a failed delivery is tried again.
    const RETRY: Retry = Retry::DEFAULT;

    /// Makes one attempt to deliver.
    ///
    /// It is dropped when the invocation's time is up.
    ///
    /// # Errors
    /// [`Rejection::transient`] has it tried again, in this invocation or a later one, until
    /// [`Deliver::RETRY`] is used up; [`Rejection::permanent`] makes the record a dead letter at once.
    fn deliver(
        &self,
        record: &Record<Self::Event>,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), Rejection>> + Send;
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The same for every attempt at this delivery: hand it to systems that know idempotency keys.
    pub token: String,
    /// From 1, counted over all invocations.
    pub number: u32,
    /// What is left of the invocation.
    pub remaining: Duration,
}

/// How often and when a failed delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first.
    pub retries_max: u32,
    /// How the pauses between tries grow.
    pub pause: Pause,
}

/// How the pauses between tries grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Always the same.
    Fixed(Duration),
    /// Doubled each time from `first` up to `max`, of which a random share is waited.
    Exponential {
        /// The ceiling of the first pause.
        first: Duration,
        /// The ceiling of every pause.
        max: Duration,
    },
}

impl Retry {
    /// Three retries, a second apart.
    pub const DEFAULT: Self = Self {
        retries_max: 3,
        pause: Pause::Fixed(Duration::from_secs(1)),
    };

    pub(crate) fn attempts_max(self) -> u32 {
        self.retries_max.saturating_add(1)
    }
}
