//! How duplicates are known and what a dead letter does is decided for each handler, never by default.
use event_schema::events::UserRegistered;
use processing::{Decide, Record, Rejection, Work};

struct Handler;

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";

    fn decide(&self, _: &Record<UserRegistered>, _: &mut Work<'_>) -> Result<(), Rejection> {
        Ok(())
    }
}

fn main() {}
