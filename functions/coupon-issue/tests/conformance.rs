//! The checks that every function passes, on this function's events.

use coupon_issue::CouponIssueHandler;
use serde_json::json;
use testkit::conformance::Suite;
use testkit::item_key;

#[tokio::test]
async fn coupon_issue_conforms() {
    let request = |event_id: &str, coupon: &str, user: &str| {
        json!({ "event_id": event_id, "event_type": "coupon.issue-requested",
            "timestamp": "2026-11-21T10:15:30.123Z", "coupon_id": coupon, "user_id": user })
    };
    Suite::new(|| CouponIssueHandler)
        .seed(
            item_key("coupons", "c-1", "-"),
            &json!({ "coupon_id": "c-1", "quantity": 2, "title": "10 % off" }),
        )
        .seed(
            item_key("coupons", "7", "-"),
            &json!({ "coupon_id": "7", "quantity": 1, "issued": 0 }),
        )
        .event(request("e-1", "c-1", "u-1"), "c-1")
        .event(request("e-2", "c-1", "u-1"), "c-1")
        .event(request("e-3", "c-1", "u-2"), "c-1")
        .event(request("e-4", "c-1", "u-3"), "c-1")
        .event(
            json!({ "eventId": "e-5", "eventType": "COUPON_ISSUE_REQUESTED", "couponId": 7,
                "timestamp": 1_795_256_131_000_i64, "userId": 4,
                "requestedAt": "2026-11-21T10:15:29.000Z" }),
            "7",
        )
        .poison(request("e-6", "c-404", "u-1"))
        .poison(json!({ "event_id": "e-7", "coupon_id": "c-1", "user_id": "" }))
        .volatile("issued_at")
        .run()
        .await;
}
