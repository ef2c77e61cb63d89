//! What a rush costs in calls and writes: counted, because it is what first come, first served is for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use coupon_issue::{Coupon, CouponIssueHandler, IssuedCoupon};
use event_schema::CouponId;
use event_schema::events::{NotificationKind, NotificationRequested};
use serde_json::json;
use testkit::{KafkaRecord, Rig};

const TOPIC: &str = "coupon.coupon.issue-requested";

fn rig(quantity: u64) -> Rig<CouponIssueHandler> {
    Rig::new(CouponIssueHandler).with(&Coupon {
        coupon_id: CouponId::new("c-1").unwrap(),
        quantity,
        issued: 0,
    })
}

/// How often it was changed since it was put there.
fn writes_of_the_coupon(rig: &Rig<CouponIssueHandler>) -> u64 {
    rig.store.item("coupons", "c-1", "-").unwrap().version - 1
}

/// Requests of as many users, in one partition.
fn requests(count: i64) -> Vec<KafkaRecord> {
    let request = |n: i64| {
        KafkaRecord::new(TOPIC, 0, n).key("c-1").json(&json!({
            "event_id": format!("e-{n}"), "coupon_id": "c-1", "user_id": format!("u-{n}"),
            "timestamp": "2026-11-21T10:15:30.123Z",
        }))
    };
    (0..count).map(request).collect()
}

#[tokio::test]
async fn a_thousand_requests_for_three_hundred_coupons_give_the_first_three_hundred() {
    let rig = rig(300);
    let effort = rig.run(&requests(1_000)).await.effort;
    let mut users: Vec<_> = (rig.items::<IssuedCoupon>().into_iter())
        .map(|item| (item.number, item.user_id.to_string()))
        .collect();
    users.sort();
    let first: Vec<_> = (0..300).map(|n| (n + 1, format!("u-{n}"))).collect();
    assert_eq!(users, first);
    assert_eq!(rig.item::<Coupon>("c-1").unwrap().issued, 300);
    let told = rig.published::<NotificationRequested>();
    let count = |kind| told.iter().filter(|told| told.kind == kind).count();
    assert_eq!(
        (
            count(NotificationKind::CouponIssued),
            count(NotificationKind::CouponRefused)
        ),
        (300, 700)
    );
    // 300 grants take four transactions; the refusals, which leave no items, fit into the last of them.
    let commits = effort.commit_calls;
    assert_eq!(commits, 4, "300 grants at 94 a commit");
    assert_eq!(
        writes_of_the_coupon(&rig),
        4,
        "the hot coupon is written once a commit"
    );
    // A thousand users' items by the hundred, the fence, and the coupon.
    assert!(effort.load_calls <= 13, "{} loads", effort.load_calls);
    let again = rig.run(&requests(1_000)).await.effort;
    assert_eq!(
        again.commit_calls, 0,
        "a batch that comes again writes nothing"
    );
}

#[tokio::test]
async fn ninety_requests_and_more_fit_one_commit() {
    // Of a hundred actions, one is the coupon, one the partition's fence, and four are outbox rows: one for each
    // lane of the notifications, which are spread by user.
    for (count, commits) in [(90, 1), (94, 1), (95, 2)] {
        let rig = rig(1_000);
        let effort = rig.run(&requests(count)).await.effort;
        assert_eq!(effort.commit_calls, commits, "{count} requests");
        assert_eq!(
            rig.items::<IssuedCoupon>().len(),
            usize::try_from(count).unwrap()
        );
        let lanes = rig.store.table("outbox").len();
        assert!((4..=5).contains(&lanes), "{lanes} rows");
    }
}

#[tokio::test]
async fn a_batch_of_refusals_does_not_write_the_coupon() {
    let rig = rig(0);
    let effort = rig.run(&requests(1_000)).await.effort;
    let told = rig.published::<NotificationRequested>();
    assert_eq!((told.len(), effort.commit_calls), (1_000, 1));
    assert_eq!(writes_of_the_coupon(&rig), 0, "only looked at");
    assert!(rig.items::<IssuedCoupon>().is_empty());
}
