//! Committing chains of transactions: dead letters first, then each transaction in its turn.
//!
//! What is not named in a [`ChainEnd`] has to be decided again; that is the engine's part.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, stream};

use crate::batch::{Entry, Fate};
use crate::dead_letter::DeadLetter;
use crate::loader::Loader;
use crate::pack::{Chain, Step};
use crate::plan::Planned;
use crate::ports::{DeadLetters, Timer};
use crate::rejection::Refusal;
use crate::report::Effort;
use crate::store::{Expect, ItemKey, Store};
use crate::transact::{NotCommitted, Transactor};
use crate::view::{Cache, Misses};

/// Chains that are committed side by side.
pub const CHAINS_IN_FLIGHT_MAX: usize = 8;

/// What became of a chain. Records that it does not name are to be decided again.
#[derive(Debug, Default)]
pub(crate) struct ChainEnd {
    pub(crate) committed: Vec<Planned>,
    pub(crate) unfinished: Vec<(usize, Refusal)>,
    /// Records whose writes can never be committed.
    pub(crate) condemned: Vec<(usize, Refusal)>,
    /// Items whose guard failed; they have to be loaded for the next decision.
    pub(crate) guarded: HashSet<ItemKey>,
    /// A transaction of several records was refused as invalid: find out whose fault it is.
    pub(crate) isolate: bool,
    pub(crate) effort: Effort,
}

/// What the commits of an attempt share.
pub(crate) struct Committer<'a, S, D, T> {
    pub(crate) transactor: Transactor<'a, S, T>,
    pub(crate) dead_letters: &'a D,
    /// Large events that could not be kept, by their keys.
    pub(crate) unkept: &'a HashMap<String, Refusal>,
    /// Unique to the invocation and the attempt.
    pub(crate) name: String,
}

impl<S: Store, D: DeadLetters, T: Timer> Committer<'_, S, D, T> {
    /// Commits chains side by side. `letter` writes the dead letter of a planned record.
    pub(crate) async fn commit_all<E: Sync>(
        &self,
        chains: Vec<Chain>,
        entries: &[Entry<E>],
        letter: impl Fn(&Planned, &Entry<E>) -> Option<DeadLetter> + Sync,
    ) -> Vec<ChainEnd> {
        let letter = &letter;
        let runs: Vec<_> = chains
            .into_iter()
            .enumerate()
            .map(|(number, chain)| async move {
                let letter = |planned: &Planned| letter(planned, entries.get(planned.index)?);
                self.commit_chain(number, chain, letter).await
            })
            .collect();
        stream::iter(runs)
            .buffer_unordered(CHAINS_IN_FLIGHT_MAX)
            .collect()
            .await
    }

    async fn commit_chain(
        &self,
        number: usize,
        chain: Chain,
        letter: impl Fn(&Planned) -> Option<DeadLetter>,
    ) -> ChainEnd {
        let mut end = ChainEnd::default();
        for (position, step) in chain.into_iter().enumerate() {
            let unkept = self.unkept(&step);
            if !unkept.is_empty() {
                end.unfinished.extend(unkept);
                break;
            }
            if let Err(reason) = self.still_stands(&step, &mut end.effort).await {
                end.stop(&step, reason);
                break;
            }
            let unsent = self.send_letters(&step, &letter, &mut end.effort).await;
            if !unsent.is_empty() {
                end.unfinished.extend(unsent);
                break;
            }
            let name = format!("{}-{number}-{position}", self.name);
            match self
                .transactor
                .commit(&step.writes, &name, &mut end.effort)
                .await
            {
                Ok(()) => end.committed.extend(step.planned),
                Err(reason) => {
                    end.stop(&step, reason);
                    break;
                }
            }
        }
        end
    }

    /// A step's records with a large event that could not be kept, and why.
    fn unkept(&self, step: &Step) -> Vec<(usize, Refusal)> {
        let records = step.planned.iter();
        let unkept = records.filter_map(|planned| {
            let mut overflows = planned.effects.overflows();
            let refusal = overflows.find_map(|large| self.unkept.get(large.check.key()))?;
            Some((planned.index, refusal.clone()))
        });
        unkept.collect()
    }

    /// Looks once more, before a dead letter is sent, at what its refusal rests on.
    ///
    /// A zombie may have finished the record since its mark was loaded, and the handler then refused what it
    /// saw of that. The mark would be refused in its turn, but the letter would be out.
    async fn still_stands(&self, step: &Step, effort: &mut Effort) -> Result<(), NotCommitted> {
        if !step.planned.iter().any(|planned| planned.letter) {
            return Ok(());
        }
        let Transactor {
            store,
            timer,
            deadline,
        } = self.transactor;
        let loader = Loader {
            store,
            timer,
            deadline,
            salt: &self.name,
        };
        let expecting = step
            .writes
            .iter()
            .filter(|write| write.expect != Expect::Anything);
        let keys = expecting.clone().map(|write| write.key.clone()).collect();
        let mut cache = Cache::default();
        let misses = Misses {
            keys,
            ..Misses::default()
        };
        loader
            .load(misses, &mut cache, effort)
            .await
            .map_err(NotCommitted::Unfinished)?;
        let mut stands = expecting.map(|write| {
            let stored = cache.items.get(&write.key).and_then(Option::as_ref);
            match write.expect {
                Expect::Anything => true,
                Expect::Absent => stored.is_none(),
                Expect::Version(version) => stored.is_some_and(|item| item.version == version),
            }
        });
        if stands.all(|stands| stands) {
            return Ok(());
        }
        effort.conflicts += 1;
        Err(NotCommitted::Changed {
            guarded: Vec::new(),
        })
    }

    /// Sends a step's dead letters; those records whose letters could not be sent, and why.
    async fn send_letters(
        &self,
        step: &Step,
        letter: impl Fn(&Planned) -> Option<DeadLetter>,
        effort: &mut Effort,
    ) -> Vec<(usize, Refusal)> {
        let with_letters = step.planned.iter().filter(|planned| planned.letter);
        let (indexes, letters): (Vec<usize>, Vec<DeadLetter>) = with_letters
            .filter_map(|planned| Some((planned.index, letter(planned)?)))
            .unzip();
        if letters.is_empty() {
            return Vec::new();
        }
        effort.dead_letter_sends += 1;
        let Transactor {
            timer, deadline, ..
        } = self.transactor;
        let Ok(results) = deadline
            .limit(timer, self.dead_letters.send(&letters))
            .await
        else {
            let refusal = Refusal::new("deadline", "no time was left to send its dead letter");
            return indexes
                .into_iter()
                .map(|index| (index, refusal.clone()))
                .collect();
        };
        let mut results = results.into_iter();
        let outcome = indexes
            .into_iter()
            .filter_map(|index| match results.next() {
                Some(Ok(())) => None,
                Some(Err(error)) => Some((index, Refusal::of(error.code(), &error))),
                None => Some((
                    index,
                    Refusal::new("dead_letter_unsent", "the queue gave no answer"),
                )),
            });
        outcome.collect()
    }
}

impl ChainEnd {
    fn stop(&mut self, step: &Step, reason: NotCommitted) {
        match (reason, step.planned.as_slice()) {
            (NotCommitted::Changed { guarded }, _) => self.guarded.extend(guarded),
            (NotCommitted::Unfinished(refusal), planned) => {
                let indexes = planned.iter().map(|planned| planned.index);
                self.unfinished
                    .extend(indexes.map(|index| (index, refusal.clone())));
            }
            (NotCommitted::Invalid(message), [alone]) => {
                let refusal = Refusal::new("store_refused", message);
                match alone.fate {
                    Fate::Applied => self.condemned.push((alone.index, refusal)),
                    // Its marks are all that it writes: if even they are refused, an operator is needed.
                    Fate::Duplicate
                    | Fate::Ignored
                    | Fate::Parked
                    | Fate::DeadLettered(_)
                    | Fate::Unfinished(_) => self.unfinished.push((alone.index, refusal)),
                }
            }
            (NotCommitted::Invalid(_), _) => self.isolate = true,
        }
    }
}
