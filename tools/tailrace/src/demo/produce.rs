//! Sends a plan to Kafka, and notes where each record came to lie.
//!
//! The producer is set as publishers of the system are (design §6). It sends in order and does not judge.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::{Delivery, OwnedDeliveryResult};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

use super::plan::{Kind, Plan, PlannedRecord};

/// Records that are on their way at a time.
const IN_FLIGHT_RECORDS_MAX: usize = 250;
/// The longest that one record may take, retries included.
const DELIVERY_SECONDS_MAX: u64 = 30;

/// A record that Kafka has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) kind: Kind,
    pub(crate) topic: &'static str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Why a record was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProduceError {
    #[error("the producer could not be made")]
    Producer(#[source] KafkaError),
    #[error("Kafka did not take record {number}")]
    Refused {
        /// Which of the plan's, from 1.
        number: usize,
        source: KafkaError,
    },
    #[error("Kafka did not answer for record {number} within {DELIVERY_SECONDS_MAX} s")]
    NoAnswer {
        /// Which of the plan's, from 1.
        number: usize,
    },
}

/// Sends records in pieces, so that progress can be shown between.
pub(crate) struct Sender<'a> {
    producer: FutureProducer,
    plan: &'a Plan,
    sent: Vec<Sent>,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(bootstrap_servers: &str, plan: &'a Plan) -> Result<Self, ProduceError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "gzip")
            .set("linger.ms", "10")
            .set("batch.size", "16384")
            .set("retries", "3")
            .set("partitioner", "murmur2_random")
            .set(
                "delivery.timeout.ms",
                (DELIVERY_SECONDS_MAX * 1_000).to_string(),
            )
            .create()
            .map_err(ProduceError::Producer)?;
        Ok(Self {
            producer,
            plan,
            sent: Vec::with_capacity(plan.records.len()),
        })
    }

    /// Sends the next records and waits until Kafka has them; returns how many it has, or all of them.
    pub(crate) async fn send_some(mut self) -> Result<Progress<'a>, ProduceError> {
        let first = self.sent.len();
        let rest = self.plan.records.iter().skip(first);
        let mut under_way = Vec::with_capacity(IN_FLIGHT_RECORDS_MAX);
        for (number, record) in (first + 1..).zip(rest.take(IN_FLIGHT_RECORDS_MAX)) {
            under_way.push((number, record, self.enqueue(number, record)?));
        }
        for (number, record, delivery) in under_way {
            let Delivery {
                partition, offset, ..
            } = delivered(number, delivery).await?;
            self.sent.push(Sent {
                kind: record.kind,
                topic: record.topic,
                partition,
                offset,
            });
        }
        Ok(if self.sent.len() < self.plan.records.len() {
            Progress::Partly(self)
        } else {
            Progress::Done(self.sent)
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.sent.len()
    }

    fn enqueue(
        &self,
        number: usize,
        record: &PlannedRecord,
    ) -> Result<DeliveryFuture, ProduceError> {
        let headers = record
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                let value = Some(value.as_str());
                headers.insert(Header { key, value })
            });
        let message = FutureRecord {
            payload: record.value.as_deref(),
            ..FutureRecord::to(record.topic)
                .key(&record.key)
                .headers(headers)
        };
        self.producer
            .send_result(message)
            .map_err(|(source, _)| ProduceError::Refused { number, source })
    }
}

/// How far sending is.
pub(crate) enum Progress<'a> {
    Partly(Sender<'a>),
    Done(Vec<Sent>),
}

async fn delivered(number: usize, delivery: DeliveryFuture) -> Result<Delivery, ProduceError> {
    let limit = Duration::from_secs(DELIVERY_SECONDS_MAX + 1);
    let answer: OwnedDeliveryResult = match tokio::time::timeout(limit, delivery).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => return Err(ProduceError::NoAnswer { number }),
    };
    answer.map_err(|(source, _)| ProduceError::Refused { number, source })
}
