//! Lambda's event source mapping of a `DynamoDB` stream: reads the stream of one table and invokes one function
//! with the items that were inserted.
//!
//! It keeps the rules of "Using AWS Lambda with Amazon `DynamoDB`" of the AWS Lambda guide: each shard in order, one
//! batch at a time, parents before children; a function error or a timeout brings the whole batch again, a
//! partial batch response all from the lowest sequence number on. Left out on purpose: bisecting, the age of
//! records, several batches of one shard at a time, tumbling windows, filters other than `{"eventName":["INSERT"]}`
//! and destinations. Checkpoints live as long as the mapping: who wants to go on later keeps them.

mod event;
mod faults;
mod progress;
mod reader;
mod response;
mod shards;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinHandle;

pub use faults::{StreamFault, StreamFaults};
pub use progress::{Checkpoints, StillBusy, StreamMetrics};
pub use source::{StreamError, StreamSource};

use crate::lambda::{Invocation, InvokeError, Invoker, PAYLOAD_BYTES_MAX, new_trace_id};
use crate::serving::Stop;
use progress::Progress;

/// The records that a batch may have (Lambda quotas, `DynamoDB` streams).
pub const BATCH_RECORDS_MAX: usize = 10_000;
/// The longest window of a batch (Lambda quotas).
pub const BATCH_WINDOW_SECONDS_MAX: u64 = 300;

/// Runs a function; the local Lambda does, and so may a test.
pub trait InvokeFunction: Send + Sync + 'static {
    /// Invokes the function and waits for its outcome, within a bound of its own.
    ///
    /// # Errors
    /// [`InvokeError`] when the function was not run.
    fn invoke(
        &self,
        payload: Bytes,
    ) -> impl Future<Output = Result<Invocation, InvokeError>> + Send;
}

impl InvokeFunction for Invoker {
    async fn invoke(&self, payload: Bytes) -> Result<Invocation, InvokeError> {
        Self::invoke(self, payload, new_trace_id()).await
    }
}

/// How a stream mapping works; the default is Lambda's, with shorter pauses.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The records of a batch at most, 1 to [`BATCH_RECORDS_MAX`]; one may be smaller so that it fits 6 MiB.
    pub batch_size: usize,
    /// How long a batch is gathered before it is sent though it is not full; at most [`BATCH_WINDOW_SECONDS_MAX`].
    pub batch_window: Duration,
    /// Whether the function's answer says from which record on the batch has to come again.
    pub report_batch_item_failures: bool,
    /// Retries without a record done before the rest of a batch is given up; without one, it is never given up.
    pub retry_attempts_max: Option<u32>,
    /// The pause before the first retry; each further one is twice as long.
    pub retry_pause_first: Duration,
    /// The longest such pause.
    pub retry_pause_max: Duration,
    /// The pause after a look at the stream that found nothing.
    pub poll_pause: Duration,
    /// What goes wrong on purpose.
    pub faults: StreamFaults,
    /// Where shards go on; those not named here begin at their oldest record (`TRIM_HORIZON`).
    pub checkpoints: Checkpoints,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batch_window: Duration::ZERO,
            report_batch_item_failures: true,
            retry_attempts_max: None,
            retry_pause_first: Duration::from_millis(200),
            retry_pause_max: Duration::from_secs(10),
            poll_pause: Duration::from_millis(250),
            faults: StreamFaults::default(),
            checkpoints: Checkpoints::new(),
        }
    }
}

/// Why a stream mapping could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StreamMappingError {
    /// The size of a batch is out of range.
    #[error("a batch of {batch_size} records is not within 1 to {BATCH_RECORDS_MAX}")]
    BatchSize {
        /// The size given.
        batch_size: usize,
    },
    /// The window of a batch is out of range.
    #[error("a batch window of {batch_window:?} is longer than {BATCH_WINDOW_SECONDS_MAX} s")]
    BatchWindow {
        /// The window given.
        batch_window: Duration,
    },
    /// There is no pause after an empty look, which would be a loop without rest.
    #[error("the pause between looks at an empty stream must be longer than zero")]
    PollPause,
    /// The table's stream could not be found.
    #[error("the stream could not be found")]
    Stream(#[from] StreamError),
}

impl StreamConfig {
    fn check(&self) -> Result<(), StreamMappingError> {
        let (batch_size, batch_window) = (self.batch_size, self.batch_window);
        if !(1..=BATCH_RECORDS_MAX).contains(&batch_size) {
            return Err(StreamMappingError::BatchSize { batch_size });
        }
        if batch_window > Duration::from_secs(BATCH_WINDOW_SECONDS_MAX) {
            return Err(StreamMappingError::BatchWindow { batch_window });
        }
        if self.poll_pause.is_zero() {
            return Err(StreamMappingError::PollPause);
        }
        Ok(())
    }

    fn retry_pause(&self, retries: u32) -> Duration {
        let factor = 2_u32.checked_pow(retries).unwrap_or(u32::MAX);
        let pause = self.retry_pause_first.saturating_mul(factor);
        pause.min(self.retry_pause_max)
    }
}

/// What the readers of all shards share.
struct Shared<I> {
    source: StreamSource,
    stream_arn: String,
    function: I,
    config: StreamConfig,
    progress: Arc<Progress>,
}

/// A running stream mapping; dropping it stops it behind what is in flight.
pub struct StreamMapping {
    progress: Arc<Progress>,
    stream_arn: String,
    stop: Stop,
    task: JoinHandle<()>,
}

impl StreamMapping {
    /// Finds the table's stream and starts to read it; the table has to exist.
    ///
    /// # Errors
    /// [`StreamMappingError`] when the settings are out of range or the stream cannot be found.
    pub async fn start(
        source: StreamSource,
        function: impl InvokeFunction,
        config: StreamConfig,
    ) -> Result<Self, StreamMappingError> {
        config.check()?;
        let stream_arn = source.stream_arn().await?;
        let progress = Arc::new(Progress::new(config.checkpoints.clone()));
        let shared = Arc::new(Shared {
            source,
            stream_arn: stream_arn.clone(),
            function,
            config,
            progress: Arc::clone(&progress),
        });
        let stop = Stop::new();
        let task = tokio::spawn(shards::read(shared, stop.signal()));
        Ok(Self {
            progress,
            stream_arn,
            stop,
            task,
        })
    }

    /// Returns the stream that is read.
    #[must_use]
    pub fn stream_arn(&self) -> &str {
        &self.stream_arn
    }

    /// Returns what has been done so far.
    #[must_use]
    pub fn metrics(&self) -> StreamMetrics {
        self.progress.metrics()
    }

    /// Waits until everything that was written before the call is done; what comes later may delay it.
    ///
    /// # Errors
    /// [`StillBusy`] if that takes longer than `limit`.
    pub async fn wait_until_idle(&self, limit: Duration) -> Result<StreamMetrics, StillBusy> {
        self.progress.wait_until_idle(limit).await
    }

    /// Stops behind the invocations in flight, which it waits for at most `in_flight_max`.
    ///
    /// Returns how far each shard is done, for [`StreamConfig::checkpoints`] of a mapping that goes on there. What
    /// is still in flight then is not: it comes again.
    pub async fn shutdown(mut self, in_flight_max: Duration) -> Checkpoints {
        self.stop.raise();
        let ended = tokio::time::timeout(in_flight_max, &mut self.task).await;
        if ended.is_err() {
            tracing::warn!("a stream mapping did not end in time; its batch comes again");
            self.task.abort();
        }
        self.progress.checkpoints()
    }
}

impl fmt::Debug for StreamMapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamMapping")
            .field("stream_arn", &self.stream_arn)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
