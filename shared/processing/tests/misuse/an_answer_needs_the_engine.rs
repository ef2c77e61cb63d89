//! A handler cannot answer for its batch: only the engine makes an outcome.
use event_schema::events::UserRegistered;
use processing::{Deliver, Attempt, Answer, Record, Rejection};

struct Handler;

impl Deliver for Handler {
    type Event = UserRegistered;
    const NAME: &'static str = "user-registered";

    async fn deliver(&self, _: &Record<UserRegistered>, _: &Attempt) -> Result<Answer, Rejection> {
        Ok(Answer::Respond(Default::default()))
    }
}

fn main() {}
