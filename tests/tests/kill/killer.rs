//! Kills processes of functions at random moments.
//!
//! It keeps pace with the work done, not with the clock: on a machine that is slow, or busy with something else, a
//! killer that goes by time would kill every process before it can answer. The seed repeats its choices and pauses,
//! not what they hit: that is up to the machine.

use std::time::Duration;

use local_platform::{KilledWhile, LocalLambda};
use testkit::Random;

/// The most invocations that are answered between two kills.
const ANSWERS_MAX: u64 = 2;
/// The longest pause behind them: about an invocation.
const PAUSE_MILLISECONDS_MAX: u64 = 150;
/// The pause between two looks at the answers.
const LOOK_MILLISECONDS: u64 = 2;

/// What was killed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kills {
    /// Processes that had an invocation and had not answered it.
    pub(crate) in_flight: u64,
    /// Processes that waited for work.
    pub(crate) idle: u64,
    /// Processes that had not asked for work yet.
    pub(crate) starting: u64,
}

/// Kills one process after the other for as long as it is polled, and counts into `kills`.
///
/// `answered` says how many invocations have been answered so far.
pub(crate) async fn kill_at_random(
    lambda: &LocalLambda,
    functions: &[&str],
    answered: impl Fn() -> u64,
    random: &mut Random,
    kills: &mut Kills,
) {
    loop {
        let next = answered() + 1 + random.below(ANSWERS_MAX);
        let pause = Duration::from_millis(random.below(PAUSE_MILLISECONDS_MAX));
        let (function, choice) = (*random.pick(functions).unwrap(), random.draw());
        while answered() < next {
            tokio::time::sleep(Duration::from_millis(LOOK_MILLISECONDS)).await;
        }
        tokio::time::sleep(pause).await;
        match lambda.kill_chosen(function, choice).await {
            Some(KilledWhile::Invoked) => kills.in_flight += 1,
            Some(KilledWhile::Idle) => kills.idle += 1,
            Some(KilledWhile::Starting) => kills.starting += 1,
            None => {}
        }
    }
}
