//! Who users are: their addresses and languages, as `user-registered` stores them.
//!
//! It reads a profile with each attempt, so that a delivery that is put back finds the address that is known by
//! then.

use event_schema::{Personal, Recipient};
use processing::{Item, ItemKey, Key, Rejection, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is read of a user's profile, keyed by the user's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The user.
    pub user_id: String,
    /// Where mail reaches the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// The user's language, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl Item for Profile {
    const TABLE: &'static str = "users";

    fn key(&self) -> Key {
        Key::from(&self.user_id)
    }
}

/// Profiles in a store.
#[derive(Clone, Debug)]
pub struct Directory<S>(S);

impl<S: Store> Directory<S> {
    /// Reads profiles from this store.
    pub fn new(store: S) -> Self {
        Self(store)
    }

    /// Returns the profile of a recipient that is a user who is known.
    pub(crate) async fn profile(
        &self,
        recipient: &Recipient,
    ) -> Result<Option<Profile>, Rejection> {
        if recipient.as_str().contains('@') {
            return Ok(None);
        }
        let key = ItemKey::of::<Profile>(recipient.as_str())?;
        let found = self.0.load(&[key]).await.map_err(|error| {
            Rejection::transient("profile_unavailable", "the profile could not be read")
                .caused_by(error)
        })?;
        let Some(stored) = found.into_iter().flatten().next() else {
            return Ok(None);
        };
        let profile = serde_json::from_value(Value::Object(stored.body));
        profile.map(Some).map_err(|_values_are_private| {
            Rejection::permanent(
                "profile_unreadable",
                "the profile has not the expected fields",
            )
        })
    }
}
