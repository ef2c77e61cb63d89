//! Charges, and what became of them, for the tests of the rules.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use balance_charged::{Balance, BalanceChargedHandler, LedgerEntry, Outcome};
use serde_json::{Value, json};
use testkit::Rig;

/// A charge without a name.
pub(crate) fn charge(user: &str, amount: &str) -> Value {
    json!({ "user_id": user, "amount": amount, "timestamp": "2026-11-21T10:15:30.123Z" })
}

/// A charge with a name.
pub(crate) fn named(user: &str, charge_id: &str, amount: &str) -> Value {
    let mut value = charge(user, amount);
    let fields = value.as_object_mut().unwrap();
    fields.insert("charge_id".to_owned(), json!(charge_id));
    value
}

/// A user's balance, as text.
#[track_caller]
pub(crate) fn balance(rig: &Rig<BalanceChargedHandler>, user: &str) -> String {
    rig.item::<Balance>(user).unwrap().balance.to_string()
}

/// A user's entries, in the order of the table.
pub(crate) fn entries(rig: &Rig<BalanceChargedHandler>, user: &str) -> Vec<LedgerEntry> {
    let mut entries = rig.items::<LedgerEntry>();
    entries.retain(|entry| entry.user_id.as_str() == user);
    entries
}

/// The amounts of a user's entries with an outcome, in order.
pub(crate) fn amounts(
    rig: &Rig<BalanceChargedHandler>,
    user: &str,
    outcome: Outcome,
) -> Vec<String> {
    let entries = entries(rig, user).into_iter();
    entries
        .filter(|entry| entry.outcome == outcome)
        .map(|entry| entry.amount.to_string())
        .collect()
}
