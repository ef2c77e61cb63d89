//! What the whole-system tests share: real function binaries, the servers they talk to, what is in them
//! afterwards, and the sample events.
//!
//! `binaries` builds and finds functions, `system` starts servers, `picture` reads what is in them, `topic`
//! produces records and reads offsets, `samples` writes `events/<function>/`, `repository` walks the sources.
//!
//! For tests only, so its helpers fail by panicking. It knows no handler: what a function does is seen
//! from outside, in its answers, its tables and its queue.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

pub mod binaries;
pub mod outcome;
pub mod picture;
pub mod repository;
pub mod samples;
pub mod system;
pub mod topic;

use std::time::{Duration, Instant};

/// The pause between two looks at a condition.
const LOOK_MILLISECONDS: u64 = 20;

/// Waits until `is_true` says so; fails with `what` was waited for when `limit` is over.
pub async fn wait_until(what: &str, limit: Duration, mut is_true: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_true().await {
        let waited = started.elapsed();
        assert!(
            waited < limit,
            "after {waited:?} still waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(LOOK_MILLISECONDS)).await;
    }
}
