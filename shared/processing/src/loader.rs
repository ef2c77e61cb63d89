//! Loading what a pass missed: in calls of a hundred keys, side by side, within the deadline.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::deadline::Deadline;
use crate::ports::Timer;
use crate::rejection::Refusal;
use crate::report::Effort;
use crate::store::{ItemKey, LOAD_KEYS_MAX, Query, Store, StoreError};
use crate::view::{Cache, Misses};

/// Calls that are under way at once.
pub const LOADS_IN_FLIGHT_MAX: usize = 8;
/// Times that one call is made, where trying again can help.
pub const LOAD_TRIES_MAX: u32 = 5;

pub(crate) struct Loader<'a, S, T> {
    pub(crate) store: &'a S,
    pub(crate) timer: &'a T,
    pub(crate) deadline: Deadline,
    pub(crate) salt: &'a str,
}

/// One call's part of the cache, and how often the call was made.
struct Loaded<R> {
    result: R,
    calls: u32,
}

impl<S: Store, T: Timer> Loader<'_, S, T> {
    /// Loads everything that was missed into the cache.
    pub(crate) async fn load(
        &self,
        misses: Misses,
        cache: &mut Cache,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        self.load_queries(misses.queries.into_iter().collect(), cache, effort)
            .await?;
        // Sorted, so that a run can be repeated call by call.
        let mut keys: Vec<ItemKey> = misses
            .keys
            .into_iter()
            .filter(|key| !cache.items.contains_key(key))
            .collect();
        keys.sort_unstable();
        let chunks: Vec<Vec<ItemKey>> = keys.chunks(LOAD_KEYS_MAX).map(<[_]>::to_vec).collect();
        let calls = chunks.into_iter().map(|keys| async move {
            let loaded = self.try_call(|| self.store.load(&keys)).await?;
            Ok::<_, Refusal>((keys, loaded))
        });
        let calls: Vec<_> = calls.collect();
        let all: Vec<_> = stream::iter(calls)
            .buffer_unordered(LOADS_IN_FLIGHT_MAX)
            .try_collect()
            .await?;
        for (keys, loaded) in all {
            effort.load_calls += loaded.calls;
            if loaded.result.len() != keys.len() {
                let message = "the store answered for another number of keys than it was asked for";
                return Err(Refusal::new("store_unavailable", message));
            }
            cache.items.extend(keys.into_iter().zip(loaded.result));
        }
        Ok(())
    }

    async fn load_queries(
        &self,
        mut queries: Vec<Query>,
        cache: &mut Cache,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        queries.sort_unstable_by(|a, b| {
            (a.table, &a.partition, &a.sort_prefix).cmp(&(b.table, &b.partition, &b.sort_prefix))
        });
        for query in queries {
            let loaded = self.try_call(|| self.store.query(&query)).await?;
            effort.query_calls += loaded.calls;
            let keys = loaded.result.iter().map(|(key, _)| key.clone()).collect();
            for (key, stored) in loaded.result {
                // What was loaded before stays: the records that saw it must not see two states.
                cache.items.entry(key).or_insert(Some(stored));
            }
            cache.queries.insert(query, keys);
        }
        Ok(())
    }

    async fn try_call<R, F>(&self, call: impl Fn() -> F) -> Result<Loaded<R>, Refusal>
    where
        F: Future<Output = Result<R, StoreError>>,
    {
        let near = || Refusal::new("deadline", "no time was left to load what it needs");
        let mut calls = 0;
        loop {
            calls += 1;
            match self
                .deadline
                .limit(self.timer, call())
                .await
                .map_err(|_| near())?
            {
                Ok(result) => return Ok(Loaded { result, calls }),
                Err(error @ StoreError::Throttled(_)) if calls >= LOAD_TRIES_MAX => {
                    return Err(Refusal::of("store_throttled", &error));
                }
                Err(error @ StoreError::Unavailable(_)) if calls >= LOAD_TRIES_MAX => {
                    return Err(Refusal::of("store_unavailable", &error));
                }
                Err(StoreError::Throttled(_) | StoreError::Unavailable(_)) => {}
            }
            self.deadline
                .pause(self.timer, calls, self.salt)
                .await
                .map_err(|_| near())?;
        }
    }
}
