//! The outbox relay: publishes rows lane by lane, in order, and takes away what is published.
//!
//! Whoever publishes a lane begins where everything before is on its topic: at the first row that is left over in
//! the table, or, once none is, at the first row that the table's stream has not been told is done.
//! It goes on only behind what is acknowledged. So the first appearance of each event is in order, however many
//! relays run at once, stand still or come back; an event may appear again, under the same id.
//!
//! It knows neither Kafka nor streams: a [`Publisher`] is handed in, and so are the rows of a stream.

mod lane;

use std::collections::BTreeMap;
use std::time::Duration;

use event_schema::Timestamp;
use futures_util::{StreamExt, stream};

use self::lane::{Lane, LaneEnd};
use crate::deadline::Deadline;
use crate::engine::Invocation;
use crate::loader::Loader;
use crate::outbox::{OUTBOX_TABLE, OutboxEvent, lane_partition, row_stamp_ms};
use crate::ports::{DeadLetters, Timer};
use crate::record::sha256_hex;
use crate::rejection::Refusal;
use crate::report::Effort;
use crate::store::{Body, Cause, ItemKey, Query, Store};
use crate::view::{Cache, Misses};

/// Lanes that are published side by side.
pub const RELAY_LANES_IN_FLIGHT_MAX: usize = 8;
/// Events of a lane that are handed to the publisher at once, unless a single row holds more.
pub const RELAY_EVENTS_MAX: usize = 512;
/// Rows of a lane that a sweep reads at once.
pub const SWEEP_ROWS_MAX: u32 = 50;
/// Times that a sweep reads rows of one lane; the next sweep goes on from there.
pub const SWEEP_PAGES_MAX: u32 = 200;

/// Puts events onto a topic.
pub trait Publisher: Send + Sync + 'static {
    /// Publishes events in their order and waits until all are acknowledged.
    ///
    /// Publishing one again is allowed and harmless. Events of one key go to one partition.
    ///
    /// # Errors
    /// [`PublishError`] says how many of them, from the first on, are acknowledged. Of those behind, any number
    /// may be on the topic too, but none whose predecessor of the same key is not: a gap would end up out of order.
    fn publish(
        &self,
        topic: &str,
        events: &[OutboxEvent],
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// Not all events were published.
#[derive(Debug, thiserror::Error)]
#[error("{published} of the events were published")]
pub struct PublishError {
    /// Events that are acknowledged, from the first on.
    pub published: usize,
    /// What happened to the next one.
    #[source]
    pub failure: PublishFailure,
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// It may be published later.
    #[error("the topic could not be reached")]
    Unavailable(#[source] Cause),
    /// It can never be published: it becomes a dead letter, and those behind it go on.
    #[error("the topic does not take the event")]
    Refused {
        /// A stable word from a bounded set, for the dead letter.
        code: &'static str,
        /// What the topic said.
        #[source]
        cause: Cause,
    },
}

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// The function's name, for dead letters.
    pub function: &'static str,
    /// The version of its code, for dead letters.
    pub code_version: String,
    /// Time that is kept free at the end of an invocation for its answer.
    pub deadline_margin: Duration,
    /// How old a row has to be to count as left over; less than the stream keeps rows (24 h), more than it takes
    /// to deliver one.
    pub age_min: Duration,
}

/// A lane of the outbox: a topic, and which share of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxLane {
    /// The topic.
    pub topic: &'static str,
    /// The share, from 0.
    pub number: u32,
}

impl OutboxLane {
    /// Every lane of the catalogue's topics.
    pub fn all() -> impl Iterator<Item = Self> {
        let events = event_schema::catalogue::EVENTS.iter();
        events.flat_map(|event| {
            let numbers = 0..event.outbox_lanes.max(1);
            numbers.map(|number| Self {
                topic: event.topic,
                number,
            })
        })
    }
}

/// What an invocation of the relay did.
#[derive(Clone, Debug, Default)]
pub struct Relayed {
    /// The first row, of those that were handed in, that is not published or whose predecessors are not: from
    /// there on they have to come again.
    pub first_unfinished: Option<usize>,
    /// Why lanes stopped, one entry a lane.
    pub unfinished: Vec<Refusal>,
    /// Events that are on their topics, those included that were there before.
    pub events_published: usize,
    /// Events that no topic takes, now dead letters.
    pub events_dead_lettered: usize,
    /// Rows that are published and could not be taken away; a sweep publishes them again.
    pub rows_left: usize,
    /// When the oldest row that a sweep found was stamped.
    pub oldest_row_at: Option<Timestamp>,
}

/// Publishes the outbox; its clones of ports share what they stand for.
pub struct Relay<S, P, D, T> {
    store: S,
    publisher: P,
    dead_letters: D,
    timer: T,
    settings: RelaySettings,
}

impl<S: Store, P: Publisher, D: DeadLetters, T: Timer> Relay<S, P, D, T> {
    /// Puts a relay together.
    pub fn new(store: S, publisher: P, dead_letters: D, timer: T, settings: RelaySettings) -> Self {
        Self {
            store,
            publisher,
            dead_letters,
            timer,
            settings,
        }
    }

    /// Publishes rows in the order in which the table's stream has them, those that are older than
    /// [`RelaySettings::age_min`] in the order of their stamps and from the table.
    ///
    /// It does not fail: the stream is told from which row on they have to come again.
    pub async fn publish(&self, rows: Vec<(ItemKey, Body)>, invocation: &Invocation) -> Relayed {
        let run = &self.start(invocation);
        let mut lanes: BTreeMap<String, StreamLane> = BTreeMap::new();
        for (index, (key, body)) in rows.into_iter().enumerate() {
            let lane = lanes
                .entry(key.partition.clone())
                .or_insert_with(|| StreamLane {
                    first_index: index,
                    last_sort: key.sort.clone(),
                    fresh: Lane::default(),
                });
            if lane.last_sort < key.sort {
                lane.last_sort.clone_from(&key.sort);
            }
            if !run.is_left_over(&key.sort) {
                lane.fresh.push(index, key, body);
            }
        }
        let runs: Vec<_> = lanes
            .into_iter()
            .map(|(partition, lane)| self.publish_stream_lane(partition, lane, run))
            .collect();
        let ends = stream::iter(runs).buffer_unordered(RELAY_LANES_IN_FLIGHT_MAX);
        ends.fold(
            Relayed::default(),
            |all, one| async move { all.and_all(one) },
        )
        .await
    }

    /// One lane of a stream: what is left over, then what is fresh.
    ///
    /// A stream forgets what it could not deliver for a day, and goes on with what came after. So rows that are
    /// old come from the table: what is not there is published already.
    async fn publish_stream_lane(&self, partition: String, lane: StreamLane, run: &Run) -> Relayed {
        let name = format!("{}-{partition}", run.id);
        let mut relayed = self.sweep_lane(partition, Some(&lane.last_sort), run).await;
        if !relayed.unfinished.is_empty() {
            relayed.first_unfinished = Some(lane.first_index);
            return relayed;
        }
        relayed.and(self.publish_lane(lane.fresh, run.deadline, name).await)
    }

    /// Publishes what is left over in the table of these lanes: rows that the stream has lost, or could not get
    /// rid of.
    pub async fn sweep(
        &self,
        lanes: impl IntoIterator<Item = OutboxLane>,
        invocation: &Invocation,
    ) -> Relayed {
        let run = &self.start(invocation);
        let sweeps: Vec<_> = lanes
            .into_iter()
            .map(|lane| self.sweep_lane(lane_partition(lane.topic, lane.number), None, run))
            .collect();
        let ends = stream::iter(sweeps).buffer_unordered(RELAY_LANES_IN_FLIGHT_MAX);
        ends.fold(
            Relayed::default(),
            |all, one| async move { all.and_all(one) },
        )
        .await
    }

    /// Publishes the left-over rows of one lane, up to a sort key if there is one.
    async fn sweep_lane(&self, partition: String, last: Option<&str>, run: &Run) -> Relayed {
        let mut relayed = Relayed::default();
        let mut after = None;
        for page in 0..SWEEP_PAGES_MAX {
            let rows = match self.read_page(&partition, after.take(), run).await {
                Ok(rows) => rows,
                Err(refusal) => {
                    relayed.unfinished.push(refusal);
                    return relayed;
                }
            };
            let whole_page = u32::try_from(rows.len()).is_ok_and(|rows| rows >= SWEEP_ROWS_MAX);
            let mut due = Lane::default();
            let mut all_are_due = true;
            for (index, (key, body)) in rows.into_iter().enumerate() {
                relayed.note_stamp(row_stamp_ms(&key.sort).unwrap_or(0));
                all_are_due =
                    run.is_left_over(&key.sort) && last.is_none_or(|last| *key.sort <= *last);
                // Not one row past the first that is not: they are published in order.
                if !all_are_due {
                    break;
                }
                after = Some(key.sort.clone());
                due.push(index, key, body);
            }
            let name = format!("{}-{partition}-sweep-{page}", run.id);
            let end = self.publish_lane(due, run.deadline, name).await;
            relayed = relayed.and(end);
            // These rows are not the stream's: the next sweep finds them.
            relayed.first_unfinished = None;
            if !relayed.unfinished.is_empty() || !whole_page || !all_are_due {
                return relayed;
            }
        }
        let message = "more rows are left over than one sweep takes";
        relayed
            .unfinished
            .push(Refusal::new("sweep_cut_off", message));
        relayed
    }

    async fn read_page(
        &self,
        partition: &str,
        after: Option<String>,
        run: &Run,
    ) -> Result<BTreeMap<ItemKey, Body>, Refusal> {
        let loader = Loader {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
            salt: partition,
        };
        let query = Query {
            table: OUTBOX_TABLE,
            partition: partition.to_owned(),
            sort_prefix: String::new(),
            after,
            limit: SWEEP_ROWS_MAX,
        };
        let misses = Misses {
            queries: [query].into(),
            ..Misses::default()
        };
        let mut cache = Cache::default();
        loader
            .load(misses, &mut cache, &mut Effort::default())
            .await?;
        let rows = cache.items.into_iter();
        Ok(rows
            .filter_map(|(key, row)| Some((key, row?.body)))
            .collect())
    }

    fn start(&self, invocation: &Invocation) -> Run {
        let age_ms = i64::try_from(self.settings.age_min.as_millis()).unwrap_or(i64::MAX);
        Run {
            id: sha256_hex(invocation.request_id.as_bytes()),
            deadline: Deadline::new(invocation.deadline, self.settings.deadline_margin),
            newest_ms: self.timer.now().as_ms().saturating_sub(age_ms),
        }
    }
}

/// One invocation.
struct Run {
    id: String,
    deadline: Deadline,
    /// The latest stamp of a row that counts as left over.
    newest_ms: i64,
}

impl Run {
    /// Whether a row is so old that the stream may have forgotten it. One that nobody stamped is.
    fn is_left_over(&self, sort: &str) -> bool {
        row_stamp_ms(sort).unwrap_or(0) <= self.newest_ms
    }
}

/// What a stream has of one lane.
struct StreamLane {
    first_index: usize,
    /// The greatest sort key among its rows.
    last_sort: String,
    /// Its rows that are not left over.
    fresh: Lane,
}

impl Relayed {
    fn and(mut self, end: LaneEnd) -> Self {
        self.events_published += end.events_published;
        self.events_dead_lettered += end.events_dead_lettered;
        self.rows_left += end.rows_left;
        if let Some((index, refusal)) = end.stopped {
            let first = self
                .first_unfinished
                .map_or(index, |first| first.min(index));
            self.first_unfinished = Some(first);
            self.unfinished.push(refusal);
        }
        self
    }

    fn and_all(mut self, other: Self) -> Self {
        self.unfinished.extend(other.unfinished);
        self.events_published += other.events_published;
        self.events_dead_lettered += other.events_dead_lettered;
        self.rows_left += other.rows_left;
        self.first_unfinished = self
            .first_unfinished
            .into_iter()
            .chain(other.first_unfinished)
            .min();
        if let Some(at) = other.oldest_row_at {
            self.note_stamp(at.as_ms());
        }
        self
    }

    fn note_stamp(&mut self, stamp_ms: i64) {
        let oldest_ms = self
            .oldest_row_at
            .map_or(stamp_ms, |at| at.as_ms().min(stamp_ms));
        self.oldest_row_at = Some(Timestamp::from_ms(oldest_ms));
    }
}
