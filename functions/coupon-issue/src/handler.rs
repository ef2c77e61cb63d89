//! Decides who gets a coupon: who stands first in its partition, as long as there are any, and one a user.
//!
//! Whether a coupon may be used, and for what, is not its business.

use event_schema::Recipient;
use event_schema::events::{
    CouponIssueRequested, NotificationChannel, NotificationKind, NotificationRequested,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::{Coupon, IssuedCoupon};

/// Why a request is refused, as the user is told: all coupons are issued.
const SOLD_OUT: &str = "sold_out";
/// Why a request is refused, as the user is told: the user has one.
const ALREADY_ISSUED: &str = "already_issued";

/// Handles `coupon.issue-requested`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CouponIssueHandler;

impl Decide for CouponIssueHandler {
    type Event = CouponIssueRequested;
    const NAME: &'static str = "coupon-issue";
    const DEDUP: Dedup = Dedup::Position;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<CouponIssueRequested>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let request = &record.event;
        // Both are asked for before either is missed: one round loads them. The decision rests on the coupon's
        // version, which every issue raises, so that the user's own item need not be checked as well.
        let coupon = work.get::<Coupon>(request.coupon_id.as_str());
        let issued =
            work.peek::<IssuedCoupon>((request.coupon_id.as_str(), request.user_id.as_str()));
        let (coupon, issued) = (coupon?, issued?);
        let coupon = coupon
            .ok_or_else(|| Rejection::permanent("unknown_coupon", "no such coupon is offered"))?;
        match (issued, coupon.next_number()) {
            // The request that was granted, sent again.
            (Some(issued), _)
                if issued.event_id.is_some() && issued.event_id == record.event_id =>
            {
                Ok(())
            }
            (Some(_), _) => refuse(request, ALREADY_ISSUED, work),
            (None, None) => refuse(request, SOLD_OUT, work),
            (None, Some(number)) => issue(record, number, work),
        }
    }
}

fn issue(
    record: &Record<CouponIssueRequested>,
    number: u64,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let request = &record.event;
    // An addition leaves the coupon's other fields alone; that it rests on the version keeps the bound.
    work.add::<Coupon>(request.coupon_id.as_str(), "issued", 1);
    work.put(&IssuedCoupon {
        coupon_id: request.coupon_id.clone(),
        user_id: request.user_id.clone(),
        number,
        event_id: record.event_id.clone(),
        requested_at: request.requested_at.unwrap_or(record.timestamp),
        issued_at: work.now(),
    });
    notify(request, NotificationKind::CouponIssued, None, work)
}

fn refuse(
    request: &CouponIssueRequested,
    reason: &str,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    notify(request, NotificationKind::CouponRefused, Some(reason), work)
}

fn notify(
    request: &CouponIssueRequested,
    kind: NotificationKind,
    reason: Option<&str>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let recipient = Recipient::new(request.user_id.as_str()).map_err(|error| {
        Rejection::permanent("invalid_recipient", "the user id is no recipient").caused_by(error)
    })?;
    let coupon = [("coupon_id", request.coupon_id.as_str())];
    let reason = reason.map(|reason| ("reason", reason));
    work.publish(NotificationRequested {
        recipient,
        kind,
        channel: NotificationChannel::default(),
        locale: None,
        data: coupon.into_iter().chain(reason).collect(),
    });
    Ok(())
}
