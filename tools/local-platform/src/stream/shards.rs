//! Finds the shards of a stream, starts a reader for each, and children only behind their parents.
//!
//! It reads no records.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodbstreams::types::Shard;
use tokio::task::{Id, JoinError, JoinSet};

use super::reader::{Reader, pause_or_stop};
use super::{InvokeFunction, Shared};
use crate::serving::StopSignal;

/// How often the stream is asked for its shards.
const LOOK_SECONDS: u64 = 10;
/// The pause before a reader that broke off is started anew.
const BROKE_OFF_SECONDS: u64 = 1;

/// The shards that are read, and those that are done.
#[derive(Default)]
struct Shards {
    running: JoinSet<bool>,
    ids: HashMap<Id, String>,
    finished: BTreeSet<String>,
}

/// Reads all shards of the stream, those that come later too, until the mapping stops.
pub(super) async fn read<I: InvokeFunction>(shared: Arc<Shared<I>>, mut stop: StopSignal) {
    let mut shards = Shards::default();
    while !stop.is_raised() {
        shards.start_new(&shared, &stop).await;
        let broke_off = tokio::select! {
            () = stop.raised() => false,
            () = tokio::time::sleep(Duration::from_secs(LOOK_SECONDS)) => false,
            Some(ended) = shards.running.join_next_with_id() => shards.note(ended),
        };
        if broke_off {
            pause_or_stop(Duration::from_secs(BROKE_OFF_SECONDS), &mut stop).await;
        }
    }
    while let Some(ended) = shards.running.join_next_with_id().await {
        shards.note(ended);
    }
}

impl Shards {
    /// Starts a reader for each shard that has none and may begin.
    async fn start_new<I: InvokeFunction>(&mut self, shared: &Arc<Shared<I>>, stop: &StopSignal) {
        let listed = match shared.source.shards(&shared.stream_arn).await {
            Ok(listed) => listed,
            Err(error) => {
                shared.progress.count(|metrics| metrics.poll_errors += 1);
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "shards could not be listed");
                return;
            }
        };
        let is_listed = |id: &str| listed.iter().any(|shard| shard.shard_id() == Some(id));
        self.finished.retain(|id| is_listed(id));
        let running: BTreeSet<String> = self.ids.values().cloned().collect();
        let is_kept = |id: &str| is_listed(id) || running.contains(id);
        shared.progress.retain(is_kept);
        for id in ready(&listed, &running, &self.finished) {
            shared.progress.started(&id);
            let reader = Reader::new(Arc::clone(shared), id.clone());
            let task = self.running.spawn(reader.run(stop.clone()));
            self.ids.insert(task.id(), id);
        }
    }

    /// Notes the end of a reader: true if it broke off; it is then started anew, behind its checkpoint.
    fn note(&mut self, ended: Result<(Id, bool), JoinError>) -> bool {
        match ended {
            Ok((task, is_finished)) => {
                let id = self.ids.remove(&task);
                self.finished.extend(id.filter(|_| is_finished));
                false
            }
            Err(error) => {
                let shard = self.ids.remove(&error.id());
                tracing::error!(shard, %error, "the reader of a shard broke off");
                true
            }
        }
    }
}

/// Returns the shards that are neither read nor done, and whose parent is done or not in the stream any more.
fn ready(listed: &[Shard], running: &BTreeSet<String>, finished: &BTreeSet<String>) -> Vec<String> {
    let ids: BTreeSet<&str> = listed.iter().filter_map(Shard::shard_id).collect();
    let may_begin = |shard: &&Shard| {
        let parent = shard.parent_shard_id().filter(|it| ids.contains(it));
        parent.is_none_or(|parent| finished.contains(parent))
    };
    let new = listed.iter().filter(may_begin).filter_map(Shard::shard_id);
    new.filter(|id| !running.contains(*id) && !finished.contains(*id))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parent: Option<&str>) -> Shard {
        let parent = parent.map(ToOwned::to_owned);
        Shard::builder()
            .shard_id(id)
            .set_parent_shard_id(parent)
            .build()
    }

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_child_begins_when_its_parent_is_done_or_gone_and_no_shard_begins_twice() {
        let listed = [
            shard("orphan", Some("trimmed long ago")),
            shard("parent", None),
            shard("child", Some("parent")),
            shard("grandchild", Some("child")),
        ];
        let none = set(&[]);
        assert_eq!(ready(&listed, &none, &none), ["orphan", "parent"]);
        let both = set(&["orphan", "parent"]);
        assert!(ready(&listed, &both, &none).is_empty());
        let (orphan, parent) = (set(&["orphan"]), set(&["parent"]));
        assert_eq!(ready(&listed, &orphan, &parent), ["child"]);
    }
}
