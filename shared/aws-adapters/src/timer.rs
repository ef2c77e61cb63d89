//! The engine's clock: the system's time, and tokio's sleep.
//!
//! It does not correct clock jumps; Lambda's deadline is wall-clock time too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use event_schema::Timestamp;
use processing::Timer;

/// Tells the system's time and waits on the tokio runtime it is called from.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_passes_while_it_sleeps() {
        let before = SystemTimer.now();
        SystemTimer.sleep(Duration::from_millis(5)).await;
        assert!(SystemTimer.now().as_ms() >= before.as_ms() + 4);
    }
}
