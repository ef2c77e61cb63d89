//! `user.activity-recorded`: a user has done something that is counted.
//!
//! Actions are an open vocabulary of the producers; nothing here knows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{null_as_default, rules};
use crate::{
    Deduplication, Event, EventSpec, InvalidEvent, Labels, SchemaVersion, TargetId, UserId,
};

/// The longest name of an action, in bytes.
pub const ACTION_BYTES_MAX: usize = 128;

/// A user has done something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserActivityRecorded {
    /// The user.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// What the user did (`login`).
    #[serde(alias = "activityType", alias = "activity_type")]
    #[schemars(length(min = 1, max = 128))]
    pub action: String,
    /// What it was done to: a page, a product.
    #[serde(default, alias = "targetId", skip_serializing_if = "Option::is_none")]
    pub target_id: Option<TargetId>,
    /// What else the producer tells.
    #[serde(
        default,
        alias = "metadata",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Labels::is_empty"
    )]
    pub data: Labels,
}

impl Event for UserActivityRecorded {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "user.activity-recorded",
        topic: "user.activity.recorded",
        alias_topics: &["user-activities", "user-activity"],
        legacy_types: &["USER_ACTIVITY_RECORDED", "USER_ACTIVITY"],
        key: "user_id",
        dedup: Deduplication::Position,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.user_id.to_string())
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        rules::short_text("action", &self.action, ACTION_BYTES_MAX)?;
        rules::labels("data", &self.data)
    }
}
