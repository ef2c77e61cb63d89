//! Makes the catalogue's topics on a real Kafka, where they are missing.
//!
//! A topic that is there is left as it is. The embedded Kafka has no admin API and gets its topics otherwise.

use std::time::Duration;

use event_schema::EventSpec;
use event_schema::catalogue::{EVENTS, topic_settings};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// The longest wait for the cluster.
const CALL_SECONDS_MAX: u64 = 30;
/// As many copies as the cluster makes by default (KIP-464).
const REPLICATION_OF_CLUSTER: i32 = -1;

/// Why a topic is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicsError {
    #[error("Kafka at {bootstrap_servers} cannot be asked for topics")]
    Call {
        bootstrap_servers: String,
        source: KafkaError,
    },
    #[error("Kafka refused topic {topic}")]
    Refused {
        topic: String,
        source: RDKafkaErrorCode,
    },
}

/// Makes those of the catalogue's topics that are not there.
pub(crate) async fn create_missing(bootstrap_servers: &str) -> Result<(), TopicsError> {
    let failed = |source| TopicsError::Call {
        bootstrap_servers: bootstrap_servers.to_owned(),
        source,
    };
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()
        .map_err(failed)?;
    let settings = topic_settings();
    let topics: Vec<_> = EVENTS
        .iter()
        .map(|event| new_topic(event, &settings))
        .collect();
    let limit = Duration::from_secs(CALL_SECONDS_MAX);
    let options = AdminOptions::new()
        .request_timeout(Some(limit))
        .operation_timeout(Some(limit));
    let created = admin
        .create_topics(&topics, &options)
        .await
        .map_err(failed)?;
    for result in created {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, source)) => return Err(TopicsError::Refused { topic, source }),
        }
    }
    Ok(())
}

fn new_topic<'a>(event: &EventSpec, settings: &'a [(&'static str, String)]) -> NewTopic<'a> {
    let partitions = i32::try_from(event.partitions).unwrap_or(i32::MAX);
    let replication = TopicReplication::Fixed(REPLICATION_OF_CLUSTER);
    let topic = NewTopic::new(event.topic, partitions, replication);
    settings
        .iter()
        .fold(topic, |topic, (name, value)| topic.set(name, value))
}
