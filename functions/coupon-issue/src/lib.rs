//! `coupon-issue`: issues a coupon to each user who asks in time, first come, first served.

mod handler;
mod items;

pub use handler::CouponIssueHandler;
pub use items::{Coupon, IssuedCoupon};
