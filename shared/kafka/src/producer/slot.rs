//! The one client of a producer: used by many calls at once, and replaced when it stopped for good.
//!
//! There are never two: a call holds the lock for reading while it uses the client, and the lock is taken for
//! writing until the old client has ended. What is sent and how it fails is not decided here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer, PurgeConfig};
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::{Failure, Limits};
use crate::client::{Context, Health, Tokens, config};
use crate::error::Code;
use crate::settings::{Acks, Compression, Settings};

/// Kilobytes that wait in a client; a call that would exceed them waits.
const QUEUE_KBYTES_MAX: u32 = 65_536;
/// How long a topic that the cluster does not know is waited for, in milliseconds: one that was made just now
/// is not known to every broker yet.
const NEW_TOPIC_MS_MAX: u32 = 5_000;
/// Bytes that a record takes beside key, value and headers, and a batch around it.
const OVERHEAD_BYTES_MAX: u64 = 1_024;
/// How long the connection waits for a broker beyond the time that the broker is given, in milliseconds.
const ANSWER_MARGIN_MS: u128 = 1_000;
/// How often a call looks for a client that another call has not retired meanwhile.
const LOOKS_MAX: usize = 16;

/// Holds the client.
pub(super) struct Slot {
    settings: Settings,
    tokens: Tokens,
    state: RwLock<State>,
}

struct State {
    client: Option<Client>,
    /// The end of the last client, which blocks a thread for a moment.
    ending: Option<JoinHandle<()>>,
    /// How many clients there have been.
    generation: u64,
}

/// A client of librdkafka.
pub(super) struct Client {
    pub(super) producer: FutureProducer<Context>,
    pub(super) health: Arc<Health>,
    retired: AtomicBool,
}

impl Client {
    /// Ends the client's work: nothing that waits in it is sent any more, and no call uses it again.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        let everything = PurgeConfig::default().queue().inflight().non_blocking();
        self.producer.purge(everything);
    }

    /// Why the client stopped for good, if it did.
    pub(super) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.client().fatal_error()
    }

    fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
            && self.health.access_problem().is_none()
            && self.fatal_error().is_none()
    }
}

impl Slot {
    /// Makes the first client.
    pub(super) fn new(settings: &Settings, tokens: Tokens) -> Result<Self, Failure> {
        let client = make(settings, &tokens)?;
        Ok(Self {
            settings: settings.clone(),
            tokens,
            state: RwLock::new(State {
                client: Some(client),
                ending: None,
                generation: 1,
            }),
        })
    }

    /// The client, or a new one after the old one has ended.
    pub(super) async fn current(
        &self,
        limits: Limits,
    ) -> Result<RwLockReadGuard<'_, Client>, Failure> {
        let too_late =
            || Failure::deadline(limits, Some("the last client has not ended".to_owned()));
        for _ in 0..LOOKS_MAX {
            let state = timeout_at(limits.deadline, self.state.read()).await;
            let state = state.map_err(|_elapsed| too_late())?;
            let usable = RwLockReadGuard::try_map(state, |state| {
                state.client.as_ref().filter(|client| client.is_usable())
            });
            match usable {
                Ok(client) => return Ok(client),
                // The lock for reading has to be gone before the one for writing is taken.
                Err(state) => drop(state),
            }
            let renewed = timeout_at(limits.deadline, self.renew()).await;
            renewed.map_err(|_elapsed| too_late())??;
        }
        let what = format!("the client was retired by other calls {LOOKS_MAX} times");
        Err(Failure::coded(Code::Interrupted, None, what))
    }

    /// Replaces a client that is of no more use. It may be dropped at any await and called again.
    async fn renew(&self) -> Result<(), Failure> {
        let mut state = self.state.write().await;
        if state.client.as_ref().is_some_and(Client::is_usable) {
            return Ok(());
        }
        if let Some(old) = state.client.take() {
            old.retire();
            state.ending = Some(tokio::task::spawn_blocking(move || drop(old)));
        }
        if let Some(ending) = &mut state.ending {
            if let Err(error) = ending.await {
                tracing::warn!(%error, "the end of a Kafka client was cut short");
            }
            state.ending = None;
        }
        let generation = state.generation + 1;
        state.client = Some(make(&self.settings, &self.tokens)?);
        state.generation = generation;
        tracing::info!(generation, "a new Kafka client takes over");
        Ok(())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("bootstrap_servers", &self.settings.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

fn make(settings: &Settings, tokens: &Tokens) -> Result<Client, Failure> {
    let health = Health::new();
    let context = Context::new(Arc::clone(&health), tokens.clone());
    let producer = producer_config(settings).create_with_context(context);
    let producer = producer.map_err(|error: KafkaError| {
        let what = format!("the Kafka client cannot be made: {error}");
        Failure::coded(Code::ClientNotCreated, Some(error), what)
    })?;
    Ok(Client {
        producer,
        health,
        retired: AtomicBool::new(false),
    })
}

fn producer_config(settings: &Settings) -> rdkafka::ClientConfig {
    let acks = match settings.acks {
        Acks::All => "all",
        Acks::Leader => "1",
        Acks::None => "0",
    };
    let compression = match settings.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
    };
    let request_timeout_ms = settings.request_timeout.as_millis();
    let message_bytes_max = settings.event_bytes_max + OVERHEAD_BYTES_MAX;
    let mut config = config(settings);
    config
        .set("acks", acks)
        .set("enable.idempotence", settings.idempotence.to_string())
        .set("enable.gapless.guarantee", settings.idempotence.to_string())
        .set("compression.type", compression)
        .set("linger.ms", settings.linger.as_millis().to_string())
        .set("batch.size", settings.batch_bytes.to_string())
        .set("message.max.bytes", message_bytes_max.to_string())
        .set("request.timeout.ms", request_timeout_ms.to_string())
        .set(
            "socket.timeout.ms",
            (request_timeout_ms + ANSWER_MARGIN_MS).to_string(),
        )
        // Without a limit: the client would go on behind what it gave up, which leaves a gap.
        .set("message.timeout.ms", "0")
        .set("queue.buffering.max.kbytes", QUEUE_KBYTES_MAX.to_string())
        .set(
            "topic.metadata.propagation.max.ms",
            NEW_TOPIC_MS_MAX.to_string(),
        )
        // Java's default partitioner, so that every producer puts a key on the same partition.
        .set("partitioner", "murmur2_random");
    config
}

#[cfg(test)]
mod tests;
