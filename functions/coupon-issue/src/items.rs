//! What `coupon-issue` stores: how many coupons are issued, and to whom.
//!
//! Who offers a coupon puts it into its table; what it is worth, and whether it was used, is not known here.

use event_schema::{CouponId, EventId, Timestamp, UserId};
use processing::{Item, Key};
use serde::{Deserialize, Serialize};

/// A coupon that is offered, keyed by its id. The function adds to `issued` only and leaves every other field,
/// known here or not, as whoever offers it has put it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    /// The coupon.
    pub coupon_id: CouponId,
    /// How many users may have it.
    pub quantity: u64,
    /// How many users have it; never above the quantity that it had when the last of them got it.
    #[serde(default)]
    pub issued: u64,
}

/// A coupon that a user has, keyed by coupon and user: there is one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCoupon {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Who has it.
    pub user_id: UserId,
    /// Which of the coupons, from 1.
    pub number: u64,
    /// The event that asked for it: the same one that comes again changes and tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// When the user asked.
    pub requested_at: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl Coupon {
    /// The number of the next coupon; none when all are issued.
    pub(crate) fn next_number(&self) -> Option<u64> {
        (self.issued < self.quantity).then_some(self.issued + 1)
    }
}

impl Item for Coupon {
    const TABLE: &'static str = "coupons";

    fn key(&self) -> Key {
        Key::from(self.coupon_id.as_str())
    }
}

impl Item for IssuedCoupon {
    const TABLE: &'static str = "issued-coupons";

    fn key(&self) -> Key {
        Key::from((self.coupon_id.as_str(), self.user_id.as_str()))
    }
}
