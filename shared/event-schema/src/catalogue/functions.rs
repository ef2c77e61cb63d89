//! The functions of the catalogue: what each reads, publishes and touches.
//!
//! How a function decides is in its own crate; this is what infrastructure has to know of it.

use std::collections::BTreeSet;

use crate::{Deduplication, EventSpec};

/// The memory of a function, in megabytes, unless it says otherwise.
const MEMORY_MB: u32 = 512;
/// How long one invocation may take, in seconds, unless its function says otherwise.
const TIMEOUT_SECONDS: u32 = 60;
/// The most records of one invocation, unless its function says otherwise; AWS's own default (esm-spec §1.3).
const BATCH_RECORDS_MAX: u32 = 100;
/// How long a batch waits for more records, in seconds, unless its function says otherwise.
const BATCHING_WINDOW_SECONDS: u32 = 1;

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
    /// Whether it sends mail.
    pub sends_mail: bool,
    /// Its memory, in megabytes.
    pub memory_mb: u32,
    /// How long one invocation may take, in seconds.
    pub timeout_seconds: u32,
    /// `BatchSize` of its mappings: the most records of one invocation.
    pub batch_records_max: u32,
    /// `MaximumBatchingWindowInSeconds` of its mappings: how long a batch waits for more records.
    pub batching_window_seconds: u32,
}

impl FunctionSpec {
    /// A function that reads events and does nothing yet; each says what is different of it.
    #[must_use]
    pub const fn reading(
        name: &'static str,
        reads: &'static [&'static EventSpec],
        dedup: Deduplication,
    ) -> Self {
        Self {
            name,
            reads,
            http: &[],
            streams: &[],
            schedule_seconds: None,
            publishes: &[],
            dedup,
            tables: &[],
            sends_mail: false,
            memory_mb: MEMORY_MB,
            timeout_seconds: TIMEOUT_SECONDS,
            batch_records_max: BATCH_RECORDS_MAX,
            batching_window_seconds: BATCHING_WINDOW_SECONDS,
        }
    }
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

mod balance_charged;
mod concert_sold_out;
mod coupon_issue;
mod data_platform;
mod error_logged;
mod metric_recorded;
mod notification;
mod order_completed;
mod order_created;
mod order_status_changed;
mod orders_api;
mod outbox_relay;
mod payment_completed;
mod payment_failed;
mod product_stock_changed;
mod ranking;
mod reservation_created;
mod stock_updated;
mod user_activity;
mod user_registered;

/// Every function, by name.
pub const FUNCTIONS: &[FunctionSpec] = &[
    balance_charged::SPEC,
    concert_sold_out::SPEC,
    coupon_issue::SPEC,
    data_platform::SPEC,
    error_logged::SPEC,
    metric_recorded::SPEC,
    notification::SPEC,
    order_completed::SPEC,
    order_created::SPEC,
    order_status_changed::SPEC,
    orders_api::SPEC,
    outbox_relay::SPEC,
    payment_completed::SPEC,
    payment_failed::SPEC,
    product_stock_changed::SPEC,
    ranking::SPEC,
    reservation_created::SPEC,
    stock_updated::SPEC,
    user_activity::SPEC,
    user_registered::SPEC,
];

/// Returns every table that a function touches, by name.
#[must_use]
pub fn tables() -> Vec<&'static str> {
    let used = FUNCTIONS.iter().flat_map(|function| function.tables);
    let names: BTreeSet<_> = used.map(|used| used.table).collect();
    names.into_iter().collect()
}

impl TableUse {
    /// Says that a table is read only.
    pub(crate) const fn read(table: &'static str) -> Self {
        Self {
            table,
            access: Access::Read,
        }
    }

    /// Says that a table is written only.
    pub(crate) const fn write(table: &'static str) -> Self {
        Self {
            table,
            access: Access::Write,
        }
    }

    /// Says that a table is read and written.
    pub(crate) const fn read_write(table: &'static str) -> Self {
        Self {
            table,
            access: Access::ReadWrite,
        }
    }
}

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
