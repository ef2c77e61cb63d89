//! `product-stock-changed`: stock as the catalogue side changes it.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::StockUpdated::SPEC],
    tables: &[
        TableUse::write("outbox"),
        TableUse::read_write("products"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "product-stock-changed",
        &[events::ProductStockChanged::SPEC],
        Deduplication::EventId,
    )
};
