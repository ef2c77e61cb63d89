//! `reservation-created`: a seat is held, or the reservation refused.

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
        TableUse::read_write("payments"),
        TableUse::read_write("reservations"),
        TableUse::read_write("seats"),
        TableUse::read_write("state"),
        TableUse::read_write("waiting"),
    ],
    ..FunctionSpec::reading(
        "reservation-created",
        &[events::ReservationCreated::SPEC],
        Deduplication::EventId,
    )
};
