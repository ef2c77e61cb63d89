//! One run: records in, processes killed, everything that is left read out of the tables, the queue and the topics.
//!
//! It judges nothing; when its time is over it says so, and the judge shows what is unfinished.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use esm_emulator::{
    Fault, FaultPlan, HttpInvoke, KafkaSource, LagError, Mapping, MappingConfig, MappingHandle,
    Metrics, NoOnFailure, Partial, ProvisionedPollers, SeededFaults, Switches,
};
use local_platform::lambda::{FunctionStats, LambdaOptions};
use local_platform::{LocalKafka, LocalLambda, Topic};
use system_tests::picture::{Messages, Picture};
use system_tests::system::System;
use system_tests::topic::{self, Position};
use system_tests::wait_until;
use testkit::Random;
use tokio::task::JoinSet;

use crate::killer::{Kills, kill_at_random};
use crate::plan::{self, PARTITIONS, PIECES, PRODUCTS, Planned, SCARCE};
use crate::replay::{Expected, KnownBy};
use crate::watch::{Seen, Watch};

const CLUSTER: &str = "arn:aws:kafka:us-east-1:000000000000:cluster/kill/5f3c0a52-s1";
/// Records of one invocation.
const BATCH_RECORDS: i64 = 50;
/// Invocations of a thousand that meet a fault of the mapping.
const FAULTS_PER_THOUSAND: u64 = 45;
/// Faults that every run meets, however few its invocations.
const FAULTS_EARLY: [(u64, Fault); 8] = [
    (3, Fault::DuplicateBatch),
    (7, Fault::KillBeforeCommit),
    (12, Fault::Timeout),
    (15, Fault::DuplicateBatch),
    (18, Fault::Rebalance),
    (22, Fault::DuplicateBatch),
    (25, Fault::KillBeforeCommit),
    (30, Fault::DuplicateBatch),
];
/// The time that a run has: this, and a second for so many records.
const RUN_SECONDS_BASE: u64 = 300;
const RECORDS_PER_SECOND_MIN: u64 = 75;
/// How long a process may take to ask for work: much, as for an invocation.
const INIT_LIMIT: Duration = Duration::from_mins(1);
/// How long the mapping waits for an answer; longer than the function may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);
/// How long invocations that the mapping has given up may still take.
const REST_LIMIT: Duration = Duration::from_mins(1);

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    /// Records of both topics together.
    pub(crate) records: usize,
    /// Provisioned with partial responses; on demand, without, otherwise.
    pub(crate) is_provisioned: bool,
    pub(crate) partial: Partial,
    /// How the function of the histories knows a record again.
    pub(crate) known_by: KnownBy,
}

/// A function under test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) function: &'static str,
    pub(crate) topic: &'static str,
    group: &'static str,
    /// The table of its effects.
    table: &'static str,
}

pub(crate) const SUBJECTS: [Subject; 2] = [
    Subject {
        function: "history",
        topic: "balance.balance.charged",
        group: "history.v1",
        table: "histories",
    },
    Subject {
        function: "order-created",
        topic: "order.order.created",
        group: "order-created.v1",
        table: "orders",
    },
];

/// What came of one function.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) subject: Subject,
    pub(crate) planned: Vec<Planned>,
    /// Where each of them was appended.
    pub(crate) positions: Vec<Position>,
    pub(crate) expected: Expected,
    pub(crate) metrics: Metrics,
    pub(crate) seen: Seen,
    pub(crate) stats: FunctionStats,
    /// Why it did not come to its end, if it did not.
    pub(crate) problem: Option<String>,
    /// Offsets by partition: committed, of the oldest record, behind the newest.
    pub(crate) committed: BTreeMap<i32, i64>,
    pub(crate) beginnings: BTreeMap<i32, i64>,
    pub(crate) ends: BTreeMap<i32, i64>,
}

/// A run that is over, and what it left behind.
pub(crate) struct Run {
    pub(crate) case: Case,
    pub(crate) traces: Vec<Trace>,
    pub(crate) kills: Kills,
    pub(crate) scarce_pieces: i64,
    pub(crate) picture: Picture,
    pub(crate) messages: Messages,
    pub(crate) took: Duration,
}

impl Case {
    /// Returns how long the mappings may take.
    pub(crate) fn limit(&self) -> Duration {
        let records = u64::try_from(self.records).unwrap();
        Duration::from_secs(RUN_SECONDS_BASE + records / RECORDS_PER_SECOND_MIN)
    }

    fn mapping(&self, subject: &Subject) -> MappingConfig {
        MappingConfig {
            consumer_group_id: Some(subject.group.to_owned()),
            batch_size: BATCH_RECORDS,
            maximum_batching_window_seconds: Some(0),
            provisioned_pollers: self.is_provisioned.then(ProvisionedPollers::default),
            report_batch_item_failures: self.is_provisioned,
            bisect_batch_on_function_error: self.is_provisioned,
            ..MappingConfig::new(CLUSTER, subject.function, subject.topic)
        }
    }

    fn switches(&self) -> Switches {
        let kinds = vec![
            Fault::DuplicateBatch,
            Fault::DuplicateBatch,
            Fault::KillBeforeCommit,
            Fault::Timeout,
            Fault::Throttle,
            Fault::Rebalance,
        ];
        Switches {
            partial: self.partial,
            backoff_base_milliseconds: 20,
            backoff_milliseconds_max: 500,
            faults: FaultPlan {
                planned: FAULTS_EARLY.into(),
                seeded: Some(SeededFaults {
                    seed: self.seed,
                    per_thousand: FAULTS_PER_THOUSAND,
                    kinds,
                }),
            },
            ..Switches::default()
        }
    }

    /// Runs it to its end, or to the end of its time.
    pub(crate) async fn run(self, history_binary: &str) -> Run {
        let mut random = Random::new(self.seed);
        let charges = self.records / 2;
        let planned = [
            plan::charges(&mut random, charges),
            plan::orders(&mut random, self.records - charges),
        ];
        let (system, lambda, kafka) = self.start(history_binary).await;
        let (mut expected, mut positions) = (Vec::new(), Vec::new());
        for (subject, planned) in SUBJECTS.iter().zip(&planned) {
            let appended = produce(&kafka, subject, planned).await;
            let known_by = match subject.function {
                "history" => self.known_by,
                _ => KnownBy::EventId,
            };
            expected.push(Expected::of(planned, &appended, known_by));
            positions.push(appended);
        }
        let scarce_pieces = seed_products(&system, &expected).await;

        let started = Instant::now();
        let servers = (&system, &lambda, &kafka);
        let (mappings, kills) = self.disturb(servers, &expected, &mut random).await;
        let took = started.elapsed();
        let stats = lambda.stats();
        lambda.shutdown().await;
        let produced = planned.into_iter().zip(positions);
        let traces = SUBJECTS.iter().zip(expected).zip(produced);
        let traces = traces.map(|((subject, expected), (planned, positions))| Trace {
            subject: *subject,
            planned,
            positions,
            expected,
            metrics: mappings.metrics(subject),
            seen: mappings.seen(subject),
            stats: stats[subject.function],
            problem: mappings.problem(subject),
            committed: topic::committed(&kafka, subject.topic, subject.group, PARTITIONS),
            beginnings: topic::beginnings(&kafka, subject.topic, PARTITIONS),
            ends: topic::ends(&kafka, subject.topic, PARTITIONS),
        });
        Run {
            case: self,
            traces: traces.collect(),
            kills,
            scarce_pieces,
            picture: system.picture().await,
            messages: system.take_messages().await,
            took,
        }
    }

    /// Lets the mappings run to their ends, and kills meanwhile.
    async fn disturb(
        &self,
        servers: (&System, &LocalLambda, &LocalKafka),
        expected: &[Expected],
        random: &mut Random,
    ) -> (Mappings, Kills) {
        let mut mappings = Mappings::default();
        for (subject, expected) in SUBJECTS.iter().zip(expected) {
            mappings.start(self, subject, expected, servers);
        }
        let (_, lambda, _) = servers;
        let mut kills = Kills::default();
        let functions = SUBJECTS.map(|subject| subject.function);
        let answered = mappings.answered();
        tokio::select! {
            () = mappings.until_all_ended() => {}
            () = kill_at_random(lambda, &functions, answered, random, &mut kills) => {}
        }
        // Invocations whose answer a mapping no longer wanted may still be at work.
        wait_until("no invocation is left", REST_LIMIT, async || {
            let mut stats = lambda.stats().into_values();
            stats.all(|stats| stats.environments_running == stats.environments_idle)
        })
        .await;
        (mappings, kills)
    }

    async fn start(&self, history_binary: &str) -> (System, LocalLambda, LocalKafka) {
        let system = System::start_without_streams("histories").await;
        let [history, order_created] = SUBJECTS.map(|subject| subject.function);
        let mut history = system.function_at(history, history_binary, self.is_provisioned);
        if self.known_by == KnownBy::Position {
            let variable = ("HISTORY_DEDUP".to_owned(), "position".to_owned());
            history.environment.extend([variable]);
        }
        let order_created = system.function(order_created, self.is_provisioned);
        let options = LambdaOptions {
            init_timeout: INIT_LIMIT,
            ..LambdaOptions::default()
        };
        let functions = vec![history, order_created];
        let lambda = LocalLambda::start_with(0, functions, options).await;
        let topics = SUBJECTS.map(|subject| Topic::new(subject.topic, PARTITIONS));
        let kafka = LocalKafka::start(&topics).unwrap();
        (system, lambda.unwrap(), kafka)
    }
}

async fn produce(kafka: &LocalKafka, subject: &Subject, planned: &[Planned]) -> Vec<Position> {
    let records = planned.iter().map(|planned| planned.record.clone());
    topic::produce(kafka, subject.topic, records.collect()).await
}

/// Puts enough of each product into stock, and half of what is wanted of the scarce one.
async fn seed_products(system: &System, expected: &[Expected]) -> i64 {
    let wanting = expected.iter().map(|one| one.wanting_the_scarce().len());
    let scarce_pieces = i64::try_from(wanting.sum::<usize>() / 2).unwrap();
    let plenty = PRODUCTS.map(|product| (product, PIECES));
    let stock: Vec<_> = plenty
        .into_iter()
        .chain([(SCARCE, scarce_pieces)])
        .collect();
    system.seed_products(&stock).await;
    scarce_pieces
}

/// The running mappings, and what is known of them by function.
#[derive(Default)]
struct Mappings {
    running: JoinSet<(&'static str, Option<String>)>,
    handles: HashMap<&'static str, MappingHandle>,
    seen: HashMap<&'static str, Arc<Mutex<Seen>>>,
    problems: HashMap<&'static str, String>,
}

impl Mappings {
    fn start(
        &mut self,
        case: &Case,
        subject: &Subject,
        expected: &Expected,
        (system, lambda, kafka): (&System, &LocalLambda, &LocalKafka),
    ) {
        let (function, limit, config) = (subject.function, case.limit(), case.mapping(subject));
        let seen = Arc::<Mutex<Seen>>::default();
        let invoke = Watch {
            inner: HttpInvoke::new(&lambda.endpoint(), ANSWER_LIMIT).unwrap(),
            seen: Arc::clone(&seen),
            store: system.store(),
            table: subject.table,
            effects: Arc::new(expected.effects.clone()),
        };
        let source = KafkaSource::new(kafka.bootstrap_servers(), &config, &BTreeMap::new());
        let mapping = Mapping::new(
            &config,
            case.switches(),
            source.unwrap(),
            invoke,
            NoOnFailure,
        );
        let mapping = mapping.unwrap();
        let handle = mapping.handle();
        self.handles.insert(function, handle.clone());
        self.seen.insert(function, seen);
        self.running.spawn(async move {
            let mut problem = None;
            let idle = async { problem = until_idle(&handle, limit).await };
            let ended = mapping.run(idle).await;
            let broke_off = ended.err().map(|error| format!("{error}: {error:?}"));
            (function, broke_off.or(problem))
        });
    }

    async fn until_all_ended(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            let (function, problem) = ended.unwrap();
            self.problems
                .extend(problem.map(|problem| (function, problem)));
        }
    }

    /// Returns what counts the invocations that were answered so far.
    fn answered(&self) -> impl Fn() -> u64 + use<> {
        let seen: Vec<_> = self.seen.values().cloned().collect();
        let answered = |seen: &Arc<Mutex<Seen>>| lock(seen).answered;
        move || seen.iter().map(answered).sum()
    }

    fn metrics(&self, subject: &Subject) -> Metrics {
        self.handles[subject.function].metrics()
    }

    fn seen(&self, subject: &Subject) -> Seen {
        lock(&self.seen[subject.function]).clone()
    }

    fn problem(&self, subject: &Subject) -> Option<String> {
        self.problems.get(subject.function).cloned()
    }
}

/// Waits until a mapping has committed all there is; says what is wrong when the time is over before.
///
/// Kafka may be late with an answer on a busy machine, and is then asked again.
async fn until_idle(handle: &MappingHandle, limit: Duration) -> Option<String> {
    let started = Instant::now();
    loop {
        let left = limit.saturating_sub(started.elapsed());
        match handle.wait_until_idle(left).await {
            Ok(_) => return None,
            Err(LagError::Source(_)) if started.elapsed() < limit => {}
            Err(error) => return Some(format!("{error}: {error:?}")),
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
