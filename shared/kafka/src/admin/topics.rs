//! Topics: making, describing, growing and deleting them.
//!
//! It moves no partitions between brokers. What is set for a topic that exists lies with its settings.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

use super::Admin;
use super::error::{AdminCode, AdminError, result};
use super::session::{Session, text, topic_name};

/// Leaves the number of copies to the cluster (KIP-464).
const REPLICAS_OF_CLUSTER: i16 = -1;
const UNKNOWN_TOPIC: i16 = 3;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many copies a partition has; `None` leaves it to the cluster.
    pub replicas: Option<i16>,
    /// Its own settings, such as `retention.ms`.
    pub settings: Vec<(String, String)>,
}

/// Whether a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is made.
    Apply,
    /// The cluster only says whether it would make it.
    ValidateOnly,
}

/// A topic among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// Whether it is Kafka's own, as `__consumer_offsets` is.
    pub is_internal: bool,
}

/// What the cluster has of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Whether it is Kafka's own.
    pub is_internal: bool,
    /// Its partitions, in ascending order.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// The broker that leads it; `None` while there is none.
    pub leader: Option<i32>,
    /// The brokers that keep copies.
    pub replicas: Vec<i32>,
    /// Those of them that have all of it.
    pub in_sync: Vec<i32>,
}

impl Admin {
    /// Creates a topic and waits until the broker that is asked knows it; others may know it a moment later.
    ///
    /// # Errors
    /// [`AdminCode::TopicExists`] if there is one of that name, however it is set; otherwise what the cluster
    /// refuses it for. After [`AdminCode::TimedOut`] or [`AdminCode::Unreachable`] it may be there.
    pub async fn create_topic(&self, topic: &NewTopic, mode: Mode) -> Result<(), AdminError> {
        let mut session = self.session();
        let created = create(&mut session, topic, mode).await;
        created.map_err(|error| error.about(&format!("topic {:?} cannot be created", topic.name)))
    }

    /// Lists every topic that the credentials may see, by name.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses or does not answer.
    pub async fn topics(&self) -> Result<Vec<TopicListing>, AdminError> {
        let mut session = self.session();
        let metadata = session.metadata(None).await;
        let metadata = metadata.map_err(|error| error.about("topics cannot be listed"))?;
        let listed = metadata
            .topics
            .into_iter()
            .filter(|topic| topic.error_code == 0);
        let mut listed: Vec<_> = listed
            .map(|topic| TopicListing {
                name: topic.name.map_or_else(String::new, |name| name.to_string()),
                partitions: topic.partitions.len(),
                is_internal: topic.is_internal,
            })
            .collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Describes a topic; `None` if the cluster has none of that name.
    ///
    /// # Errors
    /// [`AdminError`] if the cluster refuses or does not answer.
    pub async fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, AdminError> {
        let described = describe(&mut self.session(), topic).await;
        described.map_err(|error| error.about(&format!("topic {topic:?} cannot be described")))
    }

    /// Brings a topic to `total` partitions and waits until they are known; `false` if it has that many already.
    ///
    /// Keys go to other partitions then, so that the order within a key breaks at this point.
    ///
    /// # Errors
    /// [`AdminCode::FewerPartitions`] if the topic has more, [`AdminCode::UnknownTopic`]; otherwise as
    /// [`Self::create_topic`].
    pub async fn add_partitions(
        &self,
        topic: &str,
        total: i32,
        mode: Mode,
    ) -> Result<bool, AdminError> {
        let added = add_partitions(&mut self.session(), topic, total, mode).await;
        added.map_err(|error| {
            error.about(&format!("topic {topic:?} cannot have {total} partition(s)"))
        })
    }

    /// Deletes a topic with all that it holds, and waits until the broker that is asked has forgotten it.
    ///
    /// # Errors
    /// [`AdminCode::UnknownTopic`] if there is no such topic; otherwise as [`Self::create_topic`].
    pub async fn delete_topic(&self, topic: &str) -> Result<(), AdminError> {
        let deleted = delete(&mut self.session(), topic).await;
        deleted.map_err(|error| error.about(&format!("topic {topic:?} cannot be deleted")))
    }
}

async fn create(session: &mut Session, topic: &NewTopic, mode: Mode) -> Result<(), AdminError> {
    let settings = topic.settings.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    let new = CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replicas.unwrap_or(REPLICAS_OF_CLUSTER))
        .with_configs(settings.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![new])
        .with_timeout_ms(session.left_ms())
        .with_validate_only(mode == Mode::ValidateOnly);
    let answer = session
        .ask_controller(&request, |answer| {
            answer.topics.first().map(|one| one.error_code)
        })
        .await?;
    let one = answer
        .topics
        .iter()
        .find(|one| one.name.as_str() == topic.name);
    let one = one.ok_or_else(|| says_nothing(&topic.name))?;
    result(one.error_code, one.error_message.as_deref())?;
    if mode == Mode::Apply {
        let wanted = usize::try_from(topic.partitions).unwrap_or(0);
        until(
            session,
            &topic.name,
            "created, but is not known everywhere yet",
            |now| now.is_some_and(|now| now.partitions.len() >= wanted),
        )
        .await?;
    }
    Ok(())
}

async fn describe(
    session: &mut Session,
    topic: &str,
) -> Result<Option<TopicDescription>, AdminError> {
    let metadata = session.metadata(Some(&[topic])).await?;
    let is_it =
        |one: &&MetadataResponseTopic| one.name.as_ref().is_some_and(|name| name.as_str() == topic);
    let Some(found) = metadata.topics.iter().find(is_it) else {
        return Err(says_nothing(topic));
    };
    if found.error_code == UNKNOWN_TOPIC {
        return Ok(None);
    }
    result(found.error_code, None)?;
    let mut partitions: Vec<_> = found.partitions.iter().map(described).collect();
    partitions.sort_by_key(|one| one.partition);
    Ok(Some(TopicDescription {
        is_internal: found.is_internal,
        partitions,
    }))
}

fn described(partition: &MetadataResponsePartition) -> PartitionDescription {
    PartitionDescription {
        partition: partition.partition_index,
        leader: Some(partition.leader_id.0).filter(|leader| *leader >= 0),
        replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
        in_sync: partition.isr_nodes.iter().map(|node| node.0).collect(),
    }
}

async fn add_partitions(
    session: &mut Session,
    topic: &str,
    total: i32,
    mode: Mode,
) -> Result<bool, AdminError> {
    let found = describe(session, topic).await?;
    let unknown = || {
        AdminError::new(
            AdminCode::UnknownTopic,
            "the cluster has no topic of that name",
        )
    };
    let now = found.ok_or_else(unknown)?.partitions.len();
    let wanted = usize::try_from(total).unwrap_or(0);
    if wanted < now {
        let message =
            format!("it has {now}, and Kafka takes none away; make another topic and move to it");
        return Err(AdminError::new(AdminCode::FewerPartitions, message));
    }
    if wanted == now {
        return Ok(false);
    }
    let larger = CreatePartitionsTopic::default()
        .with_name(topic_name(topic))
        .with_count(total)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default()
        .with_topics(vec![larger])
        .with_timeout_ms(session.left_ms())
        .with_validate_only(mode == Mode::ValidateOnly);
    let answer = session
        .ask_controller(&request, |answer| {
            answer.results.first().map(|one| one.error_code)
        })
        .await?;
    let one = answer.results.iter().find(|one| one.name.as_str() == topic);
    let one = one.ok_or_else(|| says_nothing(topic))?;
    result(one.error_code, one.error_message.as_deref())?;
    if mode == Mode::Apply {
        until(
            session,
            topic,
            "changed, but that is not known everywhere yet",
            |now| now.is_some_and(|now| now.partitions.len() >= wanted),
        )
        .await?;
    }
    Ok(true)
}

async fn delete(session: &mut Session, topic: &str) -> Result<(), AdminError> {
    let request = DeleteTopicsRequest::default()
        .with_topic_names(vec![topic_name(topic)])
        .with_timeout_ms(session.left_ms());
    let answer = session
        .ask_controller(&request, |answer| {
            answer.responses.first().map(|one| one.error_code)
        })
        .await?;
    let mut results = answer.responses.iter();
    let one = results.find(|one| one.name.as_ref().is_some_and(|name| name.as_str() == topic));
    let one = one.ok_or_else(|| says_nothing(topic))?;
    result(one.error_code, one.error_message.as_deref())?;
    until(
        session,
        topic,
        "deleted, but that is not known everywhere yet",
        |now| now.is_none(),
    )
    .await
}

/// Asks about a topic until it is as it has to be, or the operation's time is over.
async fn until(
    session: &mut Session,
    topic: &str,
    done: &str,
    is_so: impl Fn(Option<&TopicDescription>) -> bool,
) -> Result<(), AdminError> {
    loop {
        match describe(session, topic).await {
            Ok(now) if is_so(now.as_ref()) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.code == AdminCode::NotReady => {}
            Err(error) => return Err(error.about(&format!("it was {done}"))),
        }
        let message = format!("it was {done}");
        session
            .pause(AdminError::new(AdminCode::TimedOut, message))
            .await?;
    }
}

pub(crate) fn says_nothing(topic: &str) -> AdminError {
    let message = format!("the broker's answer says nothing of topic {topic:?}");
    AdminError::new(AdminCode::BadAnswer, message)
}
