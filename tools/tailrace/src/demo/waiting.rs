//! Waits until every record is finished, and shows how far that is.
//!
//! It asks the mappings and the streams; it does not look at what became of the records.

use std::io;
use std::time::Duration;

use esm_emulator::LagError;
use local_platform::stream::StillBusy;
use tokio::time::{Instant, sleep, timeout_at};

use crate::platform::Platform;
use crate::screen::Screen;
use crate::text::{bar, counted};

/// Characters of the bar.
const BAR_WIDTH: usize = 30;
/// Without a terminal, progress is shown so many times.
const PLAIN_STEPS: usize = 4;
/// The pause between two looks.
const LOOK_MILLISECONDS: u64 = 50;
/// Seconds that are granted in any case.
const WAIT_SECONDS_MIN: u64 = 60;
/// Records a second that even a slow machine is expected to finish.
const RECORDS_PER_SECOND_MIN: usize = 25;

/// Why not all records were finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error("the mapping of group {group} does not answer")]
    Lag { group: String, source: LagError },
    #[error(
        "group {group} should have been done within {seconds} s, but {behind} records wait and {in_flight} invocations run"
    )]
    StillBehind {
        group: String,
        seconds: u64,
        behind: u64,
        in_flight: usize,
    },
    #[error("what a table's stream triggers is not done")]
    Stream(#[from] StillBusy),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}

impl WaitError {
    /// Whether a mapping has ended.
    pub(crate) fn is_a_mapping_gone(&self) -> bool {
        matches!(
            self,
            Self::Lag {
                source: LagError::NotRunning,
                ..
            }
        )
    }
}

/// Waits until the mappings have committed all `records` and nothing is in flight, then until the streams of what
/// was written are done.
pub(crate) async fn until_idle(
    platform: &Platform,
    records: usize,
    screen: &mut Screen,
) -> Result<(), WaitError> {
    let more = u64::try_from(records / RECORDS_PER_SECOND_MIN).unwrap_or(u64::MAX);
    let seconds = WAIT_SECONDS_MIN.saturating_add(more);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut progress = ProgressLine::new("finished", records);
    for mapping in platform.mappings() {
        let group = || mapping.group.clone();
        loop {
            let lag = timeout_at(deadline, mapping.handle.lag()).await;
            let lag = lag.unwrap_or(Err(LagError::NoAnswer));
            let lag = lag.map_err(|source| WaitError::Lag {
                group: group(),
                source,
            })?;
            let committed = mapping.handle.metrics().committed_event_count;
            let committed = usize::try_from(committed).unwrap_or(usize::MAX);
            progress.show(committed.min(records), screen)?;
            if lag.is_idle() {
                break;
            }
            if Instant::now() >= deadline {
                return Err(WaitError::StillBehind {
                    group: group(),
                    seconds,
                    behind: lag.sum(),
                    in_flight: lag.invocations_in_flight,
                });
            }
            sleep(Duration::from_millis(LOOK_MILLISECONDS)).await;
        }
    }
    let left = deadline.saturating_duration_since(Instant::now());
    platform.triggers().wait_until_idle(left).await?;
    Ok(())
}

/// A line that says how much of a whole is done; often on a terminal, seldom elsewhere.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    what: &'static str,
    whole: usize,
    /// The step that was shown last, of [`PLAIN_STEPS`].
    step: usize,
}

impl ProgressLine {
    pub(crate) fn new(what: &'static str, whole: usize) -> Self {
        let step = 0;
        Self { what, whole, step }
    }

    pub(crate) fn show(&mut self, part: usize, screen: &mut Screen) -> io::Result<()> {
        let step = part.saturating_mul(PLAIN_STEPS) / self.whole.max(1);
        let is_due = screen.is_terminal() || step > self.step;
        if !is_due {
            return Ok(());
        }
        self.step = step;
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        screen.progress(&format!(
            "  {:<8}  {} {} of {} records",
            self.what,
            bar(wide(part), wide(self.whole), BAR_WIDTH),
            counted(part),
            counted(self.whole)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mapping_that_does_not_run_is_gone() {
        let error = |source| WaitError::Lag {
            group: "g".to_owned(),
            source,
        };
        assert!(error(LagError::NotRunning).is_a_mapping_gone());
        assert!(!error(LagError::NoAnswer).is_a_mapping_gone());
    }
}
