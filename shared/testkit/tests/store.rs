//! The store in memory keeps what every store has to keep, and the suite notices one that does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use processing::{
    Change, CommitError, Expect, ItemKey, Query, Store, StoreError, Stored, Transaction,
};
use testkit::{MemoryStore, store_conformance};

#[tokio::test]
async fn the_store_in_memory_keeps_what_every_store_has_to_keep() {
    store_conformance(async || MemoryStore::new()).await;
}

#[tokio::test]
async fn the_checks_do_not_disturb_each_other_in_one_store() {
    let store = MemoryStore::new();
    store_conformance(async || store.clone()).await;
}

/// What a broken store gets wrong.
#[derive(Clone, Copy)]
enum Mistake {
    ForgetsTokens,
    IgnoresVersions,
    ReadsInAnyOrder,
    IgnoresGuards,
    CutsQueries,
}

struct BrokenStore(MemoryStore, Mistake);

impl Store for BrokenStore {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut items = self.0.load(keys).await?;
        if matches!(self.1, Mistake::ReadsInAnyOrder) {
            items.reverse();
        }
        Ok(items)
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        let mut found = self.0.query(query).await?;
        if matches!(self.1, Mistake::CutsQueries) {
            found.truncate(3);
        }
        Ok(found)
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let mut transaction = transaction.clone();
        match self.1 {
            Mistake::ForgetsTokens => {
                transaction.token = self.0.calls().commits.to_string();
            }
            Mistake::IgnoresVersions => {
                for write in &mut transaction.writes {
                    if let Expect::Version(version) = &mut write.expect {
                        let key = &write.key;
                        let found = self.0.item(key.table, &key.partition, &key.sort);
                        *version = found.map_or(*version, |stored| stored.version);
                    }
                }
            }
            Mistake::IgnoresGuards => {
                for write in &mut transaction.writes {
                    if let Change::Add(additions) = &mut write.change {
                        for addition in additions {
                            addition.at_least = None;
                        }
                    }
                }
            }
            Mistake::ReadsInAnyOrder | Mistake::CutsQueries => {}
        }
        self.0.commit(&transaction).await
    }
}

async fn complaint(mistake: Mistake) -> String {
    let run = store_conformance(async || BrokenStore(MemoryStore::new(), mistake));
    let panic = AssertUnwindSafe(run).catch_unwind().await.unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn a_store_that_breaks_a_promise_is_found_out() {
    for (mistake, sentence) in [
        (
            Mistake::ForgetsTokens,
            "a transaction sent again under its token applies once",
        ),
        (
            Mistake::IgnoresVersions,
            "a put under a version that has passed is cancelled",
        ),
        (
            Mistake::ReadsInAnyOrder,
            "a load answers a hundred keys in their order",
        ),
        (
            Mistake::IgnoresGuards,
            "a guard holds at its bound and cancels below it",
        ),
        (
            Mistake::CutsQueries,
            "a query of more than 1 MB comes back whole",
        ),
    ] {
        let complaint = complaint(mistake).await;
        assert!(complaint.contains(sentence), "{complaint}");
    }
}
