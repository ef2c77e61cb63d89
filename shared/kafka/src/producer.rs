//! The producer: events in order, all acknowledged, and without gaps.
//!
//! librdkafka sends batches of one partition side by side and sends them again when a broker wants it. Three of
//! its ways would leave a gap, that is an event on the topic whose forerunner under the same key is not there,
//! and are closed here:
//!
//! * *It gives up a batch after so many retries or after `message.timeout.ms`, and goes on with the next.* Neither
//!   limit is set: it tries again, in order, until this module ends the attempt, which ends the whole client.
//! * *A broker refuses a batch for good while the next is on its way.* Under `enable.gapless.guarantee` the client
//!   then stops for good; a new one takes its place in [`slot`].
//! * *A broker takes any first batch of a producer that it has not seen on a partition.* The broker's check of
//!   sequence numbers would thus miss a gap at the very beginning. The first event of each key therefore goes
//!   first, and those behind it follow when it is acknowledged ([`attempt`]).
//!
//! It does not promise that an event is there once: what was not acknowledged may be there, and a caller that
//! publishes it again may double it. The first occurrences of a key's events are in order all the same.

mod attempt;
mod slot;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::time::Instant;

use crate::client::{Tokens, tokens};
use crate::error::{Code, Outcome, PublishError, code_of, what_to_check};
use crate::event::OutgoingEvent;
use crate::metrics::{Counters, ProducerMetrics};
use crate::settings::Settings;
use attempt::{Attempt, End};
use slot::Slot;

/// Publishes events to Kafka.
pub trait Publish: Send + Sync + 'static {
    /// Publishes these events and returns when all of them are acknowledged, at the latest after `limit`.
    ///
    /// Events of one topic and key are on it in the order of the slice, and none of them is there unless all
    /// before it are; between keys there is no order. Calls at the same time have no order between them. After
    /// a failure, nothing of the call is sent any more. Publishing the same events again may double them.
    /// A call that is dropped before it returns has sent any part of its events.
    ///
    /// # Errors
    /// [`PublishError`] tells why, and what is known of each event.
    fn publish(
        &self,
        events: &[OutgoingEvent],
        limit: Duration,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// The producer of a process: make one, share it.
///
/// Inside it is one client of librdkafka at a time. One that stopped for good is replaced when it is needed
/// next, after it has ended. Dropping the producer takes up to about a second and blocks.
#[derive(Debug)]
pub struct KafkaProducer {
    slot: Slot,
    settings: Settings,
    counters: Arc<Counters>,
}

impl KafkaProducer {
    /// Makes the producer, which begins to connect in the background.
    ///
    /// With [`Security::MskIam`](crate::Security::MskIam), tokens come from the SDK's default credentials provider.
    ///
    /// # Errors
    /// [`Code::ClientNotCreated`] if the client library refuses the settings.
    pub fn new(settings: &Settings) -> Result<Self, PublishError> {
        let tokens = tokens(settings)
            .map_err(|message| Failure::coded(Code::ClientNotCreated, None, message))
            .map_err(|failure| failure.into_error(Vec::new()))?;
        Self::with_tokens(settings, tokens)
    }

    /// Makes the producer with tokens of another origin.
    ///
    /// # Errors
    /// As [`Self::new`].
    #[cfg(feature = "msk-iam-admin")]
    pub fn with_token_source(
        settings: &Settings,
        source: Arc<dyn crate::TokenSource>,
    ) -> Result<Self, PublishError> {
        let tokens = Tokens::from(source);
        Self::with_tokens(settings, tokens)
    }

    fn with_tokens(settings: &Settings, tokens: Tokens) -> Result<Self, PublishError> {
        let slot = Slot::new(settings, tokens).map_err(|failure| failure.into_error(Vec::new()))?;
        Ok(Self {
            slot,
            settings: settings.clone(),
            counters: Arc::default(),
        })
    }

    /// What was published so far.
    #[must_use]
    pub fn metrics(&self) -> ProducerMetrics {
        self.counters.read()
    }

    /// Finds the first event that can be refused without asking anyone.
    fn refused(&self, events: &[OutgoingEvent], outcomes: &mut [Outcome]) -> Option<Failure> {
        let bytes_max = self.settings.event_bytes_max;
        let refused = events.iter().enumerate().find_map(|(index, event)| {
            if let Some(problem) = event.topic_problem() {
                return Some((index, Code::InvalidTopic, problem));
            }
            let bytes = event.bytes() as u64;
            let problem = || {
                let id = &event.event_id;
                format!(
                    "event {id:?} has {bytes} bytes of key, value and headers; \
                     KAFKA_EVENT_BYTES_MAX allows {bytes_max}"
                )
            };
            (bytes > bytes_max).then(|| (index, Code::EventTooLarge, problem()))
        });
        let (index, code, message) = refused?;
        if let Some(outcome) = outcomes.get_mut(index) {
            *outcome = Outcome::Refused;
        }
        Some(Failure {
            index: Some(index),
            ..Failure::coded(code, None, message)
        })
    }

    /// Attempts to publish until all is acknowledged, or a failure is final.
    ///
    /// It ends: each turn is the last, uses up a retry, or acknowledges events that were suspected.
    async fn attempts(
        &self,
        events: &[OutgoingEvent],
        limits: Limits,
        outcomes: &mut [Outcome],
    ) -> Result<(), Failure> {
        let mut suspects: Vec<usize> = Vec::new();
        let mut retries_left = self.settings.retries;
        while outcomes.iter().any(|one| *one != Outcome::Acknowledged) {
            let client = self.slot.current(limits).await?;
            let attempt = Attempt {
                client: &client,
                events,
                limits,
                counters: &self.counters,
            };
            let end = if suspects.is_empty() {
                attempt.all(outcomes).await
            } else {
                let suspects = std::mem::take(&mut suspects);
                attempt.one_by_one(&suspects, outcomes).await
            };
            match end {
                End::Acknowledged => (),
                // One event of a refused batch is to blame: alone, it is the one that is refused again.
                End::Refused(refused) if refused.len() > 1 => {
                    suspects = refused.into_iter().map(|(index, _)| index).collect();
                }
                End::Refused(refused) => return Err(Failure::refused(events, refused)),
                End::Failed(failure) if failure.passes() && retries_left > 0 => retries_left -= 1,
                End::Failed(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

impl Publish for KafkaProducer {
    async fn publish(&self, events: &[OutgoingEvent], limit: Duration) -> Result<(), PublishError> {
        let mut outcomes = vec![Outcome::NotSent; events.len()];
        let limits = Limits::of(limit.min(self.settings.message_timeout));
        let result = match self.refused(events, &mut outcomes) {
            Some(failure) => Err(failure),
            None => self.attempts(events, limits, &mut outcomes).await,
        };
        result.map_err(|failure| {
            let is_open = |one: &&Outcome| **one != Outcome::Acknowledged;
            self.counters
                .failed(outcomes.iter().filter(is_open).count());
            failure.into_error(outcomes)
        })
    }
}

/// When a call has to end.
#[derive(Clone, Copy, Debug)]
struct Limits {
    whole: Duration,
    deadline: Instant,
}

impl Limits {
    fn of(whole: Duration) -> Self {
        let deadline = Instant::now() + whole;
        Self { whole, deadline }
    }
}

/// Why a call fails; with the outcomes it becomes a [`PublishError`].
#[derive(Debug)]
struct Failure {
    code: Code,
    index: Option<usize>,
    message: String,
    source: Option<Box<KafkaError>>,
}

impl Failure {
    /// A failure that an error of the client library tells of, with what to check where an operator can help.
    fn of(error: KafkaError, what: impl Into<String>) -> Self {
        Self::coded(code_of(&error), Some(error), what)
    }

    fn coded(code: Code, source: Option<KafkaError>, what: impl Into<String>) -> Self {
        let mut message = what.into();
        if let Some(hint) = what_to_check(code) {
            message = format!("{message}; {hint}");
        }
        Self {
            code,
            index: None,
            message,
            source: source.map(Box::new),
        }
    }

    /// The first of these events is to blame.
    fn refused(events: &[OutgoingEvent], refused: Vec<(usize, KafkaError)>) -> Self {
        let Some((index, error)) = refused.into_iter().next() else {
            return Self::coded(Code::Interrupted, None, "an event was refused");
        };
        let named = events.get(index).map_or_else(String::new, |event| {
            format!("event {:?} for topic {:?}", event.event_id, event.topic)
        });
        let failure = Self::of(error, format!("the broker refuses {named} for good"));
        Self {
            index: Some(index),
            ..failure
        }
    }

    fn deadline(limits: Limits, detail: Option<String>) -> Self {
        let last = detail.map_or_else(String::new, |last| {
            format!("; the client's last error was: {last}")
        });
        let what = format!(
            "not acknowledged within {} ms{last}",
            limits.whole.as_millis()
        );
        Self::coded(Code::DeadlinePassed, None, what)
    }

    /// Whether a new client may succeed at once.
    fn passes(&self) -> bool {
        matches!(self.code, Code::Interrupted | Code::ClientFailed)
    }

    fn into_error(self, outcomes: Vec<Outcome>) -> PublishError {
        PublishError {
            code: self.code,
            index: self.index,
            outcomes,
            message: self.message,
            source: self.source,
        }
    }
}
