//! Decides what an activity does: the user's day counts it.
//!
//! It tells nobody; what follows from activities is for whoever reads the counters.

use event_schema::events::UserActivityRecorded;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::{UserDay, day_of};

/// Handles `user.activity-recorded`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserActivityHandler;

impl Decide for UserActivityHandler {
    type Event = UserActivityRecorded;
    const NAME: &'static str = "user-activity";
    const DEDUP: Dedup = Dedup::Position;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<UserActivityRecorded>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let activity = &record.event;
        let day = day_of(record.timestamp);
        let stored = work.get::<UserDay>((activity.user_id.as_str(), &day))?;
        let mut user_day = stored
            .unwrap_or_else(|| UserDay::begun(activity.user_id.clone(), day, record.timestamp));
        user_day.count(&activity.action, record.timestamp);
        work.put(&user_day);
        Ok(())
    }
}
