//! `user-registered`: profiles, and the welcome.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::NotificationRequested::SPEC],
    tables: &[
        TableUse::write("outbox"),
        TableUse::read_write("state"),
        TableUse::read_write("users"),
    ],
    ..FunctionSpec::reading(
        "user-registered",
        &[events::UserRegistered::SPEC],
        Deduplication::EventId,
    )
};
