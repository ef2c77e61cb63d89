//! `order-status-changed`: the timeline of orders.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[
        events::NotificationRequested::SPEC,
        events::OrderCompleted::SPEC,
        events::StockUpdated::SPEC,
    ],
    tables: &[
        TableUse::read_write("orders"),
        TableUse::write("outbox"),
        TableUse::read_write("payments"),
        TableUse::read_write("products"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "order-status-changed",
        &[events::OrderStatusChanged::SPEC],
        Deduplication::EventId,
    )
};
