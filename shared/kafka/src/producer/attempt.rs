//! One attempt to publish: hand events to the client, wait for their acknowledgements, say how it ended.
//!
//! The first unacknowledged event of each key goes first; those behind it follow when it is acknowledged, since
//! the broker then knows this client on their partition and refuses what would leave a gap. Whether to attempt
//! again is decided elsewhere.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::DeliveryFuture;
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use tokio::time::{Instant, sleep, sleep_until};

use super::slot::Client;
use super::{Failure, Limits};
use crate::client::AccessProblem;
use crate::error::{Code, ErrorClass, Outcome, code_of};
use crate::event::OutgoingEvent;
use crate::metrics::Counters;

/// How long a retired client may take to tell what became of its events.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// How long to wait for room while other calls fill the client's queue.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) client: &'a Client,
    pub(super) events: &'a [OutgoingEvent],
    pub(super) limits: Limits,
    pub(super) counters: &'a Counters,
}

/// How an attempt ended. Unless everything was acknowledged, the client is retired.
pub(super) enum End {
    /// What was attempted is acknowledged.
    Acknowledged,
    /// The broker refused these events, in their order, at least one.
    Refused(Vec<(usize, KafkaError)>),
    /// No event is to blame.
    Failed(Failure),
}

/// Events that were handed over together.
struct Wave<'a> {
    attempt: &'a Attempt<'a>,
    pending: VecDeque<Pending>,
    /// How many events are handed over and not settled.
    open: usize,
    errors: Vec<(usize, KafkaError)>,
    /// Set when waiting has no more point.
    stopped: Option<Failure>,
    /// Until when acknowledgements are waited for.
    until: Instant,
}

struct Pending {
    index: usize,
    since: Instant,
    delivery: DeliveryFuture,
    /// Whether an earlier attempt may have put the event on its topic.
    was_unknown: bool,
}

impl Attempt<'_> {
    /// Attempts everything that is not acknowledged.
    pub(super) async fn all(&self, outcomes: &mut [Outcome]) -> End {
        let open = outcomes.iter().enumerate();
        let open = open.filter(|(_, outcome)| **outcome != Outcome::Acknowledged);
        let mut keys = HashSet::new();
        let is_first = |index: &usize| {
            let order = self.events.get(*index).and_then(OutgoingEvent::order);
            order.is_none_or(|order| keys.insert(order))
        };
        let (heads, rest): (Vec<_>, Vec<_>) = open.map(|(index, _)| index).partition(is_first);
        match self.wave(&heads, outcomes).await {
            End::Acknowledged => self.wave(&rest, outcomes).await,
            end => end,
        }
    }

    /// Attempts these events one after the other, each with what is open before it under its key, up to the
    /// first that fails.
    pub(super) async fn one_by_one(&self, suspects: &[usize], outcomes: &mut [Outcome]) -> End {
        let order = |index: usize| self.events.get(index).and_then(OutgoingEvent::order);
        let is_before = |index: usize| {
            let mut later = suspects.iter().filter(|suspect| **suspect >= index);
            later.any(|suspect| {
                *suspect == index || order(index).is_some_and(|own| order(*suspect) == Some(own))
            })
        };
        for index in (0..self.events.len()).filter(|index| is_before(*index)) {
            if outcomes.get(index) == Some(&Outcome::Acknowledged) {
                continue;
            }
            match self.wave(&[index], outcomes).await {
                End::Acknowledged => (),
                end => return end,
            }
        }
        End::Acknowledged
    }

    async fn wave(&self, indices: &[usize], outcomes: &mut [Outcome]) -> End {
        let mut wave = Wave {
            attempt: self,
            pending: VecDeque::with_capacity(indices.len()),
            open: 0,
            errors: Vec::new(),
            stopped: None,
            until: self.limits.deadline,
        };
        for index in indices {
            wave.hand_over(*index, outcomes).await;
            if wave.has_failed() {
                break;
            }
        }
        while let Some(pending) = wave.pending.pop_front() {
            wave.settle(pending, outcomes).await;
        }
        wave.end()
    }
}

impl Wave<'_> {
    fn has_failed(&self) -> bool {
        self.stopped.is_some() || !self.errors.is_empty()
    }

    /// Hands an event to the client, waiting while its queue is full.
    async fn hand_over(&mut self, index: usize, outcomes: &mut [Outcome]) {
        let attempt = self.attempt;
        let Some(event) = attempt.events.get(index) else {
            return;
        };
        let was_unknown = outcomes.get(index) == Some(&Outcome::Unknown);
        while !self.has_failed() {
            match attempt.client.producer.send_result(event.record()) {
                Ok(delivery) => {
                    if let Some(outcome) = outcomes.get_mut(index) {
                        *outcome = Outcome::Unknown;
                    }
                    let since = Instant::now();
                    self.open += 1;
                    self.pending.push_back(Pending {
                        index,
                        since,
                        delivery,
                        was_unknown,
                    });
                    return;
                }
                Err((error, _))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    self.make_room(outcomes).await;
                }
                Err((error, _)) => self.failed(index, error, was_unknown, outcomes),
            }
        }
    }

    async fn make_room(&mut self, outcomes: &mut [Outcome]) {
        match self.pending.pop_front() {
            Some(oldest) => self.settle(oldest, outcomes).await,
            None if Instant::now() < self.until => sleep(ROOM_PAUSE).await,
            None => self.stop(Failure::deadline(self.attempt.limits, None)),
        }
    }

    /// Waits for what becomes of an event.
    async fn settle(&mut self, mut pending: Pending, outcomes: &mut [Outcome]) {
        let client = self.attempt.client;
        let mut access = client.health.access();
        loop {
            let problem = tokio::select! {
                biased;
                delivered = &mut pending.delivery => {
                    self.open -= 1;
                    return self.delivered(&pending, delivered.ok(), outcomes);
                }
                problem = access.wait_for(Option::is_some), if !self.has_failed() => {
                    problem.ok().and_then(|problem| problem.clone())
                }
                () = sleep_until(self.until) => None,
            };
            if self.has_failed() {
                // The client had its time for last words.
                self.open -= 1;
                return;
            }
            self.stop(match problem {
                Some(problem) => refused_access(problem),
                None => Failure::deadline(self.attempt.limits, client.health.last_error()),
            });
        }
    }

    fn delivered(
        &mut self,
        pending: &Pending,
        delivered: Option<OwnedDeliveryResult>,
        outcomes: &mut [Outcome],
    ) {
        match delivered {
            Some(Ok(_)) => {
                if let (Some(event), Some(outcome)) = (
                    self.attempt.events.get(pending.index),
                    outcomes.get_mut(pending.index),
                ) {
                    *outcome = Outcome::Acknowledged;
                    let latency = pending.since.elapsed();
                    self.attempt.counters.acknowledged(event.bytes(), latency);
                }
            }
            Some(Err((error, _))) => {
                self.failed(pending.index, error, pending.was_unknown, outcomes);
            }
            // The client ended without a word.
            None => self.failed(
                pending.index,
                KafkaError::Canceled,
                pending.was_unknown,
                outcomes,
            ),
        }
    }

    fn failed(
        &mut self,
        index: usize,
        error: KafkaError,
        was_unknown: bool,
        outcomes: &mut [Outcome],
    ) {
        let is_refused = code_of(&error).class() == ErrorClass::Event;
        if let Some(outcome) = outcomes
            .get_mut(index)
            .filter(|_| is_refused && !was_unknown)
        {
            *outcome = Outcome::Refused;
        }
        self.errors.push((index, error));
        self.give_up();
    }

    fn stop(&mut self, failure: Failure) {
        self.stopped = Some(failure);
        self.give_up();
    }

    /// Ends the client, so that nothing of this call is sent any more.
    fn give_up(&mut self) {
        self.attempt.client.retire();
        self.until = self.until.min(Instant::now() + LAST_WORDS_MAX);
    }

    fn end(mut self) -> End {
        if let Some(failure) = self.stopped.take() {
            return End::Failed(failure);
        }
        let errors = std::mem::take(&mut self.errors);
        let Some((_, first)) = errors.first() else {
            return End::Acknowledged;
        };
        let tells = |error: &KafkaError| !is_secondary(error);
        let telling = errors.iter().find(|(_, error)| tells(error));
        let failure = match (telling, self.attempt.client.fatal_error()) {
            (Some((index, error)), _) => self.blamed_on_none(*index, error.clone()),
            (None, Some((code, reason))) => Failure::of(KafkaError::Global(code), reason),
            (None, None) => Failure::of(first.clone(), "the client was retired by another call"),
        };
        let mut refused = errors;
        refused.retain(|(_, error)| code_of(error).class() == ErrorClass::Event);
        if refused.is_empty() {
            return End::Failed(failure);
        }
        refused.sort_by_key(|(index, _)| *index);
        End::Refused(refused)
    }

    fn blamed_on_none(&self, index: usize, error: KafkaError) -> Failure {
        let topic = self
            .attempt
            .events
            .get(index)
            .map_or("", |event| &event.topic);
        let what = match code_of(&error) {
            Code::UnknownTopic => {
                format!("topic {topic:?} is not on the cluster; it has to be created first")
            }
            _ => format!("topic {topic:?}: {error}"),
        };
        Failure::of(error, what)
    }
}

impl Drop for Wave<'_> {
    /// A call that is dropped leaves nothing behind that would be sent later.
    fn drop(&mut self) {
        if self.open > 0 {
            self.attempt.client.retire();
        }
    }
}

/// Whether an error only says that the client stopped, for a reason that another error tells.
fn is_secondary(error: &KafkaError) -> bool {
    matches!(code_of(error), Code::Interrupted | Code::ClientFailed)
}

fn refused_access(problem: AccessProblem) -> Failure {
    let AccessProblem {
        code,
        reason,
        error,
    } = problem;
    Failure::coded(code, Some(error), reason)
}
