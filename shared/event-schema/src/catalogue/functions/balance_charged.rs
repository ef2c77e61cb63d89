//! `balance-charged`: the ledger and the balance of each user.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[
        TableUse::read_write("balances"),
        TableUse::read_write("charges"),
        TableUse::read_write("ledger"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "balance-charged",
        &[events::BalanceCharged::SPEC],
        Deduplication::EventId,
    )
};
