//! `orders-api`: takes orders over HTTP, and tells what became of them.

use super::{FunctionSpec, HttpRoute, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    http: &[
        HttpRoute {
            method: "POST",
            path: "/orders",
        },
        HttpRoute {
            method: "GET",
            path: "/orders/{id}",
        },
        HttpRoute {
            method: "GET",
            path: "/health",
        },
    ],
    publishes: &[events::OrderCreated::SPEC],
    tables: &[
        TableUse::read_write("orders"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
    ],
    timeout_seconds: 15,
    ..FunctionSpec::reading("orders-api", &[], Deduplication::IdempotencyKey)
};
