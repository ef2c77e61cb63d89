//! What `user-activity` stores: for each user and day, how often each action happened.
//!
//! Targets and data of activities are not kept: they have no bound.

use std::collections::BTreeMap;

use event_schema::{Timestamp, UserId};
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

/// Actions that a user's day tells apart; those beyond are counted together.
pub const ACTIONS_MAX: usize = 100;

/// What a user did on a day of event time (UTC), keyed by user and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDay {
    /// The user.
    pub user_id: UserId,
    /// The day, as `2026-11-21`.
    pub day: String,
    /// How many activities there were, of all actions.
    pub total: u64,
    /// How often each of the first [`ACTIONS_MAX`] actions happened.
    pub actions: BTreeMap<String, u64>,
    /// How many activities were of further actions.
    #[serde(default)]
    pub further: u64,
    /// When the earliest of them happened.
    pub first_seen: Timestamp,
    /// When the latest of them happened, which need not be the one that came last.
    pub last_seen: Timestamp,
}

/// Returns the day of an instant, in UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> String {
    let mut day = at.to_string();
    day.truncate("2026-11-21".len());
    day
}

impl UserDay {
    /// A day on which nothing is counted yet; `at` is an instant of it.
    pub(crate) fn begun(user_id: UserId, day: String, at: Timestamp) -> Self {
        Self {
            user_id,
            day,
            total: 0,
            actions: BTreeMap::new(),
            further: 0,
            first_seen: at,
            last_seen: at,
        }
    }

    /// Counts an activity.
    pub(crate) fn count(&mut self, action: &str, at: Timestamp) {
        self.total += 1;
        self.first_seen = self.first_seen.min(at);
        self.last_seen = self.last_seen.max(at);
        if let Some(times) = self.actions.get_mut(action) {
            *times += 1;
        } else if self.actions.len() < ACTIONS_MAX {
            self.actions.insert(action.to_owned(), 1);
        } else {
            self.further += 1;
        }
    }
}

impl Item for UserDay {
    const TABLE: &'static str = "user-activity";

    fn key(&self) -> Key {
        Key::from((self.user_id.as_str(), &self.day))
    }
}
