//! Looks into a running mapping from outside: metrics, lag, and waiting until all is committed.
//!
//! It only reads. A mapping is stopped by the future given to [`Mapping::run`](crate::Mapping::run).

use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::lag::Lag;
use crate::metrics::Metrics;
use crate::ports::SourceError;

pub(crate) type LagRequest = oneshot::Sender<Result<Lag, SourceError>>;

/// Pause between two looks at the lag while waiting.
const LOOK_MILLISECONDS: u64 = 20;

/// A view of a mapping; cheap to clone.
#[derive(Debug, Clone)]
pub struct MappingHandle {
    metrics: watch::Receiver<Metrics>,
    requests: mpsc::Sender<LagRequest>,
}

/// Why the lag is not known.
#[derive(Debug, Error)]
pub enum LagError {
    /// The mapping does not run: it is disabled or has stopped.
    #[error("the mapping does not run")]
    NotRunning,
    /// The end offsets could not be read.
    #[error("the end offsets of the topic are not known")]
    Source(#[source] SourceError),
    /// The mapping was still behind when the time was over.
    #[error("the mapping is still {} offsets behind, with {} invocation(s) in flight", lag.sum(), lag.invocations_in_flight)]
    StillBehind {
        /// The last look.
        lag: Lag,
    },
    /// The mapping did not answer in time.
    #[error("the mapping did not answer in time")]
    NoAnswer,
}

impl MappingHandle {
    pub(crate) const fn new(
        metrics: watch::Receiver<Metrics>,
        requests: mpsc::Sender<LagRequest>,
    ) -> Self {
        Self { metrics, requests }
    }

    /// Returns the metrics at this moment; after the end of the run, the last ones.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.borrow().clone()
    }

    /// Asks the source for its end offsets and returns the lag behind them.
    ///
    /// # Errors
    /// If the mapping does not run, or the source does not know.
    pub async fn lag(&self) -> Result<Lag, LagError> {
        let (request, answer) = oneshot::channel();
        self.requests
            .send(request)
            .await
            .map_err(|_closed| LagError::NotRunning)?;
        let lag = answer.await.map_err(|_closed| LagError::NotRunning)?;
        lag.map_err(LagError::Source)
    }

    /// Waits until everything produced so far is committed and nothing is in flight.
    ///
    /// # Errors
    /// If that takes longer than `limit`, or the lag is not known.
    pub async fn wait_until_idle(&self, limit: Duration) -> Result<Lag, LagError> {
        let deadline = Instant::now() + limit;
        loop {
            let lag = timeout_at(deadline, self.lag())
                .await
                .map_err(|_late| LagError::NoAnswer)??;
            if lag.is_idle() {
                return Ok(lag);
            }
            if Instant::now() >= deadline {
                return Err(LagError::StillBehind { lag });
            }
            sleep(Duration::from_millis(LOOK_MILLISECONDS)).await;
        }
    }
}
