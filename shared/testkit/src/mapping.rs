//! A model of the event source mapping: records in, invocations out, and what Lambda makes of the answers
//! (esm-spec §2.1, §2.3, §2.4).
//!
//! It calls a [`Processor`] directly. It has no Kafka, no filters, no bisection and no batching window: those
//! are the emulator's part.

mod deliveries;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use msk_event::{BatchResponse, ItemIdentifier};
use processing::{Answer, Processor, Timer};

pub(crate) use deliveries::is_finished;
pub use deliveries::{Deliveries, Invoked, InvokedEnd};

use crate::kafka_event::INVOCATION_SECONDS;
use crate::{EventBuilder, KafkaRecord, VirtualTimer, invocation};

/// Times that a batch is delivered before the model gives it up, unless a test says otherwise.
pub const DELIVERIES_MAX: usize = 50;
/// Records of a batch, unless a test says otherwise (`BatchSize`).
pub const BATCH_RECORDS_MAX: usize = 100;

/// Time that passes between two invocations: no two of them start at the same instant.
pub const INVOCATION_PAUSE: Duration = Duration::from_millis(250);

/// What Lambda makes of a batch response; the first two are what a reader of AWS's pages may expect
/// (esm-spec §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// The listed records come again, and only they.
    ListedOnly,
    /// Everything from the lowest listed offset of a partition on comes again.
    FromLowestOffset,
    /// The body is ignored: what does not fail is committed (on-demand pollers).
    OnDemand,
}

impl Reading {
    /// Every reading.
    pub const ALL: [Self; 3] = [Self::ListedOnly, Self::FromLowestOffset, Self::OnDemand];

    /// Says what `EngineSettings::partial_batch_response` is under this reading.
    #[must_use]
    pub fn partial_batch_response(self) -> bool {
        match self {
            Self::ListedOnly | Self::FromLowestOffset => true,
            Self::OnDemand => false,
        }
    }
}

/// Delivers records to a processor as a mapping would, one batch after another.
#[derive(Clone, Debug)]
pub struct MappingModel {
    reading: Reading,
    timer: VirtualTimer,
    name: String,
    batch_records_max: usize,
    deliveries_max: usize,
    pause: Duration,
    copies: usize,
    partitions: BTreeMap<(String, i32), Vec<KafkaRecord>>,
}

impl MappingModel {
    /// Creates a mapping without records.
    #[must_use]
    pub fn new(reading: Reading, timer: &VirtualTimer) -> Self {
        Self {
            reading,
            timer: timer.clone(),
            name: String::from("mapping"),
            batch_records_max: BATCH_RECORDS_MAX,
            deliveries_max: DELIVERIES_MAX,
            pause: INVOCATION_PAUSE,
            copies: 0,
            partitions: BTreeMap::new(),
        }
    }

    /// Adds records to their partitions, where they lie in the order of their offsets.
    #[must_use]
    pub fn records(mut self, records: impl IntoIterator<Item = KafkaRecord>) -> Self {
        for record in records {
            let partition = (record.topic.clone(), record.partition);
            let log = self.partitions.entry(partition).or_default();
            let place = log.partition_point(|earlier| earlier.offset <= record.offset);
            log.insert(place, record);
        }
        self
    }

    /// Sets the records of a batch; they are taken from all partitions in turn.
    #[must_use]
    pub fn batch_records_max(mut self, records: usize) -> Self {
        self.batch_records_max = records.max(1);
        self
    }

    /// Sets how often a batch is delivered before it is given up: one more than `MaximumRetryAttempts`.
    #[must_use]
    pub fn deliveries_max(mut self, deliveries: usize) -> Self {
        self.deliveries_max = deliveries.max(1);
        self
    }

    /// Has every batch delivered this many times more after it was finished, as after a lost commit.
    #[must_use]
    pub fn copies(mut self, copies: usize) -> Self {
        self.copies = copies;
        self
    }

    /// Sets what request ids begin with; two mappings of one test need two names.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the pause before each invocation, where it is not [`INVOCATION_PAUSE`].
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Delivers everything until it is finished or given up.
    pub async fn run(&self, processor: &impl Processor) -> Deliveries {
        let mut deliveries = Deliveries::default();
        for batch in self.batches() {
            for _ in 0..=self.copies {
                let left = self
                    .deliver(processor, batch.clone(), &mut deliveries)
                    .await;
                deliveries
                    .given_up
                    .extend(left.iter().map(KafkaRecord::position));
            }
            deliveries.commit(&batch);
        }
        deliveries
    }

    /// Cuts the partitions into batches, taking one record of each in turn.
    fn batches(&self) -> Vec<Vec<KafkaRecord>> {
        let mut cursors: Vec<_> = self.partitions.values().map(|log| log.iter()).collect();
        let mut in_turn = Vec::new();
        loop {
            let before = in_turn.len();
            in_turn.extend(cursors.iter_mut().filter_map(Iterator::next).cloned());
            if in_turn.len() == before {
                break;
            }
        }
        in_turn
            .chunks(self.batch_records_max)
            .map(<[_]>::to_vec)
            .collect()
    }

    /// Delivers one batch until it is finished; what is left of it when the model gives up.
    async fn deliver(
        &self,
        processor: &impl Processor,
        mut batch: Vec<KafkaRecord>,
        deliveries: &mut Deliveries,
    ) -> Vec<KafkaRecord> {
        for _ in 0..self.deliveries_max {
            let number = deliveries.invocations.len();
            let end = self.invoke(processor, &batch, number).await;
            let again = self.again(&batch, &end);
            deliveries.note(&batch, end, again == Again::Refused);
            match again {
                Again::Nothing => return Vec::new(),
                Again::Everything | Again::Refused => {}
                Again::Only(records) => batch = records,
            }
        }
        batch
    }

    async fn invoke(
        &self,
        processor: &impl Processor,
        batch: &[KafkaRecord],
        number: usize,
    ) -> InvokedEnd {
        self.timer.advance(self.pause);
        let payload = EventBuilder::new().records(batch).build();
        let invocation = invocation(format!("{}-{number}", self.name), &self.timer);
        let process = pin!(processor.process(&payload, &invocation));
        let timeout = pin!(self.timer.sleep(Duration::from_secs(INVOCATION_SECONDS)));
        match select(process, timeout).await {
            Either::Left((Ok(processed), _)) => InvokedEnd::Answered(processed),
            Either::Left((Err(error), _)) => InvokedEnd::Failed(error.code()),
            Either::Right(_) => InvokedEnd::TimedOut,
        }
    }

    /// What of the batch comes again after such an end.
    fn again(&self, batch: &[KafkaRecord], end: &InvokedEnd) -> Again {
        let response = match end {
            InvokedEnd::Failed(_) | InvokedEnd::TimedOut => return Again::Everything,
            InvokedEnd::Answered(processed) => match &processed.answer {
                Answer::Fail { .. } => return Again::Everything,
                Answer::Respond(response) => response,
            },
        };
        if self.reading == Reading::OnDemand {
            return Again::Nothing;
        }
        let Some(listed) = read_response(response) else {
            return Again::Refused;
        };
        if listed.is_empty() {
            return Again::Nothing;
        }
        let sent: BTreeSet<_> = batch.iter().map(identifier).collect();
        if !listed.is_subset(&sent) {
            return Again::Refused;
        }
        let comes_again = |record: &&KafkaRecord| {
            let record = identifier(record);
            match self.reading {
                Reading::ListedOnly | Reading::OnDemand => listed.contains(&record),
                Reading::FromLowestOffset => listed.iter().any(|listed| {
                    listed.partition == record.partition && listed.offset <= record.offset
                }),
            }
        };
        Again::Only(batch.iter().filter(comes_again).cloned().collect())
    }
}

/// What of a batch comes again.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    Nothing,
    Everything,
    /// Everything, because the answer was not understood.
    Refused,
    Only(Vec<KafkaRecord>),
}

/// Reads a response by way of its JSON, as strictly as Lambda may; `None` if it is not understood.
fn read_response(response: &BatchResponse) -> Option<BTreeSet<ItemIdentifier>> {
    let body = serde_json::to_vec(response).ok()?;
    let response = BatchResponse::read_strict(&body).ok()?;
    Some(
        response
            .batch_item_failures
            .into_iter()
            .map(|f| f.item_identifier)
            .collect(),
    )
}

fn identifier(record: &KafkaRecord) -> ItemIdentifier {
    record.position().into()
}
