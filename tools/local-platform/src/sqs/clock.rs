//! The one place where tokio's clock and the calendar meet.
//!
//! Message times are tokio instants, so that tests can pause and advance them; they become calendar time only
//! when they are written into a response.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Turns instants into milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started_at: Instant,
    started_since_epoch: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started_at: Instant::now(),
            started_since_epoch: since_epoch,
        }
    }

    pub(super) fn epoch_milliseconds(&self, instant: Instant) -> u128 {
        self.since_epoch(instant).as_millis()
    }

    pub(super) fn epoch_seconds(&self, instant: Instant) -> u64 {
        self.since_epoch(instant).as_secs()
    }

    fn since_epoch(&self, instant: Instant) -> Duration {
        self.started_since_epoch + instant.saturating_duration_since(self.started_at)
    }
}
