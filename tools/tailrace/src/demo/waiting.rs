//! Waits until every record is finished, and shows how far that is.
//!
//! It asks the mappings, the streams and the partners; it does not look at what became of the records.

use std::io;
use std::time::Duration;

use esm_emulator::LagError;
use local_platform::stream::StillBusy;
use tokio::time::{Instant, sleep, timeout_at};

use super::books::{self, ReadTopicsError};
use crate::partners::PartnersError;
use crate::platform::{MappingView, Platform};
use crate::screen::Screen;
use crate::text::grouped;

/// Without a terminal, progress is shown after so many events more.
const PLAIN_STEP: u64 = 5_000;
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
    #[error("the system should have come to rest within {seconds} s, but records keep coming")]
    StillMoving { seconds: u64 },
    #[error("the partners do not work")]
    Partners(#[from] PartnersError),
    #[error("Kafka does not say how many records there are")]
    Ends(#[from] ReadTopicsError),
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

/// Waits until nothing moves any more: the mappings have committed all that is on their topics, the streams are done
/// with what was written, the partners with what was published, and no record has come meanwhile.
pub(crate) async fn until_idle(
    platform: &Platform,
    records: usize,
    screen: &mut Screen,
) -> Result<(), WaitError> {
    let more = u64::try_from(records / RECORDS_PER_SECOND_MIN).unwrap_or(u64::MAX);
    let seconds = WAIT_SECONDS_MIN.saturating_add(more);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut progress = ProgressLine::new();
    let kafka = &platform.endpoints().kafka;
    loop {
        let before = books::ends(kafka).await?;
        for mapping in platform.mappings() {
            until_mapping_is_idle(mapping, seconds, deadline).await?;
            progress.show(committed(platform), screen)?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        platform.triggers().wait_until_idle(left).await?;
        let is_idle = platform.are_partners_done().await? && before == books::ends(kafka).await?;
        if is_idle {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(WaitError::StillMoving { seconds });
        }
    }
}

async fn until_mapping_is_idle(
    mapping: &MappingView,
    seconds: u64,
    deadline: Instant,
) -> Result<(), WaitError> {
    let group = || mapping.group.clone();
    loop {
        let lag = timeout_at(deadline, mapping.handle.lag()).await;
        let lag = lag.unwrap_or(Err(LagError::NoAnswer));
        let lag = lag.map_err(|source| WaitError::Lag {
            group: group(),
            source,
        })?;
        if lag.is_idle() {
            return Ok(());
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

/// Events that the mappings have committed, added up.
fn committed(platform: &Platform) -> u64 {
    let mappings = platform.mappings().iter();
    mappings
        .map(|mapping| mapping.handle.metrics().committed_event_count)
        .sum()
}

/// A line that says how many events are finished; often on a terminal, seldom elsewhere.
#[derive(Debug)]
struct ProgressLine {
    shown: u64,
}

impl ProgressLine {
    fn new() -> Self {
        Self { shown: 0 }
    }

    fn show(&mut self, finished: u64, screen: &mut Screen) -> io::Result<()> {
        let step = if screen.is_terminal() { 1 } else { PLAIN_STEP };
        if finished < self.shown.saturating_add(step) {
            return Ok(());
        }
        self.shown = finished;
        screen.progress(&format!("  finished  {} events", grouped(finished)))
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
