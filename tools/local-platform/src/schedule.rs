//! Invokes a function every so many seconds with the event of a scheduled rule (Amazon `EventBridge`).
//!
//! One invocation runs at a time: a turn that comes while the last one still runs is left out. A function that
//! fails is not invoked again before the next turn; in AWS, an asynchronous invocation has two retries. There are
//! no cron expressions, flexible windows or inputs of one's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::serving::{Stop, StopSignal};
use crate::stream::InvokeFunction;
use crate::{ACCOUNT_ID, REGION};

/// The longest period of a schedule.
pub const PERIOD_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Why a schedule could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The period is out of range.
    #[error("a period of {period:?} is not above zero and at most {PERIOD_SECONDS_MAX} s")]
    Period {
        /// The period given.
        period: Duration,
    },
}

/// What a schedule has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScheduleMetrics {
    /// Invocations that have ended.
    pub invocations: u64,
    /// Those of them that failed, or were refused.
    pub invocations_failed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    invocations: AtomicU64,
    invocations_failed: AtomicU64,
}

/// A running schedule; dropping it stops it behind the invocation in flight.
#[derive(Debug)]
pub struct Schedule {
    counters: Arc<Counters>,
    stop: Stop,
    task: JoinHandle<()>,
}

impl Schedule {
    /// Starts a schedule under a rule's name; the first turn is one period away.
    ///
    /// # Errors
    /// [`ScheduleError`] when the period is out of range.
    pub fn start(
        rule: &str,
        period: Duration,
        function: impl InvokeFunction,
    ) -> Result<Self, ScheduleError> {
        if period.is_zero() || period > Duration::from_secs(PERIOD_SECONDS_MAX) {
            return Err(ScheduleError::Period { period });
        }
        let (counters, stop) = (Arc::new(Counters::default()), Stop::new());
        let turns = turns(
            rule.to_owned(),
            period,
            function,
            Arc::clone(&counters),
            stop.signal(),
        );
        Ok(Self {
            counters,
            stop,
            task: tokio::spawn(turns),
        })
    }

    /// Returns what has been done so far.
    #[must_use]
    pub fn metrics(&self) -> ScheduleMetrics {
        ScheduleMetrics {
            invocations: self.counters.invocations.load(Ordering::Relaxed),
            invocations_failed: self.counters.invocations_failed.load(Ordering::Relaxed),
        }
    }

    /// Stops behind the invocation in flight, which it waits for at most `in_flight_max`.
    pub async fn shutdown(mut self, in_flight_max: Duration) {
        self.stop.raise();
        let ended = tokio::time::timeout(in_flight_max, &mut self.task).await;
        if ended.is_err() {
            tracing::warn!("a scheduled invocation did not end in time; left alone");
            self.task.abort();
        }
    }
}

async fn turns(
    rule: String,
    period: Duration,
    function: impl InvokeFunction,
    counters: Arc<Counters>,
    mut stop: StopSignal,
) {
    let mut turn = Instant::now() + period;
    loop {
        tokio::select! {
            () = stop.raised() => return,
            () = sleep_until(turn) => {}
        }
        let event = event(&rule, OffsetDateTime::now_utc());
        let failed = match function.invoke(event.to_string().into()).await {
            Ok(invocation) if invocation.is_success() => 0,
            Ok(_) => {
                tracing::warn!(rule, "a scheduled invocation failed");
                1
            }
            Err(error) => {
                tracing::warn!(rule, %error, "a scheduled invocation was refused");
                1
            }
        };
        let Counters {
            invocations,
            invocations_failed,
        } = counters.as_ref();
        invocations_failed.fetch_add(failed, Ordering::Relaxed);
        invocations.fetch_add(1, Ordering::Relaxed);
        turn += until_next_turn(turn.elapsed(), period);
    }
}

/// From a turn that began so long ago to the first one that is still to come.
fn until_next_turn(elapsed: Duration, period: Duration) -> Duration {
    let missed = elapsed.as_nanos() / period.as_nanos().max(1);
    let missed = u32::try_from(missed).unwrap_or(u32::MAX);
    period.saturating_mul(missed.saturating_add(1))
}

fn event(rule: &str, at: OffsetDateTime) -> Value {
    let second = at.replace_nanosecond(0).unwrap_or(at);
    json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        // Years of four digits format; a clock beyond them has no time to tell.
        "time": second.format(&Rfc3339).ok(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{rule}")],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_form_of_a_scheduled_rule() {
        let mut event = event("sweep", OffsetDateTime::UNIX_EPOCH);
        let id = event["id"].take();
        assert!(id.as_str().is_some_and(|id| Uuid::try_parse(id).is_ok()));
        let expected = json!({
            "version": "0",
            "id": null,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": "1970-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:000000000000:rule/sweep"],
            "detail": {},
        });
        assert_eq!(event, expected);
    }
}
