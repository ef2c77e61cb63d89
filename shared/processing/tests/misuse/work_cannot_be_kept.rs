//! A unit of work ends with its record: nothing of it can be kept for later.
use std::cell::RefCell;

use event_schema::events::UserRegistered;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

struct Handler;

thread_local! {
    static KEPT: RefCell<Option<&'static mut Work<'static>>> = const { RefCell::new(None) };
}

impl Decide for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, _: &Record<UserRegistered>, work: &mut Work<'_>) -> Result<(), Rejection> {
        KEPT.with_borrow_mut(|kept| *kept = Some(work));
        Ok(())
    }
}

fn main() {}
