//! Runs one event source mapping: polls, invokes, delivers and commits as the scheduler says.
//!
//! It decides nothing itself. One mapping is one poller; all of it runs in the task that calls
//! [`Mapping::run`], so a paused tokio clock makes a run repeatable.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::{ConfigError, MappingConfig};
use crate::faults::Fault;
use crate::handle::{LagRequest, MappingHandle};
use crate::metrics::Metrics;
use crate::ports::{
    Invoke, InvokeAnswer, InvokeError, InvokeRequest, OnFailure, OnFailureError, OnFailureMessage,
    Source, SourceError,
};
use crate::rules::Rules;
use crate::scheduler::{Invocation, Scheduler, Step};
use crate::switches::Switches;

/// Records taken from the source in one poll.
const POLL_RECORDS_MAX: usize = 1_000;
/// Pause after a poll that failed.
const POLL_ERROR_PAUSE_MS: i64 = 100;
/// Longest wait for an on-failure destination.
const DELIVERY_SECONDS_MAX: u64 = 30;
/// Callers that may wait for a look at the lag at the same time.
const LAG_REQUESTS_MAX: usize = 16;

/// One event source mapping: a source, a function and a place for what fails.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use esm_emulator::memory::{MemoryOnFailure, MemoryTopic};
/// use esm_emulator::{InvokeAnswer, InvokeFn, Mapping, MappingConfig, Switches};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let topic = MemoryTopic::new(1);
/// topic.produce(0, Some(b"order-42"), Some(b"{}"));
/// let cluster = "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/1";
/// let config = MappingConfig::new(cluster, "order-created", "orders.v1");
/// let function = InvokeFn(|_request| async { Ok(InvokeAnswer::returned("null")) });
/// let source = topic.source(&config);
/// let mapping = Mapping::new(&config, Switches::default(), source, function, MemoryOnFailure::default())?;
/// let handle = mapping.handle();
/// let work = mapping.run(async move { handle.wait_until_idle(Duration::from_secs(5)).await.map(drop) });
/// assert_eq!(work.await?.committed_event_count, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).map_err(|error| error.to_string())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mapping<S, I, O> {
    source: S,
    invoker: Arc<I>,
    on_failure: Arc<O>,
    scheduler: Scheduler,
    enabled: bool,
    function_name: String,
    invocation_limit: Duration,
    start_unix_ms: Option<i64>,
    poll_not_before_ms: i64,
    view: watch::Sender<Metrics>,
    lag_requests: mpsc::Receiver<LagRequest>,
    handle: MappingHandle,
}

/// Why a mapping stopped before it was told to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MappingError {
    /// The partitions could not be taken.
    #[error("the mapping cannot take its partitions")]
    Assign(#[source] SourceError),
}

type Work = FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>;

enum Done {
    Invoked {
        number: u64,
        result: Result<InvokeAnswer, InvokeError>,
    },
    Delivered {
        delivery: u64,
        result: Result<(), OnFailureError>,
    },
    Ends {
        request: LagRequest,
        result: Result<Vec<(i32, i64)>, SourceError>,
    },
}

enum Input {
    Shutdown,
    Done(Done),
    Lag(LagRequest),
    Time,
    Polled(Result<Vec<crate::Record>, SourceError>),
}

impl<S: Source, I: Invoke, O: OnFailure> Mapping<S, I, O> {
    /// Makes a mapping; nothing happens before [`run`](Self::run).
    ///
    /// # Errors
    /// If the configuration is not valid; all problems at once.
    pub fn new(
        config: &MappingConfig,
        switches: Switches,
        source: S,
        invoker: I,
        on_failure: O,
    ) -> Result<Self, ConfigError> {
        let invocation_limit = Duration::from_millis(switches.invocation_milliseconds_max);
        let rules = Rules::new(config, switches, source.bootstrap_servers())?;
        let (view, metrics) = watch::channel(Metrics::default());
        let (requests, lag_requests) = mpsc::channel(LAG_REQUESTS_MAX);
        Ok(Self {
            source,
            invoker: Arc::new(invoker),
            on_failure: Arc::new(on_failure),
            scheduler: Scheduler::new(rules),
            enabled: config.enabled,
            function_name: config.function_name.clone(),
            invocation_limit,
            start_unix_ms: None,
            poll_not_before_ms: i64::MIN,
            view,
            lag_requests,
            handle: MappingHandle::new(metrics, requests),
        })
    }

    /// Sets the wall clock's reading, in Unix milliseconds, at which the run starts; it goes on with
    /// tokio's clock. Left out it is the system's.
    #[must_use]
    pub const fn starting_at(mut self, unix_milliseconds: i64) -> Self {
        self.start_unix_ms = Some(unix_milliseconds);
        self
    }

    /// Returns a handle that reads metrics and lag while the mapping runs.
    #[must_use]
    pub fn handle(&self) -> MappingHandle {
        self.handle.clone()
    }

    /// Runs until `shutdown` ends; then finishes what is in flight, commits and leaves.
    ///
    /// Records that wait for a retry are not committed: the next run gets them again. Problems of
    /// polling, invoking, delivering and committing are counted, logged and survived.
    ///
    /// # Errors
    /// If the partitions cannot be taken, at the start or after a fault that reassigns them.
    pub async fn run(mut self, shutdown: impl Future) -> Result<Metrics, MappingError> {
        let mut shutdown = pin!(shutdown);
        if !self.enabled {
            info!(
                function = self.function_name,
                "the mapping is disabled and reads nothing"
            );
            self.lag_requests.close();
            shutdown.await;
            return Ok(self.scheduler.metrics().clone());
        }
        let clock = Clock::starting_at(self.start_unix_ms);
        let mut work = Work::new();
        self.reassign().await?;
        loop {
            let until_ms = self.take_steps(&clock, &mut work).await?;
            self.publish();
            if self.scheduler.is_drained() {
                break;
            }
            let input = self
                .wait(&clock, &mut work, until_ms, shutdown.as_mut())
                .await;
            self.take_in(input, clock.now_ms(), &work);
        }
        if let Err(error) = self.source.close().await {
            report(&error, "the source did not close");
        }
        Ok(self.scheduler.metrics().clone())
    }

    /// Does everything that is due and returns when to look again.
    async fn take_steps(
        &mut self,
        clock: &Clock,
        work: &mut Work,
    ) -> Result<Option<i64>, MappingError> {
        loop {
            match self.scheduler.next_step(clock.now_ms()) {
                Step::Invoke(invocation) => work.push(self.invocation(invocation)),
                Step::Deliver { delivery, message } => work.push(self.delivery(delivery, message)),
                Step::Commit(positions) => {
                    let result = self.source.commit(&positions).await;
                    self.scheduler
                        .committed(&positions, result.is_ok(), clock.now_ms());
                    if let Err(error) = result {
                        report(&error, "committing failed");
                    }
                }
                Step::Reassign => self.reassign().await?,
                Step::Wait { until_ms } => {
                    self.apply_pauses();
                    return Ok(until_ms);
                }
            }
        }
    }

    /// Waits for whatever comes first. What is cancelled here loses nothing: see [`Source::poll`].
    async fn wait(
        &mut self,
        clock: &Clock,
        work: &mut Work,
        until_ms: Option<i64>,
        shutdown: Pin<&mut impl Future>,
    ) -> Input {
        let draining = self.scheduler.is_draining();
        let may_poll = !draining && clock.now_ms() >= self.poll_not_before_ms;
        let poll_ms = (!draining && !may_poll).then_some(self.poll_not_before_ms);
        let wake_ms = until_ms.into_iter().chain(poll_ms).min();
        tokio::select! {
            biased;
            _ = shutdown, if !draining => Input::Shutdown,
            Some(done) = work.next() => Input::Done(done),
            Some(request) = self.lag_requests.recv() => Input::Lag(request),
            () = clock.sleep_until_ms(wake_ms) => Input::Time,
            polled = self.source.poll(POLL_RECORDS_MAX), if may_poll => Input::Polled(polled),
        }
    }

    fn take_in(&mut self, input: Input, now_ms: i64, work: &Work) {
        match input {
            Input::Shutdown => self.scheduler.drain(),
            Input::Done(Done::Invoked { number, result }) => {
                self.scheduler.complete(number, &result, now_ms);
            }
            Input::Done(Done::Delivered { delivery, result }) => {
                self.scheduler.delivered(delivery, &result);
            }
            Input::Done(Done::Ends { request, result }) => self.answer(request, result),
            Input::Lag(request) => work.push(self.ends(request)),
            Input::Time => {}
            Input::Polled(Ok(records)) => self.scheduler.ingest(records, now_ms),
            Input::Polled(Err(error)) => {
                self.scheduler.metrics_mut().polling_error_count += 1;
                self.poll_not_before_ms = now_ms.saturating_add(POLL_ERROR_PAUSE_MS);
                report(&error, "polling failed");
            }
        }
    }

    async fn reassign(&mut self) -> Result<(), MappingError> {
        let starts = self.source.assign().await.map_err(MappingError::Assign)?;
        info!(
            function = self.function_name,
            partitions = starts.len(),
            "partitions assigned"
        );
        self.scheduler.assign(&starts);
        Ok(())
    }

    fn apply_pauses(&mut self) {
        for (partition, paused) in self.scheduler.pause_changes() {
            if let Err(error) = self.source.set_paused(partition, paused) {
                self.scheduler.metrics_mut().polling_error_count += 1;
                report(&error, "a partition was not paused or resumed");
            }
        }
    }

    fn invocation(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Done> + Send>> {
        let Invocation {
            number,
            event,
            fault,
        } = invocation;
        let (invoker, limit) = (Arc::clone(&self.invoker), self.invocation_limit);
        let function_name = self.function_name.clone();
        Box::pin(async move {
            if fault == Some(Fault::Throttle) {
                return Done::Invoked {
                    number,
                    result: Err(InvokeError::Throttled),
                };
            }
            let request = InvokeRequest {
                function_name,
                event: event.into_bytes(),
            };
            let answer = tokio::time::timeout(limit, invoker.invoke(request)).await;
            let result = match answer {
                Ok(result) if fault != Some(Fault::Timeout) => result,
                Ok(_) | Err(_) => Err(InvokeError::TimedOut),
            };
            if let Err(error) = &result {
                report(error, "an invocation failed");
            }
            Done::Invoked { number, result }
        })
    }

    fn delivery(
        &self,
        delivery: u64,
        message: OnFailureMessage,
    ) -> Pin<Box<dyn Future<Output = Done> + Send>> {
        let on_failure = Arc::clone(&self.on_failure);
        Box::pin(async move {
            let limit = Duration::from_secs(DELIVERY_SECONDS_MAX);
            let result = tokio::time::timeout(limit, on_failure.deliver(message)).await;
            Done::Delivered {
                delivery,
                result: result.unwrap_or(Err(OnFailureError::TimedOut)),
            }
        })
    }

    fn ends(&self, request: LagRequest) -> Pin<Box<dyn Future<Output = Done> + Send>> {
        let ends = self.source.end_offsets();
        Box::pin(async move {
            Done::Ends {
                request,
                result: ends.await,
            }
        })
    }

    fn answer(&mut self, request: LagRequest, ends: Result<Vec<(i32, i64)>, SourceError>) {
        let lag = ends.map(|ends| self.scheduler.lag(&ends));
        if request.send(lag).is_err() {
            debug!("whoever asked for the lag no longer waits");
        }
    }

    fn publish(&self) {
        let metrics = self.scheduler.metrics();
        self.view.send_if_modified(|seen| {
            let changed = seen != metrics;
            if changed {
                seen.clone_from(metrics);
            }
            changed
        });
    }
}

/// Unix milliseconds that move with tokio's clock.
struct Clock {
    started: Instant,
    started_unix_ms: i64,
}

impl Clock {
    fn starting_at(unix_ms: Option<i64>) -> Self {
        let system_ms = || {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        Self {
            started: Instant::now(),
            started_unix_ms: unix_ms.unwrap_or_else(system_ms),
        }
    }

    fn now_ms(&self) -> i64 {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_unix_ms.saturating_add(elapsed_ms)
    }

    /// Sleeps until a reading of this clock; for ever without one.
    async fn sleep_until_ms(&self, unix_ms: Option<i64>) {
        let Some(unix_ms) = unix_ms else {
            return std::future::pending().await;
        };
        let after_start = u64::try_from(unix_ms.saturating_sub(self.started_unix_ms)).unwrap_or(0);
        tokio::time::sleep_until(self.started + Duration::from_millis(after_start)).await;
    }
}

fn report(error: &(dyn std::error::Error + 'static), what: &str) {
    warn!(error, "{what}");
}
