//! `error-logged`: errors that are one are counted as one, and critical ones told of.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::NotificationRequested::SPEC],
    tables: &[
        TableUse::read_write("error-groups"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "error-logged",
        &[events::ErrorLogged::SPEC],
        Deduplication::EventId,
    )
};
