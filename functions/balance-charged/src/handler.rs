//! Decides what a charge does: its user's ledger gets an entry, and the balance follows if there is enough.
//!
//! Why a user is charged, and whether goods are owed for it, is not its business.

use event_schema::events::BalanceCharged;
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use rust_decimal::Decimal;

use crate::items::{Balance, Charge, LedgerEntry, Outcome, position_of};
use crate::money::{bookable, charged};

/// Handles `balance.charged`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BalanceChargedHandler;

impl Decide for BalanceChargedHandler {
    type Event = BalanceCharged;
    const NAME: &'static str = "balance-charged";
    const DEDUP: Dedup = Dedup::EventId;
    // What cannot be read may be the money that a later charge takes: later charges wait until it is resolved.
    const ON_POISON: OnPoison = OnPoison::ParkKey;

    fn decide(
        &self,
        record: &Record<BalanceCharged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let charge = &record.event;
        let amount = bookable(charge.amount)?;
        let position = position_of(record);
        // All are asked for before any is missed: one round loads them.
        let known = known_charge(charge, work);
        let entry = work.get::<LedgerEntry>((charge.user_id.as_str(), &position));
        let balance = work.get::<Balance>(charge.user_id.as_str());
        let (known, entry, balance) = (known?, entry?, balance?);
        if let Some(known) = known {
            return same_again(&known, amount);
        }
        if entry.is_some() {
            // Its mark is gone, which is kept for days; its entry is kept for good.
            return Ok(());
        }
        let balance =
            balance.unwrap_or_else(|| Balance::none_yet(charge.user_id.clone(), work.now()));
        book(record, position, amount, balance, work)
    }
}

fn known_charge(charge: &BalanceCharged, work: &mut Work<'_>) -> Result<Option<Charge>, Rejection> {
    match &charge.charge_id {
        Some(charge_id) => work.get::<Charge>((charge.user_id.as_str(), charge_id.as_str())),
        None => Ok(None),
    }
}

/// A charge that another event told of before is decided; it cannot be another amount now.
fn same_again(known: &Charge, amount: Decimal) -> Result<(), Rejection> {
    if known.amount == amount {
        return Ok(());
    }
    Err(Rejection::permanent(
        "charge_differs",
        "the charge was decided before, with another amount",
    ))
}

fn book(
    record: &Record<BalanceCharged>,
    position: String,
    amount: Decimal,
    mut balance: Balance,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let charge = &record.event;
    let after = charged(balance.balance, amount)?;
    let outcome = if amount < Decimal::ZERO && after < Decimal::ZERO {
        Outcome::InsufficientFunds
    } else {
        balance.balance = after;
        Outcome::Applied
    };
    balance.entries += 1;
    balance.updated_at = work.now();
    if let Some(charge_id) = &charge.charge_id {
        work.put(&Charge {
            user_id: charge.user_id.clone(),
            charge_id: charge_id.clone(),
            amount,
            position: position.clone(),
        });
    }
    work.put(&LedgerEntry {
        user_id: charge.user_id.clone(),
        position,
        number: balance.entries,
        event_id: record.event_id.clone(),
        charge_id: charge.charge_id.clone(),
        method: charge.method.clone(),
        amount,
        outcome,
        balance: balance.balance,
        charged_at: record.timestamp,
    });
    work.put(&balance);
    Ok(())
}
