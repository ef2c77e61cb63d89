//! The suite of commands names what does not conform.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use processing::{Command, Item, Key, Rejection, Work};
use serde::{Deserialize, Serialize};
use testkit::conformance::CommandSuite;

#[derive(Serialize, Deserialize)]
struct Note {
    note_id: String,
    runs: u64,
}

impl Item for Note {
    const TABLE: &'static str = "orders";
    fn key(&self) -> Key {
        Key::from(&self.note_id)
    }
}

/// Answers with how often it ran, which is no part of what it is asked: it is not pure.
#[derive(Default)]
struct CountsItsRuns(AtomicU64);

impl Command for CountsItsRuns {
    type Request = ();
    type Answer = u64;
    const NAME: &'static str = "counts-its-runs";

    fn decide(&self, (): &(), work: &mut Work<'_>) -> Result<u64, Rejection> {
        let runs = self.0.fetch_add(1, Ordering::Relaxed);
        let note_id = work.unique_id();
        work.put(&Note { note_id, runs });
        Ok(runs)
    }
}

/// Refuses every call.
struct Refuses;

impl Command for Refuses {
    type Request = ();
    type Answer = ();
    const NAME: &'static str = "refuses";

    fn decide(&self, (): &(), _: &mut Work<'_>) -> Result<(), Rejection> {
        Err(Rejection::permanent("never", "it never does anything"))
    }
}

async fn complaint(suite: impl Future<Output = ()>) -> String {
    let panic = AssertUnwindSafe(suite).catch_unwind().await.unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn a_command_that_is_not_pure_is_found_out() {
    let suite = CommandSuite::new(CountsItsRuns::default).call("c-1", "", ());
    let complaint = complaint(suite.run()).await;
    assert!(
        complaint.contains("each call of the store fails"),
        "{complaint}"
    );
}

#[tokio::test]
async fn a_sample_that_is_refused_is_no_sample() {
    let complaint = complaint(CommandSuite::new(|| Refuses).call("c-1", "", ()).run()).await;
    assert!(complaint.contains("twice is once"), "{complaint}");
}

#[tokio::test]
#[should_panic(expected = "has no sample")]
async fn a_suite_without_samples_is_refused() {
    CommandSuite::new(|| Refuses).run().await;
}
