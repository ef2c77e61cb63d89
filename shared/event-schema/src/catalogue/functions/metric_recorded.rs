//! `metric-recorded`: rollups by the minute, and alerts.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::NotificationRequested::SPEC],
    tables: &[
        TableUse::read_write("metric-rollups"),
        TableUse::read("metric-thresholds"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
    ],
    // Many of its records make few writes.
    batch_records_max: 1_000,
    ..FunctionSpec::reading(
        "metric-recorded",
        &[events::MetricRecorded::SPEC],
        Deduplication::Position,
    )
};
