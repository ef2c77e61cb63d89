//! The environments of one function: hands each invocation to a warm one, a new one, or none.
//!
//! It has no queue: an invocation beyond the limit is throttled at once, as in AWS.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use super::PAYLOAD_BYTES_MAX;
use super::environment::{Environment, Inbox, KilledWhile, Message, Work};
use super::function::Function;
use super::outcome::{Invocation, InvokeError};
use super::registry::Registry;

/// What the caller of an invocation gives.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) payload: Bytes,
    /// The caller's X-Ray trace header; one is made up when there is none.
    pub(super) trace_id: Option<String>,
}

/// What one function has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FunctionStats {
    /// Processes started; each is a cold start.
    pub environments_started: u64,
    /// Environments that exist now.
    pub environments_running: usize,
    /// Environments that exist now and are free.
    pub environments_idle: usize,
    /// Invocations that were not refused.
    pub invocations: u64,
    /// Invocations that came to a function error of any kind.
    pub function_errors: u64,
    /// Invocations refused with 429.
    pub throttled: u64,
    /// Environments killed because their time was up, in an invocation, in init or after an answer.
    pub timeouts: u64,
    /// Environments that did not start, failed their init, exited or were killed from outside.
    pub crashes: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) environments_started: Counter,
    pub(super) timeouts: Counter,
    pub(super) crashes: Counter,
    invocations: Counter,
    function_errors: Counter,
    throttled: Counter,
}

#[derive(Debug)]
struct Idle {
    id: String,
    inbox: Inbox,
}

#[derive(Debug)]
pub(super) struct Pool {
    function: Function,
    registry: Arc<Registry>,
    places: Arc<Semaphore>,
    /// Free environments, the most recently used last.
    idle: Mutex<Vec<Idle>>,
    counters: Counters,
}

impl Pool {
    pub(super) fn new(function: Function, registry: Arc<Registry>) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(function.environments_max));
        let (idle, counters) = (Mutex::default(), Counters::default());
        Arc::new(Self {
            function,
            registry,
            places,
            idle,
            counters,
        })
    }

    pub(super) fn function(&self) -> &Function {
        &self.function
    }

    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Invokes the function once and waits for the outcome.
    ///
    /// Work that an environment did not see because it ended goes to another one; each such turn uses up an
    /// environment, which bounds the turns.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        request: Request,
    ) -> Result<Invocation, InvokeError> {
        let payload = checked(request.payload)?;
        let request_id = Uuid::new_v4().to_string();
        let trace_id = request.trace_id.unwrap_or_else(new_trace_id);
        for _ in 0..=self.function.environments_max {
            let (reply, outcome) = oneshot::channel();
            let (request_id, trace_id) = (request_id.clone(), trace_id.clone());
            self.hand_over(Work {
                request_id,
                payload: payload.clone(),
                trace_id,
                reply,
            })
            .await?;
            if let Ok(invocation) = outcome.await {
                self.count(&invocation);
                return Ok(invocation);
            }
        }
        Err(InvokeError::Stopped)
    }

    async fn hand_over(self: &Arc<Self>, work: Work) -> Result<(), InvokeError> {
        if self.registry.is_stopping() {
            return Err(InvokeError::Stopped);
        }
        while let Some(inbox) = self.take_idle() {
            if let Ok(place) = inbox.reserve().await {
                place.send(Message::Work(work));
                return Ok(());
            }
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.counters.throttled.add();
            return Err(InvokeError::Throttled {
                name: self.function.name.clone(),
                environments_max: self.function.environments_max,
            });
        };
        Environment::start(Arc::clone(self), place, work);
        Ok(())
    }

    /// Kills one environment, a busy one if there is one; false when there is none.
    pub(super) async fn kill_one(&self) -> bool {
        let all = self.registry.environments_of(&self.function.name);
        let idle: Vec<String> = self
            .lock_idle()
            .iter()
            .map(|idle| idle.id.clone())
            .collect();
        let busy = all.iter().find(|(id, _)| !idle.contains(id));
        match busy.or(all.first()) {
            Some((_, inbox)) => kill(inbox).await.is_some(),
            None => false,
        }
    }

    /// Kills the environment that `choice` falls on; none when there is none or it ended by itself.
    pub(super) async fn kill_chosen(&self, choice: u64) -> Option<KilledWhile> {
        let all = self.registry.environments_of(&self.function.name);
        let count = u64::try_from(all.len()).ok()?;
        let index = usize::try_from(choice.checked_rem(count)?).ok()?;
        let (_, inbox) = all.get(index)?;
        kill(inbox).await
    }

    /// Notes that an environment has answered and can be given work.
    pub(super) fn free(&self, id: &str, inbox: Inbox) {
        self.lock_idle().push(Idle {
            id: id.to_owned(),
            inbox,
        });
    }

    /// Notes that an environment is gone.
    pub(super) fn forget(&self, id: &str) {
        self.lock_idle().retain(|idle| idle.id != id);
    }

    pub(super) fn stats(&self) -> FunctionStats {
        let running = self.function.environments_max - self.places.available_permits();
        FunctionStats {
            environments_started: self.counters.environments_started.get(),
            environments_running: running,
            environments_idle: self.lock_idle().len(),
            invocations: self.counters.invocations.get(),
            function_errors: self.counters.function_errors.get(),
            throttled: self.counters.throttled.get(),
            timeouts: self.counters.timeouts.get(),
            crashes: self.counters.crashes.get(),
        }
    }

    fn count(&self, invocation: &Invocation) {
        self.counters.invocations.add();
        if !invocation.is_success() {
            self.counters.function_errors.add();
        }
    }

    fn take_idle(&self) -> Option<Inbox> {
        self.lock_idle().pop().map(|idle| idle.inbox)
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills an environment and waits until it is gone; none when it ended by itself before.
async fn kill(inbox: &Inbox) -> Option<KilledWhile> {
    let (gone, wait) = oneshot::channel();
    inbox.send(Message::Kill { gone }).await.ok()?;
    wait.await.ok()
}

/// Holds a payload against Lambda's limits; none at all counts as `{}`.
fn checked(payload: Bytes) -> Result<Bytes, InvokeError> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(InvokeError::PayloadTooLarge {
            bytes: payload.len(),
        });
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(IgnoredAny) => Ok(payload),
        Err(error) => Err(InvokeError::NotJson {
            problem: error.to_string(),
        }),
    }
}

/// Makes up an X-Ray trace header that is not sampled.
pub(crate) fn new_trace_id() -> String {
    let id = Uuid::new_v4().simple().to_string();
    let (time, rest) = id.split_at(8);
    format!("Root=1-{time}-{rest};Sampled=0")
}
