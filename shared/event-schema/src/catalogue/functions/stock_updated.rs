//! `stock-updated`: the stock that others read.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::NotificationRequested::SPEC],
    tables: &[
        TableUse::write("outbox"),
        TableUse::read_write("state"),
        TableUse::read_write("stock"),
    ],
    ..FunctionSpec::reading(
        "stock-updated",
        &[events::StockUpdated::SPEC],
        Deduplication::EventId,
    )
};
