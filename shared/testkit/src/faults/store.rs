//! A store whose calls go wrong as planned.

use std::future::pending;

use processing::{
    Cancellation, Cause, CommitError, ItemKey, Query, Store, StoreError, Stored, Transaction,
};

use super::{Fault, FaultPlan, Port, give_way};

/// A [`Store`] over another one, with the faults of a [`FaultPlan`].
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    plan: FaultPlan,
}

impl<S> FaultyStore<S> {
    /// Wraps a store.
    pub fn new(inner: S, plan: &FaultPlan) -> Self {
        Self {
            inner,
            plan: plan.clone(),
        }
    }

    /// Makes a read that has no effect, so that before and after are the same.
    async fn read<R>(
        &self,
        port: Port,
        read: impl Future<Output = Result<R, StoreError>>,
    ) -> Result<R, StoreError> {
        let turn = self.plan.next(port);
        give_way(turn.turns_before).await;
        match turn.fault {
            None => {
                let answer = read.await;
                give_way(turn.turns_after).await;
                answer
            }
            Some(Fault::HangsBefore | Fault::HangsAfter) => pending().await,
            Some(Fault::Throttled) => Err(StoreError::Throttled(on_purpose())),
            Some(
                Fault::Refused
                | Fault::Conflict
                | Fault::RequestLost
                | Fault::AnswerLost
                | Fault::Partly,
            ) => Err(StoreError::Unavailable(on_purpose())),
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.read(Port::Load, self.inner.load(keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        self.read(Port::Query, self.inner.query(query)).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let turn = self.plan.next(Port::Commit);
        give_way(turn.turns_before).await;
        match turn.fault {
            None => {
                let answer = self.inner.commit(transaction).await;
                give_way(turn.turns_after).await;
                answer
            }
            Some(Fault::Refused | Fault::Partly) => Err(CommitError::Unavailable(on_purpose())),
            Some(Fault::Throttled) => Err(CommitError::Throttled(on_purpose())),
            Some(Fault::Conflict) => Err(CommitError::Cancelled(conflict(transaction))),
            Some(Fault::RequestLost) => Err(CommitError::Unknown(on_purpose())),
            Some(Fault::AnswerLost) => {
                // The answer is lost whatever it would have been.
                drop(self.inner.commit(transaction).await);
                Err(CommitError::Unknown(on_purpose()))
            }
            Some(Fault::HangsBefore) => pending().await,
            Some(Fault::HangsAfter) => {
                drop(self.inner.commit(transaction).await);
                pending().await
            }
        }
    }
}

/// The first write was in somebody's way.
fn conflict(transaction: &Transaction) -> Vec<Option<Cancellation>> {
    let reasons = transaction.writes.iter().enumerate();
    reasons
        .map(|(n, _)| (n == 0).then_some(Cancellation::Conflict))
        .collect()
}

pub(super) fn on_purpose() -> Cause {
    Cause::from("a fault on purpose")
}
