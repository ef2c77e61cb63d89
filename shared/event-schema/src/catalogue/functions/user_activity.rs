//! `user-activity`: what each user does, by day.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[
        TableUse::read_write("state"),
        TableUse::read_write("user-activity"),
    ],
    // Many of its records make few writes.
    batch_records_max: 1_000,
    ..FunctionSpec::reading(
        "user-activity",
        &[events::UserActivityRecorded::SPEC],
        Deduplication::Position,
    )
};
