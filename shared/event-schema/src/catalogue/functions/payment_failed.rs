//! `payment-failed`: what was to be paid is released.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[
        events::NotificationRequested::SPEC,
        events::OrderStatusChanged::SPEC,
        events::StockUpdated::SPEC,
    ],
    tables: &[
        TableUse::read_write("concerts"),
        TableUse::read_write("orders"),
        TableUse::write("outbox"),
        TableUse::read_write("payments"),
        TableUse::read_write("products"),
        TableUse::read_write("reservations"),
        TableUse::read_write("seats"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "payment-failed",
        &[events::PaymentFailed::SPEC],
        Deduplication::EventId,
    )
};
