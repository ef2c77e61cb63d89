//! One schedule from its seed: what is set up, run, and judged.

use std::fmt;

use serde_json::json;
use testkit::{MemoryDeadLetters, MemoryStore, Random, item_key};

use crate::broker::Broker;
use crate::faults::{FaultSettings, Tally};
use crate::functions::{COUPON, COUPONS, Function};
use crate::invocation::Invoker;
use crate::mail::Mail;
use crate::mapping::{MappingSettings, Poller, rebalance};
use crate::mutants::Mutant;
use crate::oracle::{Facts, is_not_judged, judge};
use crate::producers::Producer;
use crate::sim::Sim;

/// Virtual time within which everything has to come to an end once nothing goes wrong any more.
const CONVERGES_MS_MAX: i64 = 3_600_000;

/// What a seed stands for.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    seed: u64,
    function: Function,
    mutant: Option<Mutant>,
    mapping: MappingSettings,
    faults: FaultSettings,
    partitions: usize,
    records: u64,
    pause_ms_max: u64,
}

/// How a schedule went.
pub(crate) struct Course {
    pub(crate) schedule: Schedule,
    pub(crate) faults: Vec<String>,
    /// A known defect showed, and nothing was judged.
    pub(crate) not_judged: bool,
    pub(crate) tally: Tally,
    pub(crate) trace: Vec<String>,
}

impl Schedule {
    pub(crate) fn of(seed: u64, mutant: Option<Mutant>) -> (Self, Random) {
        let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let function = *random.pick(&Function::ALL).unwrap();
        let mut mapping = MappingSettings::draw_up(&mut random);
        if let Some(mutant) = mutant {
            mutant.set(&mut mapping);
        }
        let schedule = Self {
            seed,
            function: mutant.map_or(function, Mutant::function),
            mutant,
            mapping,
            faults: FaultSettings::draw_up(&mut random),
            partitions: 1 + usize::try_from(random.below(3)).unwrap(),
            records: 6 + random.below(25),
            pause_ms_max: *random.pick(&[0, 50, 1_000, 8_000]).unwrap(),
        };
        (schedule, random)
    }
}

/// Runs the schedule of a seed; `traced` says whether to write down what happens.
pub(crate) fn run(seed: u64, mutant: Option<Mutant>, traced: bool) -> Course {
    let (schedule, random) = Schedule::of(seed, mutant);
    let sim = Sim::new(random, schedule.faults.clone(), traced);
    let store = MemoryStore::with_clock(&sim.store_clock());
    store.seed(item_key("stock", COUPON, "-"), &json!({ "left": COUPONS }));
    let letters = MemoryDeadLetters::new();
    let mail = Mail::default();
    let broker = Broker::new(schedule.partitions);
    for (index, partition) in broker.topic().partitions.iter_mut().enumerate() {
        partition.owner = index % schedule.mapping.pollers;
    }
    let listens = schedule.mapping.reading.partial_batch_response();
    let invoker = Invoker {
        sim: sim.clone(),
        function: schedule.function,
        mutant,
        partial_batch_response: listens || mutant == Some(Mutant::IgnoredList),
        store: store.clone(),
        letters: letters.clone(),
        mail: mail.clone(),
    };
    start(&sim, &broker, &schedule, &invoker);
    let all_ended = sim.run(schedule.faults.heals_at_ms + CONVERGES_MS_MAX);
    // What takes the engine's place knows no deadline, and may hang for ever where the engine may not.
    let is_naive = mutant.is_some_and(|mutant| mutant.protocol().is_some());
    let ended = all_ended || (is_naive && broker.topic().is_drained());
    let facts = Facts::gather(schedule.function, ended, &broker, &store, &letters, &mail);
    Course {
        faults: judge(&facts),
        not_judged: is_not_judged(&facts),
        tally: sim.tally(),
        trace: sim.trace(),
        schedule,
    }
}

fn start(sim: &Sim, broker: &Broker, schedule: &Schedule, invoker: &Invoker) {
    let producer = Producer {
        sim: sim.clone(),
        broker: broker.clone(),
        function: schedule.function,
        records: schedule.records,
        pause_ms_max: schedule.pause_ms_max,
        plain: schedule
            .mutant
            .is_some_and(|mutant| mutant.protocol().is_some()),
    };
    sim.spawn(producer.run());
    for number in 0..schedule.mapping.pollers {
        let poller = Poller {
            number,
            sim: sim.clone(),
            broker: broker.clone(),
            settings: schedule.mapping.clone(),
            invoker: invoker.clone(),
        };
        sim.spawn(poller.run());
    }
    sim.spawn(rebalance(
        sim.clone(),
        broker.clone(),
        schedule.mapping.pollers,
    ));
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {:?}", self.seed, self.function)?;
        if let Some(mutant) = self.mutant {
            write!(f, ", mutant {mutant:?}")?;
        }
        let Self {
            records,
            partitions,
            pause_ms_max,
            ..
        } = self;
        writeln!(
            f,
            ", {records} records, {partitions} partitions, up to {pause_ms_max} ms apart"
        )?;
        writeln!(f, "{:?}", self.mapping)?;
        write!(
            f,
            "{} per mille of {:?}",
            self.faults.per_mille, self.faults.enabled
        )
    }
}
