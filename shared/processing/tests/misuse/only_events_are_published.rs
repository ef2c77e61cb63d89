//! Only events of the catalogue can be published.
use event_schema::events::UserRegistered;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

struct Handler;

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, _: &Record<UserRegistered>, work: &mut Work<'_>) -> Result<(), Rejection> {
        work.publish(String::from("not in the catalogue"));
        Ok(())
    }
}

fn main() {}
