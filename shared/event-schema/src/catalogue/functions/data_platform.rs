//! `data-platform`: totals, and every event whole.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[
        TableUse::read_write("raw-events"),
        TableUse::read_write("state"),
        TableUse::write("totals"),
    ],
    ..FunctionSpec::reading(
        "data-platform",
        &[
            events::OrderCompleted::SPEC,
            events::PaymentCompleted::SPEC,
            events::ReservationCreated::SPEC,
            events::ConcertSoldOut::SPEC,
        ],
        Deduplication::EventId,
    )
};
