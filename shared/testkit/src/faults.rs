//! Faults on purpose: which call of a port goes wrong, and how.
//!
//! A plan says when, a [`Fault`] says what; [`FaultyStore`], [`FaultyDeadLetters`] and [`FaultyPayloads`] do it. The same plan and
//! the same calls give the same faults.

mod dead_letters;
mod payloads;
mod random;
mod store;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use futures_util::future::poll_fn;
use std::task::Poll;

pub use dead_letters::FaultyDeadLetters;
pub use payloads::FaultyPayloads;
pub use random::Random;
pub use store::FaultyStore;

use crate::lock;

/// Turns that a call of a random plan gives to others, before and after its effect.
const TURNS_MAX: u64 = 3;

/// What goes wrong with one call.
///
/// A port that knows no such fault is [`Fault::Refused`] instead: only commits conflict or have their
/// request lost, only dead letters are taken in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An error, and nothing was done.
    Refused,
    /// The service asked for patience, and nothing was done.
    Throttled,
    /// Another transaction was on the same item.
    Conflict,
    /// Nobody knows whether it was done; it was not.
    RequestLost,
    /// It was done, but the answer says that nobody knows, or that it failed.
    AnswerLost,
    /// No answer ever comes, and nothing was done.
    HangsBefore,
    /// No answer ever comes, although it was done.
    HangsAfter,
    /// Every other one of several things was done.
    Partly,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Throttled,
        Self::Conflict,
        Self::RequestLost,
        Self::AnswerLost,
        Self::HangsBefore,
        Self::HangsAfter,
        Self::Partly,
    ];
}

/// A call that a plan saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortCall {
    /// Which call.
    pub port: Port,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// The calls that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// [`processing::Store::load`].
    Load,
    /// [`processing::Store::query`].
    Query,
    /// [`processing::Store::commit`].
    Commit,
    /// [`processing::DeadLetters::send`].
    Send,
    /// [`processing::Payloads::put`].
    Keep,
    /// [`processing::Payloads::get`].
    Fetch,
}

/// When calls go wrong. Clones share their count of calls, so that one plan covers several ports.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    fixed: Vec<(RangeInclusive<usize>, Fault)>,
    chance: Option<Chance>,
    calls: Vec<PortCall>,
}

#[derive(Debug)]
struct Chance {
    random: Random,
    per_mille: u64,
    last_call: usize,
}

/// What a plan has in store for one call.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    fault: Option<Fault>,
    turns_before: u64,
    turns_after: u64,
}

impl FaultPlan {
    /// Creates a plan in which nothing goes wrong, to count calls with.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates a plan in which one call goes wrong; calls are counted from 1, over all ports.
    #[must_use]
    pub fn at(call: usize, fault: Fault) -> Self {
        Self::during(call..=call, fault)
    }

    /// Creates a plan in which a run of calls goes wrong: an outage.
    #[must_use]
    pub fn during(calls: RangeInclusive<usize>, fault: Fault) -> Self {
        Self::none().and_during(calls, fault)
    }

    /// Adds another run of calls that go wrong; where two overlap, the earlier added one counts.
    #[must_use]
    pub fn and_during(self, calls: RangeInclusive<usize>, fault: Fault) -> Self {
        lock(&self.0).fixed.push((calls, fault));
        self
    }

    /// Creates a plan in which any call up to `last_call` goes wrong with this probability, and every call
    /// lets a few others go first.
    #[must_use]
    pub fn random(seed: u64, per_mille: u64, last_call: usize) -> Self {
        let chance = Chance {
            random: Random::new(seed),
            per_mille,
            last_call,
        };
        Self(Arc::new(Mutex::new(Plan {
            chance: Some(chance),
            ..Plan::default()
        })))
    }

    /// Returns the calls so far, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<PortCall> {
        lock(&self.0).calls.clone()
    }

    /// Says how many calls went wrong so far.
    #[must_use]
    pub fn faults(&self) -> usize {
        lock(&self.0)
            .calls
            .iter()
            .filter(|call| call.fault.is_some())
            .count()
    }

    fn next(&self, port: Port) -> Turn {
        let mut plan = lock(&self.0);
        let number = plan.calls.len() + 1;
        let fixed = plan.fixed.iter().find(|(calls, _)| calls.contains(&number));
        let fixed = fixed.map(|(_, fault)| *fault);
        let mut turn = plan
            .chance
            .as_mut()
            .map_or_else(Turn::default, |chance| chance.next(number));
        turn.fault = fixed.or(turn.fault).map(|fault| port.fault(fault));
        plan.calls.push(PortCall {
            port,
            fault: turn.fault,
        });
        turn
    }
}

impl Chance {
    fn next(&mut self, number: usize) -> Turn {
        // Drawn whatever comes of it, so that one fault less does not shift all that follows.
        let hit = self.random.below(1_000) < self.per_mille;
        let fault = self.random.pick(&Fault::ALL).copied();
        Turn {
            fault: fault.filter(|_| hit && number <= self.last_call),
            turns_before: self.random.below(TURNS_MAX + 1),
            turns_after: self.random.below(TURNS_MAX + 1),
        }
    }
}

impl Port {
    /// The fault as this port knows it.
    pub(crate) fn fault(self, fault: Fault) -> Fault {
        let is_known = match fault {
            Fault::Conflict | Fault::RequestLost => self == Self::Commit,
            Fault::Partly => self == Self::Send,
            Fault::Refused
            | Fault::Throttled
            | Fault::AnswerLost
            | Fault::HangsBefore
            | Fault::HangsAfter => true,
        };
        if is_known { fault } else { Fault::Refused }
    }
}

/// Lets others go first, this often.
async fn give_way(turns: u64) {
    let mut left = turns;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
