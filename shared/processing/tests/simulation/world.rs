//! One schedule from its seed: what is set up, run, and judged.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::json;
use testkit::{MemoryDeadLetters, MemoryStore, Random, item_key};

use crate::broker::Broker;
use crate::faults::{FaultSettings, Tally};
use crate::functions::orders::{PIECES, PRODUCTS};
use crate::functions::{COUPON, COUPONS, Function};
use crate::invocation::Invoker;
use crate::mail::Mail;
use crate::mapping::{MappingSettings, Poller, rebalance};
use crate::mutants::Mutant;
use crate::operator::{Deeds, Fix, Operator};
use crate::oracle::{Facts, Left, is_not_judged, judge};
use crate::producers::Producer;
use crate::relay::{Appended, RelaySchedule, Relays, Stream};
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
    relay: RelaySchedule,
    /// Whether an operator is at work.
    operated: bool,
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
        let mut schedule = Self {
            seed,
            function: mutant.map_or(function, Mutant::function),
            mutant,
            mapping,
            faults: FaultSettings::draw_up(&mut random),
            partitions: 1 + usize::try_from(random.below(3)).unwrap(),
            records: 6 + random.below(25),
            pause_ms_max: *random.pick(&[0, 50, 1_000, 8_000]).unwrap(),
            relay: RelaySchedule::draw_up(&mut random),
            operated: random.below(100) < 50,
        };
        if let Some(mutant) = mutant {
            // What takes the engine's place has neither.
            let is_engine = mutant.protocol().is_none();
            schedule.operated &= is_engine;
            schedule.operated |= mutant == Mutant::BlindUnparking;
            schedule.relay.works &= is_engine;
            schedule.relay.works |= matches!(
                mutant,
                Mutant::GapsInPublishing | Mutant::Unacknowledged | Mutant::EarlyStamp
            );
        }
        if mutant == Some(Mutant::EarlyStamp) {
            // Stamps decide only over rows that are left over.
            schedule.relay.rest_until(schedule.faults.heals_at_ms);
        }
        schedule.relay.works &= schedule.function.publishes();
        (schedule, random)
    }
}

/// Everything that a schedule runs on.
struct World {
    sim: Sim,
    schedule: Schedule,
    broker: Broker,
    store: MemoryStore,
    letters: MemoryDeadLetters,
    mail: Mail,
    appended: Appended,
    deeds: Arc<Mutex<Deeds>>,
    stream: Arc<Mutex<Stream>>,
    fix: Fix,
}

/// Runs the schedule of a seed; `traced` says whether to write down what happens.
pub(crate) fn run(seed: u64, mutant: Option<Mutant>, traced: bool) -> Course {
    let world = World::new(seed, mutant, traced);
    world.start();
    let ends_ms = world.schedule.faults.heals_at_ms + CONVERGES_MS_MAX;
    let all_ended = world.sim.run(ends_ms);
    // What takes the engine's place knows no deadline, and may hang for ever where the engine may not.
    let is_naive = mutant.is_some_and(|mutant| mutant.protocol().is_some());
    let mut ended = all_ended || (is_naive && world.broker.topic().is_drained());
    if all_ended && !is_naive {
        world.start_the_end();
        ended = world.sim.run(ends_ms + CONVERGES_MS_MAX);
    }
    let facts = Facts::gather(&Left {
        function: world.schedule.function,
        ended,
        relayed: world.schedule.relay.works && all_ended,
        freed: world.schedule.operated && all_ended,
        fixed: world.fix.is_rolled_out(),
        broker: &world.broker,
        store: &world.store,
        letters: &world.letters,
        mail: &world.mail,
        appended: &world.appended,
        deeds: &world.deeds,
    });
    Course {
        faults: judge(&facts),
        not_judged: is_not_judged(&facts),
        tally: world.sim.tally(),
        trace: world.sim.trace(),
        schedule: world.schedule,
    }
}

impl World {
    fn new(seed: u64, mutant: Option<Mutant>, traced: bool) -> Self {
        let (schedule, random) = Schedule::of(seed, mutant);
        let sim = Sim::new(random, schedule.faults.clone(), traced);
        let store = MemoryStore::with_clock(&sim.store_clock());
        store.seed(item_key("stock", COUPON, "-"), &json!({ "left": COUPONS }));
        for number in 0..PRODUCTS {
            let key = item_key("products", format!("p-{number}"), "-");
            store.seed(key, &json!({ "left": PIECES }));
        }
        let broker = Broker::new(schedule.partitions);
        for (index, partition) in broker.topic().partitions.iter_mut().enumerate() {
            partition.owner = index % schedule.mapping.pollers;
        }
        Self {
            sim,
            schedule,
            broker,
            store,
            letters: MemoryDeadLetters::new(),
            mail: Mail::default(),
            appended: Appended::default(),
            deeds: Arc::default(),
            stream: Arc::default(),
            fix: Fix::default(),
        }
    }

    /// Starts everything that works while records arrive.
    fn start(&self) {
        let (sim, schedule) = (&self.sim, &self.schedule);
        let mutant = schedule.mutant;
        sim.spawn(
            Producer {
                sim: sim.clone(),
                broker: self.broker.clone(),
                function: schedule.function,
                records: schedule.records,
                pause_ms_max: schedule.pause_ms_max,
                plain: mutant.is_some_and(|mutant| mutant.protocol().is_some()),
            }
            .run(),
        );
        for number in 0..schedule.mapping.pollers {
            let poller = Poller {
                number,
                sim: sim.clone(),
                broker: self.broker.clone(),
                settings: schedule.mapping.clone(),
                invoker: self.invoker(),
            };
            sim.spawn(poller.run());
        }
        let pollers = schedule.mapping.pollers;
        sim.spawn(rebalance(sim.clone(), self.broker.clone(), pollers));
        if schedule.relay.works {
            sim.spawn(self.relays().run_stream());
            sim.spawn(self.relays().run_sweeps());
        }
        if schedule.operated {
            sim.spawn(self.operator().run());
        }
    }

    /// Starts what brings everything to its end, once nothing goes wrong any more and nobody is left at work.
    fn start_the_end(&self) {
        let sim = self.sim.clone();
        let heals_in_ms = self.schedule.faults.heals_at_ms - sim.now_ms();
        let operator = self.schedule.operated.then(|| self.operator());
        let relays = self.schedule.relay.works.then(|| self.relays());
        self.sim.spawn(async move {
            sim.sleep_ms(u64::try_from(heals_in_ms).unwrap_or(0)).await;
            if let Some(operator) = operator {
                operator.finish().await;
            }
            if let Some(relays) = relays {
                relays.finish().await;
            }
        });
    }

    fn invoker(&self) -> Invoker {
        let Schedule {
            function,
            mutant,
            mapping,
            ..
        } = &self.schedule;
        let listens = mapping.reading.partial_batch_response();
        Invoker {
            sim: self.sim.clone(),
            function: *function,
            mutant: *mutant,
            partial_batch_response: listens || *mutant == Some(Mutant::IgnoredList),
            store: self.store.clone(),
            letters: self.letters.clone(),
            mail: self.mail.clone(),
            fix: self.fix.clone(),
        }
    }

    fn relays(&self) -> Relays {
        Relays {
            sim: self.sim.clone(),
            schedule: self.schedule.relay.clone(),
            mutant: self.schedule.mutant,
            broker: self.broker.clone(),
            store: self.store.clone(),
            letters: self.letters.clone(),
            appended: self.appended.clone(),
            stream: self.stream.clone(),
        }
    }

    fn operator(&self) -> Operator {
        Operator {
            sim: self.sim.clone(),
            broker: self.broker.clone(),
            store: self.store.clone(),
            letters: self.letters.clone(),
            invoker: self.invoker(),
            deeds: self.deeds.clone(),
        }
    }
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
            "{} per mille of {:?}, operator {}, {:?}",
            self.faults.per_mille, self.faults.enabled, self.operated, self.relay
        )
    }
}
