//! A handler decides in memory: it cannot wait for anything.
use event_schema::events::UserRegistered;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

struct Handler;

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    async fn decide(&self, _: &Record<UserRegistered>, _: &mut Work<'_>) -> Result<(), Rejection> {
        Ok(())
    }
}

fn main() {}
