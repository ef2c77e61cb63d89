//! A bucket for large values whose calls go wrong as planned.

use std::future::pending;

use processing::{PayloadError, Payloads};

use super::store::on_purpose;
use super::{Fault, FaultPlan, Port, give_way};

/// [`Payloads`] over others, with the faults of a [`FaultPlan`].
#[derive(Clone, Debug)]
pub struct FaultyPayloads<P> {
    inner: P,
    plan: FaultPlan,
}

impl<P> FaultyPayloads<P> {
    /// Wraps a bucket.
    pub fn new(inner: P, plan: &FaultPlan) -> Self {
        Self {
            inner,
            plan: plan.clone(),
        }
    }
}

impl<P: Payloads> Payloads for FaultyPayloads<P> {
    fn bucket(&self) -> Option<&str> {
        self.inner.bucket()
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), PayloadError> {
        let turn = self.plan.next(Port::Keep);
        give_way(turn.turns_before).await;
        match turn.fault {
            None => {
                let answer = self.inner.put(key, value).await;
                give_way(turn.turns_after).await;
                answer
            }
            Some(Fault::AnswerLost) => {
                // Stored, and reported as failed: the same value will come again.
                drop(self.inner.put(key, value).await);
                Err(PayloadError::Unavailable(on_purpose()))
            }
            Some(Fault::HangsBefore) => pending().await,
            Some(Fault::HangsAfter) => {
                drop(self.inner.put(key, value).await);
                pending().await
            }
            Some(
                Fault::Refused
                | Fault::Throttled
                | Fault::Conflict
                | Fault::RequestLost
                | Fault::Partly,
            ) => Err(PayloadError::Unavailable(on_purpose())),
        }
    }

    async fn get(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        let turn = self.plan.next(Port::Fetch);
        give_way(turn.turns_before).await;
        match turn.fault {
            None => {
                let answer = self.inner.get(key, bytes_max).await;
                give_way(turn.turns_after).await;
                answer
            }
            Some(Fault::HangsBefore | Fault::HangsAfter) => pending().await,
            Some(
                Fault::Refused
                | Fault::Throttled
                | Fault::Conflict
                | Fault::RequestLost
                | Fault::AnswerLost
                | Fault::Partly,
            ) => Err(PayloadError::Unavailable(on_purpose())),
        }
    }
}
