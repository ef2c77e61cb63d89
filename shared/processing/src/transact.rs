//! One transaction, sent until it is known what became of it.

use uuid::Uuid;

use crate::deadline::Deadline;
use crate::ports::Timer;
use crate::rejection::Refusal;
use crate::report::Effort;
use crate::store::{Cancellation, Change, CommitError, ItemKey, Store, Transaction, Write};

/// Times that one transaction is sent, where trying again can help.
pub const COMMIT_TRIES_MAX: u32 = 6;

pub(crate) struct Transactor<'a, S, T> {
    pub(crate) store: &'a S,
    pub(crate) timer: &'a T,
    pub(crate) deadline: Deadline,
}

/// Why a transaction was given up. Unless a deadline or an unknown outcome says so, nothing was written.
#[derive(Debug)]
pub(crate) enum NotCommitted {
    /// An expectation or a guard did not hold, or others were on its items each time.
    Changed {
        /// Items whose additions were refused.
        guarded: Vec<ItemKey>,
    },
    /// It can never be committed.
    Invalid(String),
    /// It may be committed by a later delivery, or may have been by this one.
    Unfinished(Refusal),
}

impl<S: Store, T: Timer> Transactor<'_, S, T> {
    /// Sends the writes as one transaction. `name` is unique to it: the token is made from it.
    pub(crate) async fn commit(
        &self,
        writes: &[Write],
        name: &str,
        effort: &mut Effort,
    ) -> Result<(), NotCommitted> {
        if writes.is_empty() {
            return Ok(());
        }
        // A cancelled transaction is sent again under a new token, one with an unknown outcome under its
        // own: only so does the store know that it is the same.
        let mut renewals = 0_u32;
        for tries in 1..=COMMIT_TRIES_MAX {
            let token = token(name, renewals);
            let transaction = Transaction {
                token,
                writes: writes.to_vec(),
            };
            effort.commit_calls += 1;
            let call = self.store.commit(&transaction);
            match self.deadline.limit(self.timer, call).await {
                Err(_) => return Err(NotCommitted::deadline()),
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => {
                    effort.conflicts += u32::from(matches!(error, CommitError::Cancelled(_)));
                    if read_error(writes, error, tries)? == SendAgain::Renewed {
                        renewals += 1;
                    }
                }
            }
            if self
                .deadline
                .pause(self.timer, tries, &transaction.token)
                .await
                .is_err()
            {
                return Err(NotCommitted::deadline());
            }
        }
        Err(NotCommitted::Changed {
            guarded: Vec::new(),
        })
    }
}

impl NotCommitted {
    fn deadline() -> Self {
        Self::Unfinished(Refusal::new("deadline", "no time was left to commit it"))
    }
}

#[derive(PartialEq)]
enum SendAgain {
    Same,
    Renewed,
}

fn token(name: &str, renewals: u32) -> String {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{name}-{renewals}").as_bytes(),
    )
    .to_string()
}

/// Whether the transaction may be sent again, and under which token.
fn read_error(writes: &[Write], error: CommitError, tries: u32) -> Result<SendAgain, NotCommitted> {
    let last = tries >= COMMIT_TRIES_MAX;
    match error {
        CommitError::Cancelled(reasons) => {
            read_reasons(writes, &reasons)?;
            Ok(SendAgain::Renewed)
        }
        CommitError::Throttled(_) | CommitError::Unknown(_) if !last => Ok(SendAgain::Same),
        CommitError::Throttled(_) => Err(NotCommitted::Unfinished(Refusal::of(
            "store_throttled",
            &error,
        ))),
        CommitError::Unknown(_) | CommitError::Unavailable(_) => Err(NotCommitted::Unfinished(
            Refusal::of("store_unavailable", &error),
        )),
        CommitError::Invalid(_) => Err(NotCommitted::Invalid(
            Refusal::of("store_refused", &error).chain.join(": "),
        )),
    }
}

/// Reads a cancelled transaction write by write: `Ok` if the same writes may be sent again.
fn read_reasons(writes: &[Write], reasons: &[Option<Cancellation>]) -> Result<(), NotCommitted> {
    let mut changed = false;
    let mut guarded = Vec::new();
    for (write, reason) in writes.iter().zip(reasons) {
        match reason {
            None | Some(Cancellation::Conflict | Cancellation::Throttled) => {}
            Some(Cancellation::ConditionFailed) => {
                changed = true;
                if matches!(write.change, Change::Add(_)) {
                    guarded.push(write.key.clone());
                }
            }
            Some(Cancellation::Invalid(message)) => {
                return Err(NotCommitted::Invalid(message.clone()));
            }
        }
    }
    if changed {
        Err(NotCommitted::Changed { guarded })
    } else {
        Ok(())
    }
}
