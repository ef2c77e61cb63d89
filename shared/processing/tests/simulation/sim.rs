//! The simulated world: a virtual clock, one source of randomness, and an executor that polls one future at
//! a time and picks the next by the seed.
//!
//! It knows nothing of records or of the engine. Nothing in it depends on real time, threads or the order of
//! a hash map, so that a seed is a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use processing::Timer as _;
use testkit::{Random, VirtualTimer};

use crate::faults::{Fault, FaultSettings, Tally};

/// Polls after which a schedule is given up: some future spins.
const POLLS_MAX: u64 = 2_000_000;

/// The troubles of a task that was killed.
pub(crate) const ENDED: u64 = u64::MAX;

pub(crate) type TaskId = u64;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handle on the world; clones share it.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<State>>);

struct State {
    now_ms: i64,
    /// The clock of the store, which forgets tokens by it.
    store_clock: VirtualTimer,
    sleepers: BTreeMap<(i64, u64), Waker>,
    sleeps_made: u64,
    random: Random,
    settings: FaultSettings,
    tally: Tally,
    trace: Option<Vec<String>>,
    spawned: Vec<(TaskId, Task)>,
    tasks_made: TaskId,
    killed: BTreeSet<TaskId>,
    frozen_until: BTreeMap<TaskId, i64>,
    troubles: BTreeMap<TaskId, u64>,
}

impl Sim {
    pub(crate) fn new(random: Random, settings: FaultSettings, traced: bool) -> Self {
        let store_clock = VirtualTimer::manual();
        Self(Arc::new(Mutex::new(State {
            now_ms: store_clock.now().as_ms(),
            store_clock,
            sleepers: BTreeMap::new(),
            sleeps_made: 0,
            random,
            settings,
            tally: Tally::default(),
            trace: traced.then(Vec::new),
            spawned: Vec::new(),
            tasks_made: 0,
            killed: BTreeSet::new(),
            frozen_until: BTreeMap::new(),
            troubles: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.state().now_ms
    }

    pub(crate) fn store_clock(&self) -> VirtualTimer {
        self.state().store_clock.clone()
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.state().random.below(bound)
    }

    pub(crate) fn index_below(&self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A fault among these, or none; counted.
    pub(crate) fn fault(&self, among: &[Fault]) -> Option<Fault> {
        let mut state = self.state();
        let state = &mut *state;
        let fault = state
            .settings
            .draw(&mut state.random, state.now_ms, among)?;
        state.tally.count(fault);
        Some(fault)
    }

    /// Counts what happened by itself or was decided elsewhere.
    pub(crate) fn count(&self, fault: Fault) {
        self.state().tally.count(fault);
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// Writes a line of the trace; what it says is only worked out when somebody will read it.
    pub(crate) fn note<D: Display>(&self, line: impl FnOnce() -> D) {
        let mut state = self.state();
        if state.trace.is_none() {
            return;
        }
        let at = state.now_ms - START_MS;
        drop(state);
        let line = format!("{at:>8} ms  {}", line());
        state = self.state();
        state.trace.as_mut().unwrap().push(line);
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.state().trace.clone().unwrap_or_default()
    }

    /// Starts a future; it runs side by side with the others.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        let id = self.new_task();
        self.spawn_as(id, task);
        id
    }

    /// Reserves the name of a task, for futures that have to know their own.
    pub(crate) fn new_task(&self) -> TaskId {
        let mut state = self.state();
        state.tasks_made += 1;
        state.tasks_made
    }

    pub(crate) fn spawn_as(&self, id: TaskId, task: impl Future<Output = ()> + Send + 'static) {
        self.state().spawned.push((id, Box::pin(task)));
    }

    /// Drops a task where it stands, as a crash does.
    pub(crate) fn kill(&self, id: TaskId) {
        let mut state = self.state();
        state.killed.insert(id);
        state.troubles.insert(id, ENDED);
    }

    /// Has a task stand still for a while: it does not even notice that time passes.
    pub(crate) fn freeze(&self, id: TaskId, duration: Duration) {
        let mut state = self.state();
        let until = state.now_ms + whole_ms(duration);
        state.frozen_until.insert(id, until);
    }

    pub(crate) fn is_frozen(&self, id: TaskId) -> bool {
        let state = self.state();
        let until = state.frozen_until.get(&id);
        until.is_some_and(|until| *until > state.now_ms)
    }

    /// Notes that something went wrong for a task.
    pub(crate) fn trouble(&self, id: TaskId) {
        let mut state = self.state();
        let troubles = state.troubles.entry(id).or_default();
        *troubles = troubles.saturating_add(1);
    }

    /// How often something went wrong for a task; [`ENDED`] once it is killed.
    pub(crate) fn troubles(&self, id: TaskId) -> u64 {
        self.state().troubles.get(&id).copied().unwrap_or(0)
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.state();
        state.sleeps_made += 1;
        let place = (state.now_ms + whole_ms(duration), state.sleeps_made);
        Sleep {
            sim: self.clone(),
            place,
        }
    }

    pub(crate) async fn sleep_ms(&self, ms: u64) {
        self.sleep(Duration::from_millis(ms)).await;
    }

    /// The time that a call to another service takes, each way.
    pub(crate) async fn latency(&self) {
        let ms = self.below(25);
        self.sleep_ms(ms).await;
    }

    /// Runs until nothing is left to run, or the clock passes `ends_ms`; whether all came to an end.
    pub(crate) fn run(&self, ends_ms: i64) -> bool {
        let mut running: BTreeMap<TaskId, (Task, Arc<Flag>)> = BTreeMap::new();
        for _ in 0..POLLS_MAX {
            let killed: Vec<_> = {
                let mut state = self.state();
                let spawned = std::mem::take(&mut state.spawned);
                running.extend(
                    spawned
                        .into_iter()
                        .map(|(id, task)| (id, (task, Flag::set()))),
                );
                std::mem::take(&mut state.killed).into_iter().collect()
            };
            // Dropped without the lock: their sleeps take it.
            for id in killed {
                drop(running.remove(&id));
            }
            let ready: Vec<TaskId> = {
                let state = self.state();
                let awake = |id: &TaskId| {
                    state
                        .frozen_until
                        .get(id)
                        .is_none_or(|until| *until <= state.now_ms)
                };
                let ready = running
                    .iter()
                    .filter(|(id, (_, flag))| flag.is_set() && awake(id));
                ready.map(|(id, _)| *id).collect()
            };
            if ready.is_empty() {
                if running.is_empty() || !self.move_on(&running) {
                    return running.is_empty();
                }
                if self.now_ms() > ends_ms {
                    return false;
                }
                continue;
            }
            let id = ready[self.index_below(ready.len())];
            let (task, flag) = running.get_mut(&id).unwrap();
            flag.0.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(flag));
            if task
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                running.remove(&id);
            }
        }
        false
    }

    /// Moves the clock to the next moment at which something happens.
    fn move_on(&self, running: &BTreeMap<TaskId, (Task, Arc<Flag>)>) -> bool {
        let mut state = self.state();
        let now_ms = state.now_ms;
        let thaws = state.frozen_until.iter();
        let thaws = thaws.filter(|(id, until)| **until > now_ms && running.contains_key(id));
        let thaw = thaws.map(|(_, until)| *until).min();
        let wake = state
            .sleepers
            .keys()
            .map(|(ends, _)| *ends)
            .find(|ends| *ends > now_ms);
        let Some(next_ms) = thaw.into_iter().chain(wake).min() else {
            return false;
        };
        let ms = u64::try_from(next_ms - now_ms).unwrap();
        state.store_clock.advance(Duration::from_millis(ms));
        state.now_ms = next_ms;
        let ended = state.sleepers.range(..=(next_ms, u64::MAX));
        ended.for_each(|(_, waker)| waker.wake_by_ref());
        true
    }
}

/// Where the clock stands at first: 2026-11-21T10:15:30.123Z.
pub(crate) const START_MS: i64 = 1_795_256_130_123;

pub(crate) struct Sleep {
    sim: Sim,
    place: (i64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.sim.state();
        if self.place.0 <= state.now_ms {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.sim.state().sleepers.remove(&self.place);
    }
}

struct Flag(AtomicBool);

impl Flag {
    fn set() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap()
}
