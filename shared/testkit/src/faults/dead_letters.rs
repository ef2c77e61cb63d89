//! A dead-letter queue whose calls go wrong as planned.

use std::future::pending;

use processing::{DeadLetter, DeadLetterError, DeadLetters};

use super::store::on_purpose;
use super::{Fault, FaultPlan, Port, give_way};

/// [`DeadLetters`] over others, with the faults of a [`FaultPlan`].
#[derive(Clone, Debug)]
pub struct FaultyDeadLetters<D> {
    inner: D,
    plan: FaultPlan,
}

impl<D> FaultyDeadLetters<D> {
    /// Wraps a queue.
    pub fn new(inner: D, plan: &FaultPlan) -> Self {
        Self {
            inner,
            plan: plan.clone(),
        }
    }
}

impl<D: DeadLetters> DeadLetters for FaultyDeadLetters<D> {
    async fn send(&self, letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
        let turn = self.plan.next(Port::Send);
        give_way(turn.turns_before).await;
        match turn.fault {
            None => {
                let answer = self.inner.send(letters).await;
                give_way(turn.turns_after).await;
                answer
            }
            Some(Fault::Refused | Fault::Throttled | Fault::Conflict | Fault::RequestLost) => {
                refuse_all(letters)
            }
            Some(Fault::AnswerLost) => {
                // Taken, and reported as refused: the same letter will come again.
                drop(self.inner.send(letters).await);
                refuse_all(letters)
            }
            Some(Fault::HangsBefore) => pending().await,
            Some(Fault::HangsAfter) => {
                drop(self.inner.send(letters).await);
                pending().await
            }
            Some(Fault::Partly) => self.send_every_other(letters).await,
        }
    }
}

impl<D: DeadLetters> FaultyDeadLetters<D> {
    /// Sends the second, fourth, and so on; the others are refused.
    async fn send_every_other(&self, letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
        let mut answers = Vec::with_capacity(letters.len());
        for (n, letter) in letters.iter().enumerate() {
            if n % 2 == 0 {
                answers.push(refusal());
            } else {
                answers.extend(self.inner.send(std::slice::from_ref(letter)).await);
            }
        }
        answers
    }
}

fn refuse_all(letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
    letters.iter().map(|_| refusal()).collect()
}

fn refusal() -> Result<(), DeadLetterError> {
    Err(DeadLetterError::Unavailable(on_purpose()))
}
