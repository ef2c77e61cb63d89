//! `order-completed`: sales by hour, product and user.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[TableUse::read_write("sales"), TableUse::read_write("state")],
    ..FunctionSpec::reading(
        "order-completed",
        &[events::OrderCompleted::SPEC],
        Deduplication::EventId,
    )
};
