//! `coupon.issue-requested`: a user asks for one of a limited number of coupons.
//!
//! Who asked first is who stands first in the coupon's partition, not who says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CouponId, Deduplication, Event, EventSpec, SchemaVersion, Timestamp, UserId};

/// A user asks for a coupon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CouponIssueRequested {
    /// The coupon campaign.
    #[serde(alias = "couponId")]
    pub coupon_id: CouponId,
    /// Who asks.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// When the user asked, for the record only.
    #[serde(
        default,
        alias = "requestedAt",
        skip_serializing_if = "Option::is_none"
    )]
    pub requested_at: Option<Timestamp>,
}

impl Event for CouponIssueRequested {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "coupon.issue-requested",
        topic: "coupon.coupon.issue-requested",
        alias_topics: &["coupon-issue"],
        legacy_types: &["COUPON_ISSUE_REQUESTED", "COUPON_ISSUE"],
        key: "coupon_id",
        dedup: Deduplication::PositionAndNaturalKey,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(self.coupon_id.to_string())
    }
}
