//! Makes the catalogue's topics on a real Kafka, where they are missing.
//!
//! A topic that is there is left as it is. The embedded Kafka has no admin API and gets its topics otherwise.

use event_schema::EventSpec;
use event_schema::catalogue::{EVENTS, topic_settings};
use kafka::{Admin, AdminCode, AdminError, Mode, NewTopic, Settings, SettingsError};

/// Why a topic is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicsError {
    #[error("Kafka at {bootstrap_servers} cannot be asked for topics")]
    Client {
        bootstrap_servers: String,
        source: AdminError,
    },
    #[error("the address of Kafka is none")]
    Address(#[from] SettingsError),
    #[error("Kafka refused topic {topic}")]
    Refused {
        topic: &'static str,
        source: AdminError,
    },
}

/// Makes those of the catalogue's topics that are not there.
pub(crate) async fn create_missing(bootstrap_servers: &str) -> Result<(), TopicsError> {
    let settings = Settings::plaintext(bootstrap_servers)?;
    let admin = Admin::new(&settings).map_err(|source| TopicsError::Client {
        bootstrap_servers: bootstrap_servers.to_owned(),
        source,
    })?;
    for event in EVENTS {
        match admin.create_topic(&new_topic(event), Mode::Apply).await {
            Ok(()) => {}
            Err(error) if error.code == AdminCode::TopicExists => {}
            Err(source) => {
                let topic = event.topic;
                return Err(TopicsError::Refused { topic, source });
            }
        }
    }
    Ok(())
}

fn new_topic(event: &EventSpec) -> NewTopic {
    let settings = topic_settings().into_iter();
    NewTopic {
        name: event.topic.to_owned(),
        partitions: i32::try_from(event.partitions).unwrap_or(i32::MAX),
        // As many copies as the cluster makes by default.
        replicas: None,
        settings: settings
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}
