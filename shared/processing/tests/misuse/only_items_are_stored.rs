//! Only items, which name their table and key, can be stored.
use event_schema::events::UserRegistered;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

struct Handler;

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, _: &Record<UserRegistered>, work: &mut Work<'_>) -> Result<(), Rejection> {
        work.put(&String::from("no table, no key"));
        Ok(())
    }
}

fn main() {}
