//! Topics: creating one, and asking what the cluster has of one.
//!
//! It changes and deletes nothing that exists.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as NativeTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use tokio::time::Instant;

use crate::client::{Context, Health, Tokens, config, tokens};
use crate::error::{Code, code_of, what_to_check};
use crate::polled::Polled;
use crate::settings::Settings;

/// How long a topic may take to become known after it was created.
const KNOWN_TIME_MAX: Duration = Duration::from_secs(10);
/// How long to wait before asking again.
const KNOWN_PAUSE: Duration = Duration::from_millis(50);

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
///
/// It is two clients inside: one whose callbacks are served answers questions and tells why a connection fails;
/// the library's admin client, whose callbacks are not, lives for one request.
pub struct Admin {
    asking: Arc<Polled>,
    tokens: Tokens,
    settings: Settings,
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
        let tokens = Tokens::from(source);
        Self::with_tokens(settings, tokens)
    }

    fn with_tokens(settings: &Settings, tokens: Tokens) -> Result<Self, AdminError> {
        Ok(Self {
            asking: Arc::new(Polled::new(settings, tokens.clone())?),
            tokens,
            settings: settings.clone(),
        })
    }

    /// Creates a topic and waits until it is known; `false` if there is one of that name, however it is set.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses it or does not answer within the request timeout.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<bool, AdminError> {
        let what = format!("topic {:?} cannot be created", topic.name);
        let health = &self.asking.health;
        // What a connection fails with is told only to the client that asks.
        self.describe(&topic.name).await?;
        let client = self.client(&what)?;
        let replicas = TopicReplication::Fixed(topic.replicas);
        let new = NativeTopic::new(&topic.name, topic.partitions, replicas);
        let settings = topic.settings.iter();
        let new = settings.fold(new, |new, (name, value)| new.set(name, value));
        let timeout = self.settings.request_timeout;
        let options = AdminOptions::new()
            .request_timeout(Some(timeout))
            .operation_timeout(Some(timeout));
        let answer = client.create_topics([&new], &options).await;
        // The end of the client blocks for a moment.
        drop(tokio::task::spawn_blocking(move || drop(client)));
        let answer = answer.map_err(|error| explained(error, &what, health))?;
        match answer.into_iter().next() {
            Some(Ok(_)) => self.becomes_known(&topic.name).await.map(|()| true),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(explained(KafkaError::AdminOp(code), &what, health)),
            None => Err(not_created(format!("{what}: no answer"))),
        }
    }

    /// Waits until the broker that is asked knows a topic that was made just now; others may know it later.
    async fn becomes_known(&self, topic: &str) -> Result<(), AdminError> {
        let deadline = Instant::now() + KNOWN_TIME_MAX;
        while self.describe(topic).await?.is_none() {
            if Instant::now() > deadline {
                let message = format!(
                    "topic {topic:?} was created, but is not known after {KNOWN_TIME_MAX:?}"
                );
                return Err(AdminError {
                    code: Code::UnknownTopic,
                    message,
                    source: None,
                });
            }
            tokio::time::sleep(KNOWN_PAUSE).await;
        }
        Ok(())
    }

    /// Describes a topic; `None` if the cluster has none of that name.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses or does not answer within the request timeout.
    pub async fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, AdminError> {
        let what = format!("topic {topic:?} cannot be described");
        let asking = Arc::clone(&self.asking);
        let (name, limit) = (topic.to_owned(), self.settings.request_timeout);
        let ask = move || {
            let metadata = asking.metadata(Some(&name), limit, &what)?;
            let found = metadata.topics().iter().find(|one| one.name() == name);
            let Some(found) = found else {
                return Ok(None);
            };
            match found.error().map(RDKafkaErrorCode::from) {
                None => (),
                Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
                Some(code) => {
                    let error = KafkaError::MetadataFetch(code);
                    return Err(explained(error, &what, &asking.health));
                }
            }
            let partitions = found.partitions().iter().map(MetadataPartition::id);
            let mut partitions: Vec<_> = partitions.collect();
            partitions.sort_unstable();
            Ok(Some(TopicDescription { partitions }))
        };
        let asked = tokio::task::spawn_blocking(ask).await;
        asked.unwrap_or_else(|error| Err(not_created(error.to_string())))
    }

    /// Makes the library's admin client.
    ///
    /// That one never asks for a token, and rdkafka wraps no call to set one: over IAM nothing can be created yet.
    fn client(&self, what: &str) -> Result<AdminClient<Context>, AdminError> {
        #[cfg(feature = "msk-iam")]
        if self.tokens.source.is_some() {
            return Err(not_created(format!(
                "{what}: the client library's admin client cannot authenticate with IAM tokens; use Kafka's own \
                 tools, or a listener without IAM"
            )));
        }
        let context = Context::new(Health::new(), self.tokens.clone());
        let client = config(&self.settings).create_with_context(context);
        client.map_err(|error: KafkaError| not_created(format!("{what}: {error}")))
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
