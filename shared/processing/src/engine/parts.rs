//! Working a batch off in parts: as many records at a time as their large values leave room for.
//!
//! A batch without claim checks is one part. What a part left unfinished holds back later parts too, because its
//! records stay in the batch; only their values are let go. It does not decide anything.

use futures_util::{StreamExt, stream};

use super::{DecideEngine, Run};
use crate::batch::{Content, Entry, Fate, read_claimed};
use crate::decide::Decide;
use crate::payload::{Keeper, NotFetched, PAYLOAD_BYTES_AT_ONCE_MAX, PAYLOADS_IN_FLIGHT_MAX};
use crate::ports::{DeadLetters, Payloads, Timer};
use crate::store::Store;

impl<H: Decide, S: Store, D: DeadLetters, T: Timer, P: Payloads> DecideEngine<H, S, D, T, P> {
    /// Fetches, decides and commits until every record has its fate.
    pub(crate) async fn finish(&self, run: &mut Run<H::Event>) {
        let id = run.id.clone();
        let mut waiting = std::mem::take(&mut run.batch.entries)
            .into_iter()
            .peekable();
        for part in 0_u32.. {
            if waiting.peek().is_none() {
                break;
            }
            if part > 0 {
                // Names of transactions and rows are made of it, and must not repeat.
                run.id = format!("{id}p{part:05}");
            }
            let mut bytes = 0;
            while let Some(entry) =
                waiting.next_if(|entry| bytes + claimed_bytes(entry) <= PAYLOAD_BYTES_AT_ONCE_MAX)
            {
                bytes += claimed_bytes(&entry);
                run.batch.entries.push(entry);
            }
            self.fetch(run).await;
            self.finish_part(run).await;
            let_go(&mut run.batch.entries);
        }
    }

    /// Gets the values that lie elsewhere, side by side.
    async fn fetch(&self, run: &mut Run<H::Event>) {
        let keeper = self.keeper(run);
        let wanted = run.batch.pending().filter(|(_, entry)| {
            // What an operator gives up is not looked into.
            matches!(entry.content, Content::Elsewhere) && entry.skip.is_none()
        });
        let keeper = &keeper;
        let calls = wanted.filter_map(|(index, entry)| {
            let check = entry.claim.as_ref()?.check.clone();
            Some(async move { (index, keeper.fetch(&check).await) })
        });
        let calls: Vec<_> = calls.collect();
        let fetched: Vec<_> = stream::iter(calls)
            .buffer_unordered(PAYLOADS_IN_FLIGHT_MAX)
            .collect()
            .await;
        for (index, fetched) in fetched {
            let Some(entry) = run.batch.entries.get_mut(index) else {
                continue;
            };
            match fetched {
                Ok(value) => {
                    let cluster = &run.batch.cluster;
                    entry.content = read_claimed(entry, value, cluster, H::DEDUP, run.now);
                }
                Err(NotFetched::Never(refusal)) => entry.content = Content::Undecodable(refusal),
                Err(NotFetched::Unfinished(refusal)) => {
                    entry.fate = Some(Fate::Unfinished(refusal));
                }
            }
        }
    }

    pub(super) fn keeper(&self, run: &Run<H::Event>) -> Keeper<'_, P, T> {
        Keeper {
            payloads: &self.payloads,
            timer: &self.timer,
            deadline: run.deadline,
        }
    }
}

/// Bytes that the record's value takes once it is fetched.
fn claimed_bytes<E>(entry: &Entry<E>) -> u64 {
    match entry.content {
        Content::Elsewhere => entry.claim.as_ref().map_or(0, |claim| claim.check.size()),
        Content::Event(_) | Content::OtherType | Content::Undecodable(_) => 0,
    }
}

/// Drops the values of what has its fate.
fn let_go<E>(entries: &mut [Entry<E>]) {
    for entry in entries {
        if entry.claim.is_some() && matches!(entry.content, Content::Event(_)) {
            entry.content = Content::Elsewhere;
        }
    }
}
