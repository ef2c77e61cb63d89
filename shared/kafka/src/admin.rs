//! Topics: creating one, and asking what the cluster has of one.
//!
//! It changes and deletes nothing that exists.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as NativeTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;

use crate::client::{Context, Health, Tokens, config, tokens};
use crate::error::{Code, code_of, what_to_check};
use crate::settings::Settings;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas a partition has; −1 leaves it to the cluster.
    pub replicas: i32,
    /// Its own settings, such as `retention.ms`.
    pub settings: Vec<(String, String)>,
}

/// What the cluster has of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its partitions, in ascending order.
    pub partitions: Vec<i32>,
}

/// Why a request about topics or records failed.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AdminError {
    /// Bounded; the same as the producer's.
    pub code: Code,
    /// What was wrong, and what to check.
    pub message: String,
    /// What the client library said, if it did.
    #[source]
    pub source: Option<Box<KafkaError>>,
}

/// A client for questions about topics.
pub struct Admin {
    client: AdminClient<Context>,
    health: Arc<Health>,
    request_timeout: Duration,
}

impl Admin {
    /// Makes the client, which begins to connect in the background.
    ///
    /// # Errors
    /// [`Code::ClientNotCreated`] if the client library refuses the settings.
    pub fn new(settings: &Settings) -> Result<Self, AdminError> {
        let tokens = tokens(settings).map_err(not_created)?;
        Self::with_tokens(settings, tokens)
    }

    /// Makes the client with tokens of another origin.
    ///
    /// # Errors
    /// As [`Self::new`].
    #[cfg(feature = "msk-iam")]
    pub fn with_token_source(
        settings: &Settings,
        source: Arc<dyn crate::TokenSource>,
    ) -> Result<Self, AdminError> {
        let tokens = Tokens {
            source: Some(source),
        };
        Self::with_tokens(settings, tokens)
    }

    fn with_tokens(settings: &Settings, tokens: Tokens) -> Result<Self, AdminError> {
        let health = Health::new();
        let context = Context::new(Arc::clone(&health), tokens);
        let client = config(settings).create_with_context(context);
        Ok(Self {
            client: client.map_err(|error: KafkaError| not_created(error.to_string()))?,
            health,
            request_timeout: settings.request_timeout,
        })
    }

    /// Creates a topic; `false` if there is one of that name, however it is set.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses it or does not answer within the request timeout.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<bool, AdminError> {
        let replicas = TopicReplication::Fixed(topic.replicas);
        let new = NativeTopic::new(&topic.name, topic.partitions, replicas);
        let settings = topic.settings.iter();
        let new = settings.fold(new, |new, (name, value)| new.set(name, value));
        let options = AdminOptions::new()
            .request_timeout(Some(self.request_timeout))
            .operation_timeout(Some(self.request_timeout));
        let what = || format!("topic {:?} cannot be created", topic.name);
        let answer = self.client.create_topics([&new], &options).await;
        let answer = answer.map_err(|error| explained(error, &what(), &self.health))?;
        match answer.into_iter().next() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => {
                let error = KafkaError::AdminOp(code);
                Err(explained(error, &what(), &self.health))
            }
            None => Err(not_created(format!("{}: no answer", what()))),
        }
    }

    /// Describes a topic; `None` if the cluster has none of that name.
    ///
    /// It blocks for at most the request timeout, so call it where that is allowed.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses or does not answer.
    pub fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, AdminError> {
        let what = format!("topic {topic:?} cannot be described");
        let client = self.client.inner();
        let metadata = client.fetch_metadata(Some(topic), self.request_timeout);
        let metadata = metadata.map_err(|error| explained(error, &what, &self.health))?;
        let Some(found) = metadata.topics().iter().find(|one| one.name() == topic) else {
            return Ok(None);
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None => (),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
            Some(code) => {
                let error = KafkaError::MetadataFetch(code);
                return Err(explained(error, &what, &self.health));
            }
        }
        let mut partitions: Vec<_> = found.partitions().iter().map(MetadataPartition::id).collect();
        partitions.sort_unstable();
        Ok(Some(TopicDescription { partitions }))
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

pub(crate) fn not_created(message: String) -> AdminError {
    AdminError {
        code: Code::ClientNotCreated,
        message,
        source: None,
    }
}

/// Puts a refusal of access, if there was one, in the place of the time-out that it leads to.
pub(crate) fn explained(error: KafkaError, what: &str, health: &Health) -> AdminError {
    let problem = health.access_problem();
    let (code, reason, source) = match problem {
        Some(problem) => (problem.code, problem.reason, problem.error),
        None => (code_of(&error), error.to_string(), error),
    };
    let hint = what_to_check(code).map_or_else(String::new, |hint| format!("; {hint}"));
    AdminError {
        code,
        message: format!("{what}: {reason}{hint}"),
        source: Some(Box::new(source)),
    }
}
