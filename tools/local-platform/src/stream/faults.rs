//! Faults on purpose: behaviour AWS may show, chosen by invocation number so that a run can be repeated.
//!
//! The plan only says which fault an invocation meets; the reader of a shard makes it happen.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Something that goes wrong with one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFault {
    /// The batch succeeds and is then delivered a second time; that one is not delivered a third.
    DuplicateBatch,
    /// The function runs, but the poller never sees its answer: the whole batch comes again.
    LoseAnswer,
}

/// Which invocation meets which fault; invocations are numbered from 1 in the order in which they start.
///
/// The default has none.
#[derive(Clone, Default)]
pub struct StreamFaults(Option<Arc<Choose>>);

type Choose = dyn Fn(u64) -> Option<StreamFault> + Send + Sync;

impl StreamFaults {
    /// Makes a plan of faults at invocation numbers.
    #[must_use]
    pub fn planned(faults: impl IntoIterator<Item = (u64, StreamFault)>) -> Self {
        let faults: BTreeMap<_, _> = faults.into_iter().collect();
        Self::chosen_by(move |invocation| faults.get(&invocation).copied())
    }

    /// Makes a plan that asks for the fault of each invocation, in any order.
    #[must_use]
    pub fn chosen_by(choose: impl Fn(u64) -> Option<StreamFault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(choose)))
    }

    pub(super) fn at(&self, invocation: u64) -> Option<StreamFault> {
        self.0.as_ref().and_then(|choose| choose(invocation))
    }
}

impl fmt::Debug for StreamFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_some = self.0.is_some();
        formatter
            .debug_tuple("StreamFaults")
            .field(&has_some)
            .finish()
    }
}
