//! `user.registered`: somebody has an account now.
//!
//! Personal data is in types that keep it out of logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Deduplication, Event, EventSpec, Personal, SchemaVersion, Timestamp, UserId};

/// Somebody has an account now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    /// The user.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// Where mail reaches the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// What the user is called.
    #[serde(default, alias = "username", skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal>,
    /// The user's language, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// When the account was made, where that is not when the event was made.
    #[serde(
        default,
        alias = "registeredAt",
        alias = "createdAt",
        skip_serializing_if = "Option::is_none"
    )]
    pub registered_at: Option<Timestamp>,
}

impl Event for UserRegistered {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "user.registered",
        topic: "user.user.registered",
        alias_topics: &["user-events"],
        legacy_types: &["USER_REGISTERED"],
        key: "user_id",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.user_id.to_string())
    }
}
