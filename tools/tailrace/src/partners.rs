//! The companies that a shop works with, played on the local system: a payment provider and a carrier.
//!
//! They follow topics and answer with events, as their systems would: a placed order and a held reservation are
//! paid for or declined, a paid order is delivered. What they say is in [`rules`]; this is their ears and their voice.
//! In AWS there are real ones; nothing of the functions knows of these.

mod rules;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use event_schema::Incoming as _;
use event_schema::{OrderId, WriteError};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::task::JoinHandle;

pub(crate) use rules::DECLINED_ABOVE;

use rules::{Heard, Rules, Said};

/// Their consumer group.
const GROUP: &str = "tailrace-partners";
/// The longest wait for one answer of the cluster.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Why the partners do not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartnersError {
    #[error("the partners' Kafka clients could not be made")]
    Client(#[source] KafkaError),
    #[error("Kafka does not tell the offsets of topic {topic}")]
    Offsets {
        topic: &'static str,
        source: KafkaError,
    },
    #[error("a call of Kafka broke off")]
    BrokeOff(#[from] tokio::task::JoinError),
    #[error("the payment provider and the carrier have ended; the log says why")]
    Ended,
    #[error("the partners cannot hear")]
    Hear(#[source] KafkaError),
    #[error("Kafka did not take an event of the partners")]
    Say(#[source] KafkaError),
    #[error("an event of the partners cannot be written")]
    Write(#[from] WriteError),
}

/// The running partners.
pub(crate) struct Partners {
    consumer: Arc<StreamConsumer>,
    /// Offsets that are behind them, added up over all partitions.
    heard: Arc<AtomicU64>,
    running: JoinHandle<()>,
}

impl std::fmt::Debug for Partners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partners")
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

impl Partners {
    /// Starts them at the beginning of their topics: what they remember is in memory, and what they say again is
    /// known by its id. They leave orders alone that are paid otherwise.
    pub(crate) async fn start(
        bootstrap_servers: &str,
        paid_otherwise: BTreeSet<OrderId>,
    ) -> Result<Self, PartnersError> {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", GROUP)
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50")
            .create()
            .map_err(PartnersError::Client)?;
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            // One event at a time: waiting for more would only slow it down.
            .set("linger.ms", "0")
            .create()
            .map_err(PartnersError::Client)?;
        let consumer = Arc::new(consumer);
        let assigning = Arc::clone(&consumer);
        let begun = tokio::task::spawn_blocking(move || assign(&assigning)).await??;
        let heard = Arc::new(AtomicU64::new(begun));
        let listening = listen(
            Arc::clone(&consumer),
            producer,
            Rules::new(paid_otherwise),
            Arc::clone(&heard),
        );
        Ok(Self {
            consumer,
            heard,
            running: tokio::spawn(async move {
                if let Err(error) = listening.await {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the payment provider and the carrier ended");
                }
            }),
        })
    }

    /// Says whether they have answered all that is on their topics.
    ///
    /// # Errors
    /// [`PartnersError`], also if they have ended, which the log says the reason of.
    pub(crate) async fn are_done(&self) -> Result<bool, PartnersError> {
        if self.running.is_finished() {
            return Err(PartnersError::Ended);
        }
        let consumer = Arc::clone(&self.consumer);
        let ends = tokio::task::spawn_blocking(move || ends(&consumer)).await??;
        Ok(self.heard.load(Ordering::SeqCst) == ends)
    }

    /// Stops them.
    pub(crate) async fn shutdown(self) {
        self.running.abort();
        // It was told to end, so that it broke off is no news.
        self.running.await.unwrap_or_default();
    }
}

/// Takes all partitions, and returns the offsets from which it reads, added up.
fn assign(consumer: &StreamConsumer) -> Result<u64, PartnersError> {
    let (mut list, mut begun) = (TopicPartitionList::new(), 0);
    for spec in Heard::SPECS {
        for partition in partitions(spec.partitions) {
            let (first, _) = watermarks(consumer, spec.topic, partition)?;
            begun += u64::try_from(first).unwrap_or(0);
            let added = list.add_partition_offset(spec.topic, partition, Offset::Offset(first));
            added.map_err(PartnersError::Hear)?;
        }
    }
    consumer.assign(&list).map_err(PartnersError::Hear)?;
    Ok(begun)
}

fn ends(consumer: &StreamConsumer) -> Result<u64, PartnersError> {
    let mut sum = 0;
    for spec in Heard::SPECS {
        for partition in partitions(spec.partitions) {
            let (_, end) = watermarks(consumer, spec.topic, partition)?;
            sum += u64::try_from(end).unwrap_or(0);
        }
    }
    Ok(sum)
}

fn watermarks(
    consumer: &StreamConsumer,
    topic: &'static str,
    partition: i32,
) -> Result<(i64, i64), PartnersError> {
    let found = consumer.fetch_watermarks(topic, partition, CALL_LIMIT);
    found.map_err(|source| PartnersError::Offsets { topic, source })
}

fn partitions(count: u32) -> std::ops::Range<i32> {
    0..i32::try_from(count).unwrap_or(i32::MAX)
}

/// Hears one event after the other, and says what it leads to before the next one is heard.
async fn listen(
    consumer: Arc<StreamConsumer>,
    producer: FutureProducer,
    mut rules: Rules,
    heard: Arc<AtomicU64>,
) -> Result<(), PartnersError> {
    loop {
        let message = consumer.recv().await.map_err(PartnersError::Hear)?;
        if let Some(value) = message.payload() {
            for said in rules.hear(value, message.topic())? {
                say(&producer, &said).await?;
            }
        }
        heard.fetch_add(1, Ordering::SeqCst);
    }
}

async fn say(producer: &FutureProducer, said: &Said) -> Result<(), PartnersError> {
    let headers = said
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            let value = Some(value.as_str());
            headers.insert(Header { key, value })
        });
    let record = FutureRecord {
        payload: Some(&said.value),
        ..FutureRecord::to(said.topic).key(&said.key).headers(headers)
    };
    let sent = producer.send(record, CALL_LIMIT).await;
    sent.map(|_| ())
        .map_err(|(error, _)| PartnersError::Say(error))
}
