//! Embedded Kafka: librdkafka's mock cluster, one broker on loopback that other processes can reach too.
//!
//! Produce, fetch, idempotence, transactions, headers, compression and group commits work. Its limits:
//!
//! * a partition keeps [`PARTITION_BYTES_MAX`] or [`PARTITION_RECORDS_MAX`], whichever is reached first, and
//!   drops older records **silently**: use a real broker for loads;
//! * there is no admin API: topics come from [`LocalKafka::create_topic`] (a topic that is only named by a
//!   client appears with four partitions);
//! * joining a group takes 3 to 5 s: assign partitions and commit by group id instead of subscribing;
//! * offsets cannot be found by time; nothing is kept on disk; the port cannot be chosen.

use rdkafka::ClientConfig;
use rdkafka::client::Client;
use rdkafka::config::FromClientConfig;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};

/// The bytes one partition keeps; older records are dropped without a sign.
pub const PARTITION_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The records one partition keeps; older ones are dropped without a sign.
pub const PARTITION_RECORDS_MAX: usize = 100_000;

/// The partitions one topic may have here.
pub const PARTITIONS_MAX: i32 = 1_000;

/// The cluster has one broker, so there is one copy of everything.
const REPLICATION_FACTOR: i32 = 1;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The name clients use.
    pub name: String,
    /// How many partitions it has, 1 to [`PARTITIONS_MAX`].
    pub partitions: i32,
}

impl Topic {
    /// Names a topic and its number of partitions.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions,
        }
    }
}

/// Why Kafka could not be started or a topic not be created.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The mock cluster did not start.
    #[error("cannot start the Kafka mock cluster")]
    Start {
        /// What the client library said; none when it gave no cluster without a reason.
        #[source]
        source: Option<ClientError>,
    },
    /// The number of partitions is out of range.
    #[error(
        "topic {topic} cannot have {partitions} partitions; 1 to {PARTITIONS_MAX} are possible"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// The number asked for.
        partitions: i32,
    },
    /// The cluster refused the topic, for instance because it exists.
    #[error("cannot create topic {topic}")]
    CreateTopic {
        /// The topic.
        topic: String,
        /// What the client library said.
        #[source]
        source: ClientError,
    },
}

/// A running Kafka cluster of one broker; dropping it stops it and forgets every record.
pub struct LocalKafka {
    /// The client that hosts the cluster; it never produces anything.
    host: BaseProducer,
    bootstrap_servers: String,
}

impl LocalKafka {
    /// Starts the cluster with these topics; it is ready when this returns.
    ///
    /// # Errors
    /// [`KafkaError`] when the cluster does not start or a topic is refused.
    pub fn start(topics: &[Topic]) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let host = BaseProducer::from_config(&config).map_err(|source| KafkaError::Start {
            source: Some(source),
        })?;
        let bootstrap_servers = host
            .client()
            .mock_cluster()
            .ok_or(KafkaError::Start { source: None })?
            .bootstrap_servers();
        let cluster = Self {
            host,
            bootstrap_servers,
        };
        for topic in topics {
            cluster.create_topic(topic)?;
        }
        Ok(cluster)
    }

    /// Returns the `bootstrap.servers` of the cluster, `127.0.0.1:port`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Returns the same as [`Self::bootstrap_servers`], under the name the other servers use.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.bootstrap_servers.clone()
    }

    /// Creates a topic; one that exists is refused, even with the same partitions.
    ///
    /// # Errors
    /// [`KafkaError::Partitions`] out of range, [`KafkaError::CreateTopic`] when refused.
    pub fn create_topic(&self, topic: &Topic) -> Result<(), KafkaError> {
        if !(1..=PARTITIONS_MAX).contains(&topic.partitions) {
            return Err(KafkaError::Partitions {
                topic: topic.name.clone(),
                partitions: topic.partitions,
            });
        }
        let client: &Client<DefaultProducerContext> = self.host.client();
        let cluster = client
            .mock_cluster()
            .ok_or(KafkaError::Start { source: None })?;
        cluster
            .create_topic(&topic.name, topic.partitions, REPLICATION_FACTOR)
            .map_err(|source| KafkaError::CreateTopic {
                topic: topic.name.clone(),
                source,
            })
    }

    /// Stops the cluster; its clients see their connections close.
    pub async fn shutdown(self) {
        // The client library joins its threads, which must not hold up the runtime's own.
        let stopped = tokio::task::spawn_blocking(move || drop(self)).await;
        if let Err(error) = stopped {
            tracing::warn!(%error, "the end of the Kafka mock cluster was cut short");
        }
    }
}

impl std::fmt::Debug for LocalKafka {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LocalKafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .finish_non_exhaustive()
    }
}
