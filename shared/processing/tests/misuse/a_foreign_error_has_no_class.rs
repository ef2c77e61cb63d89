//! A foreign error has to be classified: `?` does not guess whether trying again can help.
use event_schema::events::UserRegistered;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

struct Handler;

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, _: &Record<UserRegistered>, _: &mut Work<'_>) -> Result<(), Rejection> {
        let _text = std::str::from_utf8(b"text")?;
        Ok(())
    }
}

fn main() {}
