//! `ranking`: concerts by bookings and by how fast they are sold out.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[
        TableUse::write("daily-bookings"),
        TableUse::read_write("ranked-reservations"),
        TableUse::read_write("sell-outs"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "ranking",
        &[
            events::ReservationCreated::SPEC,
            events::ConcertSoldOut::SPEC,
        ],
        Deduplication::EventId,
    )
};
