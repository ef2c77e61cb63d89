//! What is set for topics: reading it, and changing some of it.
//!
//! It touches no settings of brokers.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use super::error::{AdminError, result};
use super::session::{Session, text};
use super::topics::says_nothing;
use super::{Admin, Mode};

/// The kind of resource that a topic is among those with settings.
const TOPIC: i8 = 2;
/// Operations of a change.
const SET: i8 = 0;
const DELETE: i8 = 1;
/// Where the protocol says that a value is set.
const SOURCE_TOPIC: i8 = 1;
const SOURCE_DEFAULT: i8 = 5;

/// A setting of a topic, as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSetting {
    /// Its name, such as `retention.ms`.
    pub name: String,
    /// Its value; `None` for what the broker does not tell.
    pub value: Option<String>,
    /// Where the value is set.
    pub origin: SettingOrigin,
    /// Whether it cannot be changed.
    pub is_read_only: bool,
}

/// Where a setting of a topic is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// With the topic itself.
    Topic,
    /// With the brokers.
    Broker,
    /// Nowhere: it is Kafka's default.
    Default,
}

/// A change of one setting of a topic; others stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingChange {
    /// It gets this value.
    Set(String, String),
    /// It gets what the brokers or Kafka have for all topics.
    Unset(String),
}

impl Admin {
    /// Tells every setting of a topic as it holds, by name.
    ///
    /// # Errors
    /// [`AdminCode::UnknownTopic`](super::AdminCode::UnknownTopic) if there is no such topic; otherwise as [`Self::describe`].
    pub async fn topic_settings(&self, topic: &str) -> Result<Vec<TopicSetting>, AdminError> {
        let told = settings(&mut self.session(), topic).await;
        told.map_err(|error| {
            error.about(&format!(
                "the settings of topic {topic:?} cannot be described"
            ))
        })
    }

    /// Changes settings of a topic, all of these or none; others stay as they are.
    ///
    /// Brokers follow a moment later.
    ///
    /// # Errors
    /// [`AdminCode::InvalidConfig`](super::AdminCode::InvalidConfig) for a setting that the broker refuses, [`AdminCode::UnknownTopic`](super::AdminCode::UnknownTopic); otherwise
    /// as [`Self::create_topic`].
    pub async fn alter_topic_settings(
        &self,
        topic: &str,
        changes: &[SettingChange],
        mode: Mode,
    ) -> Result<(), AdminError> {
        let altered = alter(&mut self.session(), topic, changes, mode).await;
        altered.map_err(|error| {
            error.about(&format!(
                "the settings of topic {topic:?} cannot be changed"
            ))
        })
    }
}

async fn settings(session: &mut Session, topic: &str) -> Result<Vec<TopicSetting>, AdminError> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let answer = session.ask_any(&request).await?;
    let mut results = answer.results.into_iter();
    let one = results.find(|one| one.resource_name.as_str() == topic);
    let one = one.ok_or_else(|| says_nothing(topic))?;
    result(one.error_code, one.error_message.as_deref())?;
    let mut settings: Vec<_> = one
        .configs
        .into_iter()
        .map(|setting| TopicSetting {
            name: setting.name.to_string(),
            value: setting.value.map(|value| value.to_string()),
            origin: match setting.config_source {
                SOURCE_TOPIC => SettingOrigin::Topic,
                SOURCE_DEFAULT => SettingOrigin::Default,
                // Of one broker or of all, changed while it runs or in its file.
                _ => SettingOrigin::Broker,
            },
            is_read_only: setting.read_only,
        })
        .collect();
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(settings)
}

async fn alter(
    session: &mut Session,
    topic: &str,
    changes: &[SettingChange],
    mode: Mode,
) -> Result<(), AdminError> {
    let changes = changes.iter().map(|change| match change {
        SettingChange::Set(name, value) => AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(SET)
            .with_value(Some(text(value))),
        SettingChange::Unset(name) => AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(DELETE)
            .with_value(None),
    });
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(changes.collect());
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(vec![resource])
        .with_validate_only(mode == Mode::ValidateOnly);
    let answer = session
        .ask_controller(&request, |answer| {
            answer.responses.first().map(|one| one.error_code)
        })
        .await?;
    let mut results = answer.responses.iter();
    let one = results.find(|one| one.resource_name.as_str() == topic);
    let one = one.ok_or_else(|| says_nothing(topic))?;
    result(one.error_code, one.error_message.as_deref())
}
