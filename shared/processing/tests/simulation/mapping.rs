//! The mapping: pollers that cut partitions into batches, invoke the function, read its answer, and commit
//! (esm-spec §2, §9), with everything that it may do out of turn.
//!
//! It has no filters and no batching window. What it gives up is written down as the on-failure destination
//! would have it.

use std::collections::BTreeSet;

use msk_event::{BatchResponse, ItemIdentifier};
use processing::Answer;
use serde_json::{Value, json};
use testkit::{EventBuilder, Random, Reading};
use tokio::sync::oneshot;

use crate::broker::{Broker, Produced};
use crate::faults::Fault;
use crate::invocation::{End, Invoker, wait};
use crate::sim::Sim;

/// How a schedule's mapping is set, the unconfirmed points of esm-spec §10 included.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent open point of esm-spec §10"
)]
pub(crate) struct MappingSettings {
    pub(crate) reading: Reading,
    pub(crate) pollers: usize,
    pub(crate) batch_records_max: usize,
    /// `MaximumRetryAttempts`; `None` is endless.
    pub(crate) retries_max: Option<u32>,
    /// `MaximumRecordAgeInSeconds`, in milliseconds.
    pub(crate) age_ms_max: Option<i64>,
    pub(crate) bisect: bool,
    /// Whether a split uses up an attempt (U3).
    pub(crate) split_counts: bool,
    /// Whether a refused invocation uses up an attempt (U3).
    pub(crate) throttle_counts: bool,
    /// Whether tombstones have no `value` at all (U7).
    pub(crate) tombstone_absent: bool,
}

impl MappingSettings {
    pub(crate) fn draw_up(random: &mut Random) -> Self {
        let mut flip = |percent: u64| random.below(100) < percent;
        let (bounded, aged) = (flip(40), flip(15));
        let (bisect, split_counts) = (flip(40), flip(50));
        let (throttle_counts, tombstone_absent) = (flip(50), flip(50));
        let reading = *random.pick(&Reading::ALL).unwrap();
        let provisioned = reading != Reading::OnDemand;
        Self {
            reading,
            pollers: 1 + usize::try_from(random.below(3)).unwrap(),
            batch_records_max: 1 + usize::try_from(random.below(7)).unwrap(),
            retries_max: bounded.then(|| u32::try_from(random.below(5)).unwrap()),
            age_ms_max: (aged && provisioned).then_some(60_000),
            bisect: bisect && provisioned,
            split_counts,
            throttle_counts,
            tombstone_absent,
        }
    }
}

/// A batch, or the part of it that is left.
struct Part {
    records: Vec<Produced>,
    attempts: u32,
}

enum Again {
    Nothing,
    Everything,
    Only(Vec<Produced>),
}

/// One poller of the mapping.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) number: usize,
    pub(crate) sim: Sim,
    pub(crate) broker: Broker,
    pub(crate) settings: MappingSettings,
    pub(crate) invoker: Invoker,
}

impl Poller {
    pub(crate) async fn run(self) {
        while !self.broker.topic().is_drained() {
            let (batch, generations) = self.next_batch();
            if batch.is_empty() {
                self.sim.sleep_ms(200).await;
                continue;
            }
            if !self.deliver(batch.clone(), &generations).await {
                // What of the batch is this poller's still is fetched again.
                continue;
            }
            if self.sim.fault(&[Fault::BatchAgain]).is_some() && self.holds(&generations) {
                self.sim.note(|| "the batch is delivered again");
                self.deliver(batch.clone(), &generations).await;
            }
            if self.sim.fault(&[Fault::KilledBeforeCommit]).is_some() {
                self.sim
                    .note(|| format!("poller {} is killed before its commit", self.number));
            } else {
                self.commit(&batch, &generations);
            }
        }
    }

    /// Records of one or more partitions that it holds, per partition in offset order.
    fn next_batch(&self) -> (Vec<Produced>, Vec<(usize, u64)>) {
        let topic = self.broker.topic();
        let mut batch = Vec::new();
        let mut generations = Vec::new();
        for (index, partition) in topic.partitions.iter().enumerate() {
            let room = self.settings.batch_records_max - batch.len();
            if partition.owner != self.number || room == 0 || self.sim.chance(20) {
                continue;
            }
            let share = 1 + self.sim.index_below(room);
            let records = partition.fetch(share);
            if !records.is_empty() {
                generations.push((index, partition.generation));
                batch.extend(records);
            }
        }
        (batch, generations)
    }

    fn holds(&self, generations: &[(usize, u64)]) -> bool {
        let topic = self.broker.topic();
        let current =
            |(index, generation): &(usize, u64)| topic.partitions[*index].generation == *generation;
        generations.iter().all(current)
    }

    /// Whether the topic that the record was in was deleted.
    fn is_gone(&self, produced: &Produced) -> bool {
        let topic = self.broker.topic();
        let index = usize::try_from(produced.place.partition).unwrap();
        topic.partitions[index].epoch != produced.place.epoch
    }

    fn commit(&self, batch: &[Produced], generations: &[(usize, u64)]) {
        let mut topic = self.broker.topic();
        for (index, generation) in generations {
            let partition = &mut topic.partitions[*index];
            let is_own =
                |produced: &&Produced| usize::try_from(produced.place.partition) == Ok(*index);
            let last = batch.iter().rfind(is_own);
            if let (true, Some(last)) = (partition.generation == *generation, last) {
                partition.committed = partition.committed.max(last.place.offset + 1);
                self.sim.note(|| {
                    format!(
                        "poller {} commits {} of {index}",
                        self.number,
                        last.place.offset + 1
                    )
                });
            }
        }
    }

    /// Delivers a batch until nothing of it is left; false if some of it is not this poller's any more.
    async fn deliver(&self, batch: Vec<Produced>, generations: &[(usize, u64)]) -> bool {
        let mut parts = vec![Part {
            records: batch,
            attempts: 0,
        }];
        while let Some(mut part) = parts.pop() {
            self.drop_too_old(&mut part);
            if part.records.is_empty() {
                continue;
            }
            // A poller that lost a partition may not know it yet.
            let is_gone = part.records.iter().any(|produced| self.is_gone(produced));
            if is_gone || (!self.holds(generations) && self.sim.chance(70)) {
                self.sim
                    .note(|| format!("poller {} has lost its partition", self.number));
                return false;
            }
            if self.sim.fault(&[Fault::InvokeThrottled]).is_some() {
                let counts = u32::from(self.settings.throttle_counts);
                self.again_or_discard(part, counts, &mut parts);
            } else {
                let end = self.invoke(&part.records).await;
                match self.again(&part.records, &end) {
                    Again::Nothing => continue,
                    Again::Only(records) => {
                        part.records = records;
                        self.again_or_discard(part, 1, &mut parts);
                    }
                    Again::Everything if self.settings.bisect && part.records.len() > 1 => {
                        self.sim.count(Fault::Bisected);
                        let second = part.records.split_off(part.records.len() / 2);
                        let attempts = part.attempts + u32::from(self.settings.split_counts);
                        parts.push(Part {
                            records: second,
                            attempts,
                        });
                        self.again_or_discard(
                            part,
                            u32::from(self.settings.split_counts),
                            &mut parts,
                        );
                    }
                    Again::Everything => self.again_or_discard(part, 1, &mut parts),
                }
            }
            let pause = 100 + self.sim.below(2_000);
            self.sim.sleep_ms(pause).await;
        }
        true
    }

    fn drop_too_old(&self, part: &mut Part) {
        let Some(age_ms_max) = self.settings.age_ms_max else {
            return;
        };
        let oldest_ms = self.sim.now_ms() - age_ms_max;
        let is_old = |produced: &Produced| {
            produced
                .record
                .timestamp_ms
                .is_some_and(|at| at < oldest_ms)
        };
        let (old, kept) = std::mem::take(&mut part.records)
            .into_iter()
            .partition(is_old);
        part.records = kept;
        self.discard(&old, Fault::TooOld);
    }

    fn again_or_discard(&self, mut part: Part, counts: u32, parts: &mut Vec<Part>) {
        part.attempts += counts;
        if self
            .settings
            .retries_max
            .is_some_and(|max| part.attempts > max)
        {
            self.discard(&part.records, Fault::Discarded);
        } else {
            parts.push(part);
        }
    }

    /// The on-failure destination is told; then the mapping goes on behind them.
    fn discard(&self, records: &[Produced], why: Fault) {
        for produced in records {
            self.sim.count(why);
            self.sim
                .note(|| format!("{} is discarded: {why:?}", produced.place));
            self.broker.topic().discarded.insert(produced.place);
        }
    }

    async fn invoke(&self, records: &[Produced]) -> End<Answer> {
        let payload = self.payload(records);
        let (answer, answered) = oneshot::channel();
        let places: Vec<_> = records
            .iter()
            .map(|produced| produced.place.to_string())
            .collect();
        let task = self.invoker.start(payload, records, answer);
        self.sim.note(|| {
            format!(
                "#{task} poller {} invokes with {}",
                self.number,
                places.join(" ")
            )
        });
        let faults = [Fault::TimedOut, Fault::ZombieLeft];
        wait(&self.sim, task, answered, faults).await
    }

    fn payload(&self, records: &[Produced]) -> Vec<u8> {
        let mut event = EventBuilder::new();
        for produced in records {
            let mut record = produced.record.to_json();
            if let Value::Object(fields) = &mut record {
                if produced.malformed {
                    fields.insert("value".to_owned(), json!("%%"));
                } else if produced.record.value.is_none() && self.settings.tombstone_absent {
                    fields.remove("value");
                }
            }
            event = event.raw(produced.record.position().topic_partition(), record);
        }
        event.build()
    }

    /// What of the batch comes again after such an end.
    fn again(&self, batch: &[Produced], end: &End<Answer>) -> Again {
        let response = match end {
            End::Failed | End::TimedOut | End::Answered(Answer::Fail { .. }) => {
                return Again::Everything;
            }
            End::Answered(Answer::Respond(response)) => response,
        };
        if self.settings.reading == Reading::OnDemand {
            return Again::Nothing;
        }
        let Some(listed) = read_response(response) else {
            return Again::Everything;
        };
        if listed.is_empty() {
            return Again::Nothing;
        }
        let sent: BTreeSet<_> = batch.iter().map(identifier).collect();
        if !listed.is_subset(&sent) {
            return Again::Everything;
        }
        let comes_again = |produced: &&Produced| {
            let own = identifier(produced);
            match self.settings.reading {
                Reading::ListedOnly | Reading::OnDemand => listed.contains(&own),
                Reading::FromLowestOffset => listed
                    .iter()
                    .any(|listed| listed.partition == own.partition && listed.offset <= own.offset),
            }
        };
        Again::Only(batch.iter().filter(comes_again).cloned().collect())
    }
}

/// Hands partitions from one poller to another, whose former holder may be at work still.
pub(crate) async fn rebalance(sim: Sim, broker: Broker, pollers: usize) {
    while !broker.topic().is_drained() {
        let pause = 1_000 + sim.below(10_000);
        sim.sleep_ms(pause).await;
        if pollers < 2 || sim.fault(&[Fault::Rebalance]).is_none() {
            continue;
        }
        let mut topic = broker.topic();
        let index = sim.index_below(topic.partitions.len());
        let partition = &mut topic.partitions[index];
        partition.owner = (partition.owner + 1) % pollers;
        partition.generation += 1;
        sim.note(|| format!("partition {index} goes to poller {}", partition.owner));
    }
}

/// Reads a response by way of its JSON, as strictly as Lambda may; `None` if it is not understood.
fn read_response(response: &BatchResponse) -> Option<BTreeSet<ItemIdentifier>> {
    let body = serde_json::to_vec(response).ok()?;
    let response = BatchResponse::read_strict(&body).ok()?;
    let failures = response.batch_item_failures.into_iter();
    Some(failures.map(|failure| failure.item_identifier).collect())
}

fn identifier(produced: &Produced) -> ItemIdentifier {
    produced.record.position().into()
}
