//! A function that keeps a history for each user: which charges took effect, at which offsets, in which order.
//!
//! It exists for the kill test. What it stores shows order, and what it refuses depends on order: a charge that
//! would make the balance negative is a dead letter (`overdrawn`). `HISTORY_DEDUP=position` has it go by positions.

use aws_adapters::{RunError, run_decide};
use event_schema::events::BalanceCharged;
use processing::{Decide, Dedup, Item, Key, OnPoison, Record, Rejection, Work};
use serde::{Deserialize, Serialize};

/// A user's history.
#[derive(Serialize, Deserialize)]
struct History {
    user_id: String,
    balance: i64,
    /// Offset, amount and the balance after it, of each charge that took effect.
    entries: Vec<[i64; 3]>,
}

impl Item for History {
    const TABLE: &'static str = "histories";

    fn key(&self) -> Key {
        Key::from(&self.user_id)
    }
}

struct Keeper<const BY_POSITION: bool>;

impl<const BY_POSITION: bool> Decide for Keeper<BY_POSITION> {
    type Event = BalanceCharged;
    const NAME: &'static str = "history";
    const DEDUP: Dedup = if BY_POSITION {
        Dedup::Position
    } else {
        Dedup::EventId
    };
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<BalanceCharged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let BalanceCharged {
            user_id, amount, ..
        } = &record.event;
        let amount = i64::try_from(*amount).map_err(|error| {
            Rejection::permanent("not_whole", "the amount is no whole number").caused_by(error)
        })?;
        let known = work.get::<History>(user_id.as_str())?;
        let mut history = known.unwrap_or_else(|| History {
            user_id: user_id.to_string(),
            balance: 0,
            entries: Vec::new(),
        });
        history.balance += amount;
        if history.balance < 0 {
            let message = "the balance would be negative";
            return Err(Rejection::permanent("overdrawn", message));
        }
        let entry = [record.position.offset, amount, history.balance];
        history.entries.push(entry);
        work.put(&history);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    if std::env::var("HISTORY_DEDUP").is_ok_and(|dedup| dedup == "position") {
        run_decide(Keeper::<true>).await
    } else {
        run_decide(Keeper::<false>).await
    }
}
