//! The checks of a command: what holds of every call, whatever the store does.
//!
//! They know nothing of what a command is for; what it decides is for its own tests. How callers reach it, and
//! what they are told in which words, is not seen from here.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures_util::future::join_all;
use processing::{
    Body, Call, Command, CommandEngine, CommandError, Done, EngineSettings, ItemKey, Store,
};
use serde::Serialize;

use super::picture::Picture;
use crate::report::CheckReport;
use crate::{Fault, FaultPlan, FaultyStore, MemoryStore, VirtualTimer, invocation};

/// Calls under one id that run at once.
const TOGETHER: usize = 4;
/// Seeds of random faults that are tried.
const SEEDS: u64 = 200;
/// Chance of a fault, in thousandths of the calls.
const FAULTS_PER_MILLE: u64 = 250;
/// Calls of the store after which a random plan lets everything pass.
const LAST_FAULTY_CALL: usize = 20;
/// The most calls of the store that an undisturbed call may make.
const STORE_CALLS_MAX: usize = 12;
/// Times that a caller tries again under the same id; the faults are over by then.
const TRIES_MAX: usize = 30;

/// Describes a command, and checks it.
///
/// Every sample is called: twice, with each call of the store failing in each way, and at once with itself.
/// The caller tries again until it has an answer; the effects must then be there once, and each answer the same.
#[must_use = "nothing is checked before `run`"]
pub struct CommandSuite<C: Command, F> {
    make: F,
    samples: Vec<Sample<C::Request>>,
    seeds: Vec<(ItemKey, Body)>,
    volatile: BTreeSet<String>,
}

struct Sample<R> {
    id: String,
    payload: Vec<u8>,
    request: R,
}

impl<C, F> CommandSuite<C, F>
where
    C: Command,
    C::Answer: Clone + Debug + PartialEq,
    F: Fn() -> C,
{
    /// Starts the description of a command; `make` returns it.
    pub fn new(make: F) -> Self {
        Self {
            make,
            samples: Vec::new(),
            seeds: Vec::new(),
            volatile: BTreeSet::new(),
        }
    }

    /// Adds a call, with what stands for its request as bytes.
    pub fn call(
        mut self,
        id: impl Into<String>,
        payload: impl Into<Vec<u8>>,
        request: C::Request,
    ) -> Self {
        self.samples.push(Sample {
            id: id.into(),
            payload: payload.into(),
            request,
        });
        self
    }

    /// Adds an item that is there beforehand.
    ///
    /// # Panics
    /// If it does not serialise as an object.
    #[track_caller]
    pub fn seed(mut self, key: ItemKey, item: &impl Serialize) -> Self {
        self.seeds.push((key, crate::memory_store::body_of(item)));
        self
    }

    /// Names an attribute of items, or a field of published events, at any depth, that depends on the time of
    /// the call and is not compared.
    pub fn volatile(mut self, name: impl Into<String>) -> Self {
        self.volatile.insert(name.into());
        self
    }

    /// Runs every check.
    ///
    /// # Panics
    /// If a check fails, naming each that did; or if there are no samples.
    pub async fn run(self) {
        assert!(
            !self.samples.is_empty(),
            "the suite of `{}` has no sample",
            C::NAME
        );
        let mut report = CheckReport::new(format!("`{}`", C::NAME));
        for sample in &self.samples {
            let id = &sample.id;
            report.note(format!("{id}: twice is once"), self.twice(sample).await);
            let reused = self.reused(sample).await;
            report.note(format!("{id}: an id belongs to its payload"), reused);
            let failing = self.each_call_failing(sample).await;
            report.note(format!("{id}: each call of the store fails"), failing);
            let together = self.together(sample).await;
            report.note(format!("{id}: called at once"), together);
        }
        report.panic_if_any_failed();
    }

    /// The first call and a second one; the second changes nothing.
    async fn twice(&self, sample: &Sample<C::Request>) -> Result<(), String> {
        let world = self.world(&FaultPlan::none());
        let first = world.call(sample, "first").await.map_err(told)?;
        let after_first = world.store.items();
        let second = world.call(sample, "second").await.map_err(told)?;
        expect("the first is no repetition", &first.is_repeated, &false)?;
        expect("the second is one", &second.is_repeated, &true)?;
        expect("the answer", &second.answer, &first.answer)?;
        expect("the store", &world.store.items(), &after_first)
    }

    /// Another payload under the same id is refused, and changes nothing.
    async fn reused(&self, sample: &Sample<C::Request>) -> Result<(), String> {
        let world = self.world(&FaultPlan::none());
        world.call(sample, "first").await.map_err(told)?;
        let before = world.store.items();
        let other = Call {
            payload: &[&sample.payload[..], b"!"].concat(),
            ..sample.call()
        };
        let invocation = invocation("other", &world.timer);
        let answer = world.engine.call(&other, &invocation).await;
        expect("the answer", &answer.err(), &Some(CommandError::IdReused))?;
        expect("the store", &world.store.items(), &before)
    }

    async fn each_call_failing(&self, sample: &Sample<C::Request>) -> Result<(), String> {
        let (answer, picture, calls) = self.undisturbed(sample).await?;
        if calls > STORE_CALLS_MAX {
            return Err(format!("{calls} calls of the store, undisturbed"));
        }
        for number in 1..=calls {
            for fault in Fault::ALL {
                let plan = FaultPlan::at(number, fault);
                let world = self.world(&plan);
                let about = |error| format!("{fault:?} of call {number}: {error}");
                let found = world.until_answered(sample, "again").await.map_err(about)?;
                expect("the answer", &found, &answer).map_err(about)?;
                let found = self.picture(&world);
                picture.compare(&found).map_err(about)?;
            }
        }
        Ok(())
    }

    /// Several calls under one id at once, with faults and turns at random.
    async fn together(&self, sample: &Sample<C::Request>) -> Result<(), String> {
        let (answer, picture, _) = self.undisturbed(sample).await?;
        for seed in 0..SEEDS {
            let plan = FaultPlan::random(seed, FAULTS_PER_MILLE, LAST_FAULTY_CALL);
            let world = self.world(&plan);
            let about = |error| format!("seed {seed}: {error}");
            let callers: Vec<String> = (0..TOGETHER).map(|n| format!("caller-{n}")).collect();
            let calls = callers
                .iter()
                .map(|name| world.until_answered(sample, name));
            for found in join_all(calls).await {
                expect("an answer", &found.map_err(about)?, &answer).map_err(about)?;
            }
            let found = self.picture(&world);
            picture.compare(&found).map_err(about)?;
        }
        Ok(())
    }

    /// The answer, what is there afterwards, and the calls of the store, where nothing goes wrong.
    async fn undisturbed(
        &self,
        sample: &Sample<C::Request>,
    ) -> Result<(C::Answer, Picture, usize), String> {
        let plan = FaultPlan::none();
        let world = self.world(&plan);
        let done = world.call(sample, "undisturbed").await.map_err(told)?;
        Ok((done.answer, self.picture(&world), plan.calls().len()))
    }

    fn picture(&self, world: &World<C>) -> Picture {
        Picture::of(&world.store, &[], &self.volatile)
    }

    fn world(&self, plan: &FaultPlan) -> World<C> {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        for (key, body) in &self.seeds {
            store.seed(key.clone(), body);
        }
        let faulty = FaultyStore::new(store.clone(), plan);
        let margin = EngineSettings::default().deadline_margin;
        let engine = CommandEngine::new((self.make)(), faulty, timer.clone(), margin);
        World {
            engine,
            store,
            timer,
        }
    }
}

impl<R> Sample<R> {
    fn call(&self) -> Call<'_, R> {
        Call {
            id: &self.id,
            payload: &self.payload,
            request: &self.request,
            traceparent: None,
        }
    }
}

/// A store, a clock, and the command over them.
struct World<C> {
    engine: CommandEngine<C, FaultyStore<MemoryStore>, VirtualTimer>,
    store: MemoryStore,
    timer: VirtualTimer,
}

impl<C: Command> World<C>
where
    FaultyStore<MemoryStore>: Store,
{
    async fn call(
        &self,
        sample: &Sample<C::Request>,
        request_id: &str,
    ) -> Result<Done<C::Answer>, CommandError> {
        let invocation = invocation(request_id, &self.timer);
        self.engine.call(&sample.call(), &invocation).await
    }

    /// Calls under the same id, each time in another invocation, until there is an answer.
    async fn until_answered(
        &self,
        sample: &Sample<C::Request>,
        caller: &str,
    ) -> Result<C::Answer, String> {
        for number in 0..TRIES_MAX {
            match self.call(sample, &format!("{caller}-{number}")).await {
                Ok(done) => return Ok(done.answer),
                Err(CommandError::Unfinished(_)) => {}
                Err(error) => return Err(told(error)),
            }
        }
        Err(format!("no answer after {TRIES_MAX} calls"))
    }
}

fn told(error: impl Debug) -> String {
    format!("{error:?}")
}

fn expect<V: PartialEq + Debug>(what: &str, found: &V, expected: &V) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {found:?}"))
}
