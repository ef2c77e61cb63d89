//! The outbox relay at work: the stream of the outbox table, a sweep every minute, and the topic that both
//! publish to.
//!
//! A stream delivers rows in the order of their commits, again and again until it is told that they are done,
//! and forgets those that it could not deliver for too long (24 h with `DynamoDB`, two minutes here).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use event_schema::events::NotificationRequested;
use event_schema::{Event, Timestamp};
use processing::{
    Body, Change, Invocation, ItemKey, OUTBOX_TABLE, OutboxEvent, OutboxLane, PublishError,
    PublishFailure, Publisher, Relay, RelaySettings, Relayed,
};
use testkit::{MemoryDeadLetters, MemoryStore, Random};
use tokio::sync::oneshot;

use crate::broker::Broker;
use crate::faults::Fault;
use crate::invocation::{End, TIMEOUT, wait};
use crate::mutants::Mutant;
use crate::ports::{Line, SimLetters, SimStore, on_purpose};
use crate::sim::{START_MS, Sim};

/// The relay's name.
pub(crate) const RELAY: &str = "outbox-relay";
/// How old a row has to be for a sweep.
const AGE_MIN: Duration = Duration::from_mins(1);
/// How long the stream remembers a row.
const STREAM_KEEPS_MS: i64 = 120_000;
/// Sweeps within which the outbox has to be empty once nothing goes wrong any more.
const LAST_SWEEPS_MAX: usize = 5;
/// Events whose id ends with this digit are larger than the topic takes, where a schedule has such.
const REFUSED_ID_ENDS: char = '7';

const PUBLISH: [Fault; 3] = [
    Fault::PublishRefused,
    Fault::PublishPartly,
    Fault::PublishAnswerLost,
];

/// How a schedule's relay is set.
#[derive(Clone, Debug)]
pub(crate) struct RelaySchedule {
    pub(crate) works: bool,
    batch_rows_max: usize,
    /// Whether the topic refuses some events for good.
    refuses_some: bool,
    /// When nobody relays anything, in milliseconds.
    down_ms: Option<(i64, i64)>,
}

impl RelaySchedule {
    pub(crate) fn draw_up(random: &mut Random) -> Self {
        let mut below = |bound: u64| i64::try_from(random.below(bound)).unwrap();
        let (works, refuses_some, is_down) = (below(100) < 50, below(100) < 30, below(100) < 25);
        let batch_rows_max = usize::try_from(1 + below(8)).unwrap();
        let down_from_ms = START_MS + below(60_000);
        let down_until_ms = down_from_ms + STREAM_KEEPS_MS + below(120_000);
        Self {
            works,
            batch_rows_max,
            refuses_some,
            down_ms: is_down.then_some((down_from_ms, down_until_ms)),
        }
    }
}

impl RelaySchedule {
    /// Relays nothing before this moment: all rows are left over then.
    pub(crate) fn rest_until(&mut self, ms: i64) {
        self.down_ms = Some((START_MS, ms));
    }
}

/// Events as they were appended to the topic.
pub(crate) type Appended = Arc<Mutex<Vec<OutboxEvent>>>;

/// The relay's invocations, and what starts them.
#[derive(Clone)]
pub(crate) struct Relays {
    pub(crate) sim: Sim,
    pub(crate) schedule: RelaySchedule,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) broker: Broker,
    pub(crate) store: MemoryStore,
    pub(crate) letters: MemoryDeadLetters,
    pub(crate) appended: Appended,
    pub(crate) stream: Arc<Mutex<Stream>>,
}

/// The outbox table's stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    transactions_seen: usize,
    /// Rows that are not done, and when they were seen.
    rows: Vec<(i64, ItemKey, Body)>,
}

/// What an invocation of the relay is asked to do.
enum Order {
    Publish(Vec<(ItemKey, Body)>),
    Sweep,
}

impl Relays {
    /// Delivers the stream until no records come any more.
    pub(crate) async fn run_stream(self) {
        while !self.broker.topic().is_drained() {
            let pause = 50 + self.sim.below(2_000);
            self.sim.sleep_ms(pause).await;
            self.read_stream();
            if !self.is_down() {
                self.deliver_some().await;
            }
        }
    }

    /// Sweeps every minute until no records come any more.
    pub(crate) async fn run_sweeps(self) {
        while !self.broker.topic().is_drained() {
            let pause = 50_000 + self.sim.below(20_000);
            self.sim.sleep_ms(pause).await;
            if !self.is_down() {
                self.invoke(Order::Sweep).await;
            }
        }
    }

    /// Delivers and sweeps what is left.
    pub(crate) async fn finish(self) {
        self.read_stream();
        while self.deliver_some().await {}
        for _ in 0..LAST_SWEEPS_MAX {
            if self.store.table(OUTBOX_TABLE).is_empty() {
                return;
            }
            self.sim.sleep(AGE_MIN + Duration::from_secs(2)).await;
            self.invoke(Order::Sweep).await;
        }
    }

    fn is_down(&self) -> bool {
        let now_ms = self.sim.now_ms();
        let down = self.schedule.down_ms;
        let is_down = down.is_some_and(|(from, until)| (from..until).contains(&now_ms));
        if is_down {
            self.sim.count(Fault::RelayDown);
        }
        is_down
    }

    fn read_stream(&self) {
        let mut stream = self.stream.lock().unwrap();
        let now_ms = self.sim.now_ms();
        let new = self.store.applied_since(stream.transactions_seen);
        stream.transactions_seen += new.len();
        for write in new.into_iter().flatten() {
            if let (OUTBOX_TABLE, Change::Put(body)) = (write.key.table, write.change) {
                stream.rows.push((now_ms, write.key, body));
            }
        }
        let before = stream.rows.len();
        let is_kept = |row: &(i64, ItemKey, Body)| row.0 + STREAM_KEEPS_MS > now_ms;
        stream.rows.retain(is_kept);
        for _ in stream.rows.len()..before {
            self.sim.count(Fault::StreamForgets);
        }
    }

    /// Delivers a batch; whether there was one.
    async fn deliver_some(&self) -> bool {
        let batch: Vec<_> = {
            let stream = self.stream.lock().unwrap();
            let rows = stream.rows.iter().take(self.schedule.batch_rows_max);
            rows.cloned().collect()
        };
        if batch.is_empty() {
            return false;
        }
        let rows = batch
            .iter()
            .map(|(_, key, body)| (key.clone(), body.clone()));
        let relayed = self.invoke(Order::Publish(rows.collect())).await;
        let done = relayed.map_or(0, |relayed| relayed.first_unfinished.unwrap_or(batch.len()));
        if done < batch.len() {
            self.sim.count(Fault::RowsComeAgain);
        }
        self.stream.lock().unwrap().rows.drain(..done);
        true
    }

    async fn invoke(&self, order: Order) -> Option<Relayed> {
        let task = self.sim.new_task();
        let line = Line {
            sim: self.sim.clone(),
            task,
            fixed: true,
        };
        let timeout_ms = i64::try_from(TIMEOUT.as_millis()).unwrap();
        let invocation = Invocation {
            request_id: format!("relay-{task}"),
            deadline: Timestamp::from_ms(self.sim.now_ms() + timeout_ms),
        };
        let relay = self.relay(&line);
        let (answer, answered) = oneshot::channel();
        self.sim.spawn_as(task, async move {
            let relayed = match order {
                Order::Publish(rows) => relay.publish(rows, &invocation).await,
                Order::Sweep => relay.sweep(lanes(), &invocation).await,
            };
            line.sim.note(|| format!("#{task} relayed: {relayed:?}"));
            // Whoever started it may not listen any more.
            drop(answer.send(Some(relayed)));
        });
        let faults = [Fault::RelayTimedOut, Fault::RelayZombie];
        match wait(&self.sim, task, answered, faults).await {
            End::Answered(relayed) => Some(relayed),
            End::Failed | End::TimedOut => None,
        }
    }

    fn relay(
        &self,
        line: &Line,
    ) -> Relay<SimStore, SimPublisher, SimLetters, crate::ports::SimTimer> {
        let publisher = SimPublisher {
            line: line.clone(),
            appended: self.appended.clone(),
            refuses_some: self.schedule.refuses_some,
            mutant: self.mutant,
        };
        let store = SimStore {
            line: line.clone(),
            inner: self.store.clone(),
        };
        let letters = SimLetters {
            line: line.clone(),
            inner: self.letters.clone(),
        };
        let settings = RelaySettings {
            function: RELAY,
            code_version: "simulated".to_owned(),
            deadline_margin: Duration::from_secs(2),
            age_min: AGE_MIN,
        };
        Relay::new(store, publisher, letters, line.timer(), settings)
    }
}

/// The lanes of the one topic that functions publish to.
fn lanes() -> impl Iterator<Item = OutboxLane> {
    OutboxLane::all().filter(|lane| lane.topic == NotificationRequested::SPEC.topic)
}

/// The topic as one invocation of the relay reaches it.
struct SimPublisher {
    line: Line,
    appended: Appended,
    refuses_some: bool,
    mutant: Option<Mutant>,
}

impl Publisher for SimPublisher {
    async fn publish(&self, topic: &str, events: &[OutboxEvent]) -> Result<(), PublishError> {
        let turn = self.line.before("publish", &PUBLISH).await;
        let sim = &self.line.sim;
        assert_eq!(topic, NotificationRequested::SPEC.topic);
        // Up to here it goes well; what is behind an event that is refused is not sent.
        let sound = events
            .iter()
            .take_while(|event| !self.refuses(event))
            .count();
        let reached = match turn.own {
            Some(Fault::PublishRefused) => 0,
            Some(Fault::PublishPartly) => sim.index_below(sound + 1),
            _ => sound,
        };
        self.append(&events[..reached]);
        if self.mutant == Some(Mutant::GapsInPublishing) && reached < sound {
            self.append(&events[reached + 1..sound]);
        }
        sim.note(|| {
            format!(
                "#{} publishes {reached} of {}",
                self.line.task,
                events.len()
            )
        });
        self.line.after(turn).await;
        let lost = matches!(
            turn.own,
            Some(Fault::PublishAnswerLost | Fault::PublishPartly)
        );
        let published = if lost {
            sim.index_below(reached + 1)
        } else {
            reached
        };
        let unavailable = || PublishFailure::Unavailable(on_purpose());
        let failure = match turn.own {
            Some(_) if self.mutant == Some(Mutant::Unacknowledged) => return Ok(()),
            Some(_) => unavailable(),
            None if published == events.len() => return Ok(()),
            None => {
                sim.count(Fault::EventRefused);
                PublishFailure::Refused {
                    code: "event_too_large",
                    cause: on_purpose(),
                }
            }
        };
        Err(PublishError { published, failure })
    }
}

impl SimPublisher {
    fn refuses(&self, event: &OutboxEvent) -> bool {
        self.refuses_some && event.event_id.ends_with(REFUSED_ID_ENDS)
    }

    fn append(&self, events: &[OutboxEvent]) {
        self.appended.lock().unwrap().extend_from_slice(events);
    }
}
