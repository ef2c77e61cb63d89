//! `orders-api`: takes orders over HTTP, and tells what became of them.

use super::{FunctionSpec, HttpRoute, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    name: "orders-api",
    reads: &[],
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
    streams: &[],
    schedule_seconds: None,
    publishes: &[events::OrderCreated::SPEC],
    dedup: Deduplication::IdempotencyKey,
    tables: &[
        TableUse::read_write("orders"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
    ],
};
