//! A function of one file, as short as a function can be: it adds each charge to a balance.
//!
//! It exists for the tests of `run_decide`.

use aws_adapters::{RunError, run_decide};
use event_schema::events::BalanceCharged;
use processing::{Decide, Dedup, Item, Key, OnPoison, Record, Rejection, Work};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Balance {
    user_id: String,
}

impl Item for Balance {
    const TABLE: &'static str = "orders";

    fn key(&self) -> Key {
        Key::from(&self.user_id)
    }
}

struct Ledger;

impl Decide for Ledger {
    type Event = BalanceCharged;
    const NAME: &'static str = "ledger";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<BalanceCharged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let BalanceCharged {
            user_id, amount, ..
        } = &record.event;
        work.add::<Balance>(user_id.as_str(), "balance", *amount);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(Ledger).await
}
