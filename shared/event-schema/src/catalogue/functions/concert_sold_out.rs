//! `concert-sold-out`: a concert is closed, and who waits is told.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[
        events::ConcertSoldOut::SPEC,
        events::NotificationRequested::SPEC,
    ],
    tables: &[
        TableUse::read_write("concerts"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
        TableUse::read("waiting"),
    ],
    ..FunctionSpec::reading(
        "concert-sold-out",
        &[events::ConcertSoldOut::SPEC],
        Deduplication::EventId,
    )
};
