//! The functions of the catalogue: what each reads, publishes and touches.
//!
//! How a function decides is in its own crate; this is what infrastructure has to know of it.

use crate::{Deduplication, Event, EventSpec, events};

/// One function: a name, its mappings and its rights.
#[derive(Clone, Copy, Debug)]
pub struct FunctionSpec {
    /// Its name, which also scopes its stored keys; never changes.
    pub name: &'static str,
    /// The event types it reads, one mapping each.
    pub reads: &'static [&'static EventSpec],
    /// The requests it answers, behind an HTTP API or a function URL.
    pub http: &'static [HttpRoute],
    /// The tables whose streams trigger it, by their names in every deployment: with the new images of the items
    /// that were inserted, one mapping each.
    pub streams: &'static [&'static str],
    /// The seconds between the invocations of a schedule; none without one.
    pub schedule_seconds: Option<u32>,
    /// The event types it publishes, through the outbox.
    pub publishes: &'static [&'static EventSpec],
    /// How it recognises a record that it has already finished.
    pub dedup: Deduplication,
    /// The tables it touches, by their names in every deployment.
    pub tables: &'static [TableUse],
}

/// Requests that a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRoute {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path, with `{name}` for a segment that differs from request to request.
    pub path: &'static str,
}

/// A table that a function touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// The table.
    pub table: &'static str,
    /// What the function may do with it.
    pub access: Access,
}

/// What a function may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it only.
    Read,
    /// Write it only.
    Write,
    /// Read and write it.
    ReadWrite,
}

/// One mapping of a function: a mapping takes exactly one topic, and has a group of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The event type.
    pub event: &'static EventSpec,
    /// The consumer group, unique among mappings and without `:`, with which a group would have
    /// no lag metrics (esm-spec §8).
    pub group: String,
}

/// Every function, by name.
pub const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec {
        name: "order-created",
        reads: &[events::OrderCreated::SPEC],
        http: &[],
        streams: &[],
        schedule_seconds: None,
        publishes: &[
            events::NotificationRequested::SPEC,
            events::OrderStatusChanged::SPEC,
            events::StockUpdated::SPEC,
        ],
        dedup: Deduplication::EventId,
        tables: &[
            TableUse {
                table: "orders",
                access: Access::ReadWrite,
            },
            TableUse {
                table: "outbox",
                access: Access::Write,
            },
            TableUse {
                table: "products",
                access: Access::ReadWrite,
            },
            TableUse {
                table: "state",
                access: Access::ReadWrite,
            },
        ],
    },
    FunctionSpec {
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
            TableUse {
                table: "orders",
                access: Access::ReadWrite,
            },
            TableUse {
                table: "outbox",
                access: Access::Write,
            },
            TableUse {
                table: "state",
                access: Access::ReadWrite,
            },
        ],
    },
    FunctionSpec {
        name: "outbox-relay",
        reads: &[],
        http: &[],
        streams: &["outbox"],
        schedule_seconds: Some(60),
        // It carries what the others publish, to every topic.
        publishes: &[],
        dedup: Deduplication::EventId,
        tables: &[TableUse {
            table: "outbox",
            access: Access::ReadWrite,
        }],
    },
];

impl FunctionSpec {
    /// Returns the function's mappings: group `{function}.v1` for one topic, and
    /// `{function}.{event}.v1` each for several.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let group = |event: &EventSpec| match self.reads {
            [_] => format!("{}.v1", self.name),
            _ => format!("{}.{}.v1", self.name, event.event_type),
        };
        self.reads
            .iter()
            .map(|event| Subscription {
                event,
                group: group(event),
            })
            .collect()
    }
}

impl Access {
    /// Returns the stable name that the catalogue's document uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read_write",
        }
    }
}
