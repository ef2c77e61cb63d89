//! An invoker that counts what the function answers before the mapping reads it.
//!
//! It changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esm_emulator::{Invoke, InvokeAnswer, InvokeError, InvokeRequest};
use serde_json::Value;

/// What the function answered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    lists: AtomicU64,
    refusals: AtomicU64,
    crashes: AtomicU64,
}

impl Seen {
    /// Returns the answers that named unfinished records.
    pub(crate) fn lists(&self) -> u64 {
        self.0.lists.load(Ordering::Relaxed)
    }

    /// Returns the invocations that the function failed by itself because of unfinished records.
    pub(crate) fn refusals(&self) -> u64 {
        self.0.refusals.load(Ordering::Relaxed)
    }

    /// Returns the invocations whose process died.
    pub(crate) fn crashes(&self) -> u64 {
        self.0.crashes.load(Ordering::Relaxed)
    }

    fn count(&self, answer: &InvokeAnswer) {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let unfinished = body["batchItemFailures"].as_array();
        let has_list = unfinished.is_some_and(|unfinished| !unfinished.is_empty());
        let failed_with = |error_type| {
            answer.function_error.is_some() && body["errorType"].as_str() == Some(error_type)
        };
        let counted = [
            (&self.0.lists, answer.function_error.is_none() && has_list),
            (&self.0.refusals, failed_with("unfinished")),
            (&self.0.crashes, failed_with("Runtime.ExitError")),
        ];
        for (counter, is_met) in counted {
            counter.fetch_add(u64::from(is_met), Ordering::Relaxed);
        }
    }
}

/// An invoker that is looked at.
pub(crate) struct Observed<I> {
    inner: I,
    seen: Seen,
}

impl<I> Observed<I> {
    pub(crate) fn new(inner: I, seen: Seen) -> Self {
        Self { inner, seen }
    }
}

impl<I: Invoke> Invoke for Observed<I> {
    async fn invoke(&self, request: InvokeRequest) -> Result<InvokeAnswer, InvokeError> {
        let answer = self.inner.invoke(request).await;
        if let Ok(answer) = &answer {
            self.seen.count(answer);
        }
        answer
    }
}
