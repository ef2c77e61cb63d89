//! What `user-registered` stores: a profile for each user.
//!
//! Personal data is in types that keep it out of logs. Who changes a profile later is not said here.

use event_schema::events::UserRegistered;
use event_schema::{Personal, Timestamp, UserId};
use processing::{Item, Key, Record};
use serde::{Deserialize, Serialize};

use crate::locale::language_tag;

/// A user's profile, keyed by the user's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user.
    pub user_id: UserId,
    /// Where mail reaches the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// What the user is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal>,
    /// The user's language, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// When the account was made.
    pub registered_at: Timestamp,
}

impl Profile {
    /// What a registration says of the user.
    pub(crate) fn of(record: &Record<UserRegistered>) -> Self {
        let user = &record.event;
        Self {
            user_id: user.user_id.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            locale: user.locale.as_deref().and_then(language_tag),
            registered_at: user.registered_at.unwrap_or(record.timestamp),
        }
    }

    /// The profile with what it lacks taken from another; what it has stays.
    pub(crate) fn completed_by(self, other: Self) -> Self {
        Self {
            email: self.email.or(other.email),
            name: self.name.or(other.name),
            locale: self.locale.or(other.locale),
            ..self
        }
    }
}

impl Item for Profile {
    const TABLE: &'static str = "users";

    fn key(&self) -> Key {
        Key::from(self.user_id.as_str())
    }
}
