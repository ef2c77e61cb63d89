//! Kills processes of functions at random moments.
//!
//! The seed repeats its choices and pauses, not what they hit: that is up to the machine.

use std::time::Duration;

use local_platform::{KilledWhile, LocalLambda};
use testkit::Random;

/// The pause between two kills, drawn between these.
const PAUSE_MILLISECONDS_MIN: u64 = 10;
const PAUSE_MILLISECONDS_MAX: u64 = 250;

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

/// Kills one process after the other for as long as it is polled; counts into `kills`.
pub(crate) async fn kill_at_random(
    lambda: &LocalLambda,
    functions: &[&str],
    random: &mut Random,
    kills: &mut Kills,
) {
    loop {
        let spread = PAUSE_MILLISECONDS_MAX - PAUSE_MILLISECONDS_MIN;
        let pause = PAUSE_MILLISECONDS_MIN + random.below(spread);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let (function, choice) = (*random.pick(functions).unwrap(), random.draw());
        match lambda.kill_chosen(function, choice).await {
            Some(KilledWhile::Invoked) => kills.in_flight += 1,
            Some(KilledWhile::Idle) => kills.idle += 1,
            Some(KilledWhile::Starting) => kills.starting += 1,
            None => {}
        }
    }
}
