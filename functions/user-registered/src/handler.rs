//! Decides what a registration does: the user has a profile then, and is welcomed once.
//!
//! How the user is reached, and in which words, is found when the welcome is delivered.

use event_schema::Recipient;
use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, UserRegistered,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::Profile;

/// Handles `user.registered`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserRegisteredHandler;

impl Decide for UserRegisteredHandler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<UserRegistered>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let told = Profile::of(record);
        match work.get::<Profile>(told.user_id.as_str())? {
            None => {
                work.put(&told);
                welcome(told, work)
            }
            // Nobody registers twice: another event of it completes the profile, and changes nothing in it.
            Some(known) => {
                let completed = known.clone().completed_by(told);
                if completed != known {
                    work.put(&completed);
                }
                Ok(())
            }
        }
    }
}

/// Names the user and the language only: nothing personal leaves the profile.
fn welcome(profile: Profile, work: &mut Work<'_>) -> Result<(), Rejection> {
    let recipient = Recipient::new(profile.user_id.as_str()).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::Welcome,
        channel: NotificationChannel::default(),
        locale: profile.locale,
        data: [("user_id", profile.user_id.as_str())]
            .into_iter()
            .collect(),
    });
    Ok(())
}
