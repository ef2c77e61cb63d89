//! What `balance-charged` stores: a balance for each user, an entry of the ledger for each decided charge, and
//! which charges were decided.
//!
//! Amounts are exact decimal numbers; the currency is not known here.

use event_schema::events::{BalanceCharged, PaymentMethod};
use event_schema::{ChargeId, EventId, Timestamp, UserId};
use processing::{Item, Key, Record};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What a user has, keyed by the user's id. It is the sum of the amounts of the user's applied entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The user.
    pub user_id: UserId,
    /// The money; never negative.
    pub balance: Decimal,
    /// How many entries the user's ledger has.
    pub entries: u64,
    /// When the last of them was decided.
    pub updated_at: Timestamp,
}

/// One decided charge, keyed by its user and by where its record lies: in the order in which charges were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The user.
    pub user_id: UserId,
    /// The sort key.
    pub position: String,
    /// Which of the user's entries it is, from 1: the order in which they were decided.
    pub number: u64,
    /// The event that told of the charge.
    pub event_id: Option<EventId>,
    /// The charge, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<ChargeId>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethod>,
    /// What was to be added; what was to be taken is negative.
    pub amount: Decimal,
    /// Whether it was.
    pub outcome: Outcome,
    /// The balance behind it.
    pub balance: Decimal,
    /// When the money was charged.
    pub charged_at: Timestamp,
}

/// What became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is part of the balance.
    Applied,
    /// It asked for more than there was, and changed nothing.
    InsufficientFunds,
}

/// That a charge was decided, keyed by its user and its id: it is booked once, whichever events tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The user.
    pub user_id: UserId,
    /// The charge.
    pub charge_id: ChargeId,
    /// Its amount.
    pub amount: Decimal,
    /// The sort key of its entry in the ledger.
    pub position: String,
}

/// Names where a charge's record lies, so that the names of a partition sort as its records. The event's id
/// tells records of a topic that was made again apart.
pub(crate) fn position_of(record: &Record<BalanceCharged>) -> String {
    let at = &record.position;
    let event_id = record.event_id.as_ref().map_or("-", EventId::as_str);
    format!(
        "{}#{:010}#{:020}#{event_id}",
        at.topic, at.partition, at.offset
    )
}

impl Balance {
    /// The balance of a user who was never charged.
    pub(crate) fn none_yet(user_id: UserId, now: Timestamp) -> Self {
        Self {
            user_id,
            balance: Decimal::ZERO,
            entries: 0,
            updated_at: now,
        }
    }
}

impl Item for Balance {
    const TABLE: &'static str = "balances";

    fn key(&self) -> Key {
        Key::from(self.user_id.as_str())
    }
}

impl Item for LedgerEntry {
    const TABLE: &'static str = "ledger";

    fn key(&self) -> Key {
        Key::from((self.user_id.as_str(), &self.position))
    }
}

impl Item for Charge {
    const TABLE: &'static str = "charges";

    fn key(&self) -> Key {
        Key::from((self.user_id.as_str(), self.charge_id.as_str()))
    }
}
