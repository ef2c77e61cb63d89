//! The time that an invocation has left, and waiting that never outlasts it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use event_schema::Timestamp;
use futures_util::future::{Either, select};

use crate::ports::Timer;
use crate::record::sha256_hex;

/// The first pause between two tries.
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// When an invocation has to stop working, so that its answer is still in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Timestamp,
}

/// The deadline came first.
#[derive(Debug)]
pub(crate) struct DeadlineNear;

impl Deadline {
    pub(crate) fn new(invocation_ends: Timestamp, margin: Duration) -> Self {
        let margin_ms = i64::try_from(margin.as_millis()).unwrap_or(i64::MAX);
        Self {
            at: Timestamp::from_ms(invocation_ends.as_ms().saturating_sub(margin_ms)),
        }
    }

    pub(crate) fn remaining(self, timer: &impl Timer) -> Duration {
        let ms = self.at.as_ms().saturating_sub(timer.now().as_ms());
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// Runs a future for as long as there is time; one that is cut off may still have had its effect.
    pub(crate) async fn limit<F: Future>(
        self,
        timer: &impl Timer,
        work: F,
    ) -> Result<F::Output, DeadlineNear> {
        let remaining = self.remaining(timer);
        if remaining.is_zero() {
            return Err(DeadlineNear);
        }
        match select(pin!(work), pin!(timer.sleep(remaining))).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err(DeadlineNear),
        }
    }

    /// Waits before try number `tries` (from 1).
    pub(crate) async fn pause(
        self,
        timer: &impl Timer,
        tries: u32,
        salt: &str,
    ) -> Result<(), DeadlineNear> {
        let pause = backoff(BACKOFF_FIRST, BACKOFF_MAX, tries, salt);
        if pause >= self.remaining(timer) {
            return Err(DeadlineNear);
        }
        timer.sleep(pause).await;
        Ok(())
    }
}

/// Exponential with full jitter. The jitter comes from the salt: two invocations that met once do not meet
/// again, and a test can repeat it.
pub(crate) fn backoff(first: Duration, max: Duration, tries: u32, salt: &str) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let ceiling = first.saturating_mul(1 << doublings).min(max);
    let hash = sha256_hex(format!("{salt}/{tries}").as_bytes());
    let share = hash
        .get(..4)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0);
    ceiling.saturating_mul(share) / 0x1_0000 + Duration::from_millis(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(tries: u32, salt: &str) -> Duration {
        backoff(BACKOFF_FIRST, BACKOFF_MAX, tries, salt)
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for tries in 1..40 {
            assert!(pause(tries, "a") <= BACKOFF_MAX + Duration::from_millis(1));
        }
    }

    /// The longest of many pauses before a try, whatever their jitter.
    fn longest(tries: u32) -> Duration {
        let pauses = (0..200).map(|salt| pause(tries, &salt.to_string()));
        pauses.max().unwrap()
    }

    #[test]
    fn the_longest_pause_doubles_with_each_try_up_to_a_second() {
        for (tries, ceiling_ms) in [
            (1, 20),
            (2, 40),
            (4, 160),
            (6, 640),
            (7, 1_000),
            (40, 1_000),
        ] {
            let ceiling = Duration::from_millis(ceiling_ms + 1);
            assert!(longest(tries) <= ceiling, "{tries}");
            assert!(longest(tries) > ceiling * 9 / 10, "{tries}");
        }
    }

    #[test]
    fn no_pause_is_none() {
        assert!((0..200).all(|salt| pause(1, &salt.to_string()) >= Duration::from_millis(1)));
    }

    #[test]
    fn two_invocations_pause_differently() {
        let differ = (1..10).any(|tries| pause(tries, "a") != pause(tries, "b"));
        assert!(differ);
    }
}
