//! What a mapping has done and how far it is, for whoever looks from outside.
//!
//! It is only told: it decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// What a stream mapping has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamMetrics {
    /// Records read from the stream, those read again included.
    pub records_polled: u64,
    /// Records that did not pass the filter.
    pub records_filtered_out: u64,
    /// Records sent to the function, once for every attempt.
    pub records_invoked: u64,
    /// Records given up after the last retry.
    pub records_dropped: u64,
    /// Invocations.
    pub invocations: u64,
    /// Invocations that failed as a whole: a function error, a refusal, a lost answer, no batch response.
    pub invocations_failed: u64,
    /// Batches that came again, as a whole or from some record on, those that a fault duplicated included.
    pub batches_repeated: u64,
    /// Calls of the Streams API that failed.
    pub poll_errors: u64,
}

/// How far each shard is done: its id, and the sequence number of the last record that is.
pub type Checkpoints = BTreeMap<String, String>;

/// The stream was not done in time.
#[derive(Debug, thiserror::Error)]
#[error("the stream was not done after {limit:?}: {metrics:?}")]
pub struct StillBusy {
    /// How long it was waited for.
    pub limit: Duration,
    /// What had been done by then.
    pub metrics: StreamMetrics,
}

#[derive(Debug, Default)]
struct Shard {
    polls_begun: u64,
    /// The number of the last poll that found nothing while nothing was in hand; 0 for none.
    idle_at_poll: u64,
    is_finished: bool,
}

#[derive(Debug, Default)]
struct State {
    metrics: StreamMetrics,
    checkpoints: Checkpoints,
    shards: BTreeMap<String, Shard>,
}

/// The progress of one mapping.
#[derive(Debug)]
pub(super) struct Progress(watch::Sender<State>);

impl Progress {
    pub(super) fn new(checkpoints: Checkpoints) -> Self {
        let state = State {
            checkpoints,
            ..State::default()
        };
        Self(watch::Sender::new(state))
    }

    pub(super) fn metrics(&self) -> StreamMetrics {
        self.0.borrow().metrics
    }

    pub(super) fn checkpoints(&self) -> Checkpoints {
        self.0.borrow().checkpoints.clone()
    }

    pub(super) fn checkpoint_of(&self, shard_id: &str) -> Option<String> {
        self.0.borrow().checkpoints.get(shard_id).cloned()
    }

    /// Changes the counters, and returns what the change returns.
    pub(super) fn count<T>(&self, change: impl FnOnce(&mut StreamMetrics) -> T) -> Option<T> {
        let mut result = None;
        self.0
            .send_modify(|state| result = Some(change(&mut state.metrics)));
        result
    }

    pub(super) fn started(&self, shard_id: &str) {
        self.of_shard(shard_id, |_| {});
    }

    /// Tells of a poll that begins, and returns its number.
    pub(super) fn poll_begins(&self, shard_id: &str) {
        self.of_shard(shard_id, |shard| shard.polls_begun += 1);
    }

    /// Tells that the poll that began last found nothing while nothing was in hand.
    pub(super) fn idle(&self, shard_id: &str) {
        self.of_shard(shard_id, |shard| shard.idle_at_poll = shard.polls_begun);
    }

    pub(super) fn finished(&self, shard_id: &str) {
        self.of_shard(shard_id, |shard| shard.is_finished = true);
    }

    pub(super) fn done_up_to(&self, shard_id: &str, sequence_number: &str) {
        self.0.send_modify(|state| {
            let sequence_number = sequence_number.to_owned();
            state
                .checkpoints
                .insert(shard_id.to_owned(), sequence_number);
        });
    }

    /// Forgets shards that the stream has no more.
    pub(super) fn retain(&self, is_listed: impl Fn(&str) -> bool) {
        self.0.send_modify(|state| {
            state.shards.retain(|shard_id, _| is_listed(shard_id));
            state.checkpoints.retain(|shard_id, _| is_listed(shard_id));
        });
    }

    /// Waits until each shard was polled anew, was empty, and nothing of it is in hand.
    pub(super) async fn wait_until_idle(
        &self,
        limit: Duration,
    ) -> Result<StreamMetrics, StillBusy> {
        let mut watching = self.0.subscribe();
        let begun: BTreeMap<String, u64> = {
            let state = watching.borrow();
            let shards = state.shards.iter();
            shards
                .map(|(shard_id, shard)| (shard_id.clone(), shard.polls_begun))
                .collect()
        };
        let is_idle = |state: &State| {
            let mut shards = state.shards.iter();
            !state.shards.is_empty()
                && shards.all(|(shard_id, shard)| {
                    let before = begun.get(shard_id).copied().unwrap_or(0);
                    shard.is_finished || shard.idle_at_poll > before
                })
        };
        let idle = async {
            let state = watching.wait_for(is_idle).await;
            state.map(|state| state.metrics)
        };
        match timeout(limit, idle).await {
            Ok(Ok(metrics)) => Ok(metrics),
            Ok(Err(_)) | Err(_) => Err(StillBusy {
                limit,
                metrics: self.metrics(),
            }),
        }
    }

    fn of_shard(&self, shard_id: &str, change: impl FnOnce(&mut Shard)) {
        self.0.send_modify(|state| {
            change(state.shards.entry(shard_id.to_owned()).or_default());
        });
    }
}
