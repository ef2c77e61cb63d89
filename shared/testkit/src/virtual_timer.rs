//! A clock that only moves when a test moves it, or when nothing else is left to run.
//!
//! It knows nothing of real time, so nothing that waits on a real socket can be timed with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use event_schema::Timestamp;
use processing::Timer;

use crate::lock;

/// Times in a row that a sleeper is polled, with no other use of the clock in between, before an automatic
/// clock moves on.
pub const IDLE_POLLS: u32 = 32;

/// Where the clock stands at first: 2026-11-21T10:15:30.123Z.
const START: Timestamp = Timestamp::from_ms(1_795_256_130_123);

/// A [`Timer`] without a real clock; clones share the time.
///
/// - [`VirtualTimer::manual`]: a sleep ends when [`VirtualTimer::advance`] has moved the clock past it.
/// - [`VirtualTimer::automatic`], which is the default: when nothing else runs, the clock jumps to the end
///   of the earliest sleep. "Nothing else runs" means that some sleeper was polled [`IDLE_POLLS`] times in a
///   row without anybody asking for the time, or starting or ending a sleep. Between two polls every other
///   task of a current-thread runtime has its turn, so sleeps end in the order of their ends, and a future
///   that waits for nothing but itself is always ahead of a deadline.
///
/// An automatic clock does not see work outside the runtime (sockets, other threads) and would run ahead
/// of it: use a manual clock there.
#[derive(Clone, Debug)]
pub struct VirtualTimer(Arc<Mutex<Clock>>);

#[derive(Debug)]
struct Clock {
    now_ms: i64,
    automatic: bool,
    /// Counts the uses of the clock, so that a sleeper notices when there was one.
    uses: u64,
    sleepers_made: u64,
    /// Those that were polled, by end and number, so that two sleeps with the same end keep their order.
    sleepers: BTreeMap<Place, Waker>,
}

/// When a sleep ends, in milliseconds since 1970, and its number.
type Place = (i64, u64);

impl VirtualTimer {
    /// Creates a clock that jumps to the end of the earliest sleep when nothing else runs.
    #[must_use]
    pub fn automatic() -> Self {
        Self::new(true)
    }

    /// Creates a clock that only [`VirtualTimer::advance`] moves.
    #[must_use]
    pub fn manual() -> Self {
        Self::new(false)
    }

    fn new(automatic: bool) -> Self {
        Self(Arc::new(Mutex::new(Clock {
            now_ms: START.as_ms(),
            automatic,
            uses: 0,
            sleepers_made: 0,
            sleepers: BTreeMap::new(),
        })))
    }

    /// Moves the clock forward and wakes every sleeper whose end has come.
    pub fn advance(&self, duration: Duration) {
        let mut clock = lock(&self.0);
        let to_ms = clock.now_ms.saturating_add(whole_ms(duration));
        clock.move_to(to_ms);
    }

    /// Says how many sleeps have not ended: what a test waits for before it moves a manual clock.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        lock(&self.0).sleepers.len()
    }
}

impl Default for VirtualTimer {
    fn default() -> Self {
        Self::automatic()
    }
}

impl Timer for VirtualTimer {
    fn now(&self) -> Timestamp {
        let mut clock = lock(&self.0);
        clock.uses += 1;
        Timestamp::from_ms(clock.now_ms)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let mut clock = lock(&self.0);
        clock.uses += 1;
        clock.sleepers_made += 1;
        let ends_ms = clock.now_ms.saturating_add(whole_ms(duration));
        let place = (ends_ms, clock.sleepers_made);
        Sleep {
            timer: self.clone(),
            place,
            uses_seen: clock.uses,
            idle_polls: 0,
        }
    }
}

impl Clock {
    fn move_to(&mut self, to_ms: i64) {
        self.now_ms = self.now_ms.max(to_ms);
        self.uses += 1;
        let ended = self.sleepers.range(..=(self.now_ms, u64::MAX));
        ended.for_each(|(_, waker)| waker.wake_by_ref());
    }

    fn move_to_next_end(&mut self) {
        let next = self
            .sleepers
            .range((self.now_ms.saturating_add(1), 0)..)
            .next();
        if let Some((ends_ms, _)) = next.map(|(place, _)| *place) {
            self.move_to(ends_ms);
        }
    }
}

struct Sleep {
    timer: VirtualTimer,
    place: Place,
    uses_seen: u64,
    idle_polls: u32,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.get_mut();
        let mut clock = lock(&sleep.timer.0);
        clock.sleepers.insert(sleep.place, context.waker().clone());
        if clock.automatic {
            let idle = sleep.uses_seen == clock.uses;
            sleep.idle_polls = if idle { sleep.idle_polls + 1 } else { 0 };
            sleep.uses_seen = clock.uses;
            if sleep.idle_polls >= IDLE_POLLS {
                clock.move_to_next_end();
            }
            // It watches for idleness until its end.
            context.waker().wake_by_ref();
        }
        let (ends_ms, _) = sleep.place;
        if ends_ms <= clock.now_ms {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut clock = lock(&self.timer.0);
        clock.sleepers.remove(&self.place);
        clock.uses += 1;
    }
}

/// Rounds up: no sleep is shorter than was asked for.
fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::{Either, join, pending, select};

    fn seconds(timer: &VirtualTimer) -> i64 {
        (timer.now().as_ms() - START.as_ms()) / 1_000
    }

    #[tokio::test]
    async fn an_automatic_clock_jumps_when_nothing_else_runs() {
        let timer = VirtualTimer::automatic();
        timer.sleep(Duration::from_secs(90)).await;
        assert_eq!(seconds(&timer), 90);
    }

    #[tokio::test]
    async fn sleeps_end_in_the_order_of_their_ends() {
        let timer = VirtualTimer::automatic();
        let order = Mutex::new(Vec::new());
        let sleeper = async |length| {
            timer.sleep(Duration::from_secs(length)).await;
            lock(&order).push((length, seconds(&timer)));
        };
        join(sleeper(5), join(sleeper(1), sleeper(3))).await;
        assert_eq!(*lock(&order), [(1, 1), (3, 3), (5, 5)]);
    }

    #[tokio::test]
    async fn a_deadline_cuts_off_what_hangs_but_not_what_still_runs() {
        let timer = VirtualTimer::automatic();
        let hang = Box::pin(pending::<()>());
        let hang = select(hang, Box::pin(timer.sleep(Duration::from_secs(7)))).await;
        assert!(matches!(hang, Either::Right(_)));
        assert_eq!(seconds(&timer), 7);
        let busy = Box::pin(async {
            for _ in 0..10 {
                timer.sleep(Duration::from_millis(100)).await;
                tokio::task::yield_now().await;
            }
        });
        let busy = select(busy, Box::pin(timer.sleep(Duration::from_secs(7)))).await;
        assert!(matches!(busy, Either::Left(_)));
    }

    #[tokio::test]
    async fn a_manual_clock_waits_to_be_moved() {
        let timer = VirtualTimer::manual();
        let sleeping = tokio::spawn({
            let timer = timer.clone();
            async move { timer.sleep(Duration::from_secs(2)).await }
        });
        for _ in 0..2 * IDLE_POLLS {
            tokio::task::yield_now().await;
        }
        assert_eq!((timer.sleepers(), sleeping.is_finished()), (1, false));
        timer.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeping.is_finished());
        timer.advance(Duration::from_secs(1));
        sleeping.await.unwrap();
        assert_eq!(timer.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_sleep_that_is_no_longer_polled_holds_nobody_up() {
        let timer = VirtualTimer::automatic();
        let mut kept = Box::pin(timer.sleep(Duration::from_secs(1)));
        assert!((&mut kept).now_or_never().is_none());
        timer.sleep(Duration::from_secs(3)).await;
        assert_eq!(seconds(&timer), 3);
        kept.await;
        assert_eq!(seconds(&timer), 3);
    }

    #[tokio::test]
    async fn a_sleep_that_is_dropped_moves_nothing() {
        let timer = VirtualTimer::automatic();
        drop(timer.sleep(Duration::from_secs(1)));
        timer.sleep(Duration::from_secs(3)).await;
        assert_eq!(seconds(&timer), 3);
    }
}
