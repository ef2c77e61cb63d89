//! `outbox-relay`: publishes what the others put into the outbox.

use super::{FunctionSpec, TableUse};
use crate::Deduplication;

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    streams: &["outbox"],
    schedule_seconds: Some(60),
    // It carries what the others publish, to every topic.
    tables: &[TableUse::read_write("outbox")],
    ..FunctionSpec::reading("outbox-relay", &[], Deduplication::EventId)
};
