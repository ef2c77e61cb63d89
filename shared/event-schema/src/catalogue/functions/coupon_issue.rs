//! `coupon-issue`: coupons, first come, first served.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    publishes: &[events::NotificationRequested::SPEC],
    tables: &[
        TableUse::read_write("coupons"),
        TableUse::read_write("issued-coupons"),
        TableUse::write("outbox"),
        TableUse::read_write("state"),
    ],
    ..FunctionSpec::reading(
        "coupon-issue",
        &[events::CouponIssueRequested::SPEC],
        Deduplication::PositionAndNaturalKey,
    )
};
