//! `outbox-relay`: publishes what the others put into the outbox.

use super::{FunctionSpec, TableUse};
use crate::Deduplication;

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    name: "outbox-relay",
    reads: &[],
    http: &[],
    streams: &["outbox"],
    schedule_seconds: Some(60),
    // It carries what the others publish, to every topic.
    publishes: &[],
    dedup: Deduplication::EventId,
    tables: &[TableUse::read_write("outbox")],
};
