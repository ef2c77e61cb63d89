//! `balance-charged`: books each charge in its user's ledger, and keeps the balance that agrees with it.

mod handler;
mod items;
mod money;

pub use handler::BalanceChargedHandler;
pub use items::{Balance, Charge, LedgerEntry, Outcome};
pub use money::{BALANCE_MAX, PLACES_MAX};
