//! Who gets a coupon: the first, as many as there are, one a user; and what each is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use coupon_issue::{Coupon, CouponIssueHandler, IssuedCoupon};
use event_schema::CouponId;
use event_schema::events::{NotificationKind, NotificationRequested};
use serde_json::{Value, json};
use testkit::{Rig, item_key};

type CouponRig = Rig<CouponIssueHandler>;

fn rig(quantity: u64) -> CouponRig {
    Rig::new(CouponIssueHandler).with(&Coupon {
        coupon_id: CouponId::new("c-1").unwrap(),
        quantity,
        issued: 0,
    })
}

fn request(user: u32) -> Value {
    json!({ "event_id": format!("e-{user}"), "coupon_id": "c-1", "user_id": format!("u-{user}"),
        "timestamp": "2026-11-21T10:15:30.123Z" })
}

fn under(event_id: &str, user: u32) -> Value {
    let mut request = request(user);
    *request.pointer_mut("/event_id").unwrap() = json!(event_id);
    request
}

fn issued(rig: &CouponRig) -> u64 {
    rig.item::<Coupon>("c-1").unwrap().issued
}

/// Who has the coupon, by number.
fn owners(rig: &CouponRig) -> Vec<(u64, String)> {
    let items = rig.items::<IssuedCoupon>().into_iter();
    let mut owners: Vec<_> = items
        .map(|item| (item.number, item.user_id.to_string()))
        .collect();
    owners.sort();
    owners
}

/// What was told, as user, kind and reason, sorted.
fn told(rig: &CouponRig) -> Vec<(String, NotificationKind, Option<String>)> {
    let published = rig.published::<NotificationRequested>().into_iter();
    let mut told: Vec<_> = published
        .map(|told| {
            assert_eq!(told.data.get("coupon_id"), Some("c-1"));
            let reason = told.data.get("reason").map(str::to_owned);
            (told.recipient.into_string(), told.kind, reason)
        })
        .collect();
    told.sort_by(|a, b| (&a.0, &a.2).cmp(&(&b.0, &b.2)));
    told
}

fn granted(user: u32) -> (String, NotificationKind, Option<String>) {
    (format!("u-{user}"), NotificationKind::CouponIssued, None)
}

fn refused(user: u32, reason: &str) -> (String, NotificationKind, Option<String>) {
    let kind = NotificationKind::CouponRefused;
    (format!("u-{user}"), kind, Some(reason.to_owned()))
}

#[tokio::test]
async fn the_first_get_the_coupons_and_the_next_one_is_told_that_there_are_none() {
    let rig = rig(2);
    rig.send([request(3), request(1), request(2)]).await;
    assert_eq!(owners(&rig), [(1, "u-3".to_owned()), (2, "u-1".to_owned())]);
    assert_eq!(issued(&rig), 2);
    let expected = [granted(1), refused(2, "sold_out"), granted(3)];
    assert_eq!(told(&rig), expected);
}

#[tokio::test]
async fn the_last_coupon_of_an_earlier_batch_is_gone_in_the_next() {
    let rig = rig(1);
    rig.send([request(1)]).await;
    rig.send([request(2)]).await;
    assert_eq!(owners(&rig), [(1, "u-1".to_owned())]);
    assert_eq!(told(&rig), [granted(1), refused(2, "sold_out")]);
}

#[tokio::test]
async fn a_user_gets_one_also_when_asking_twice_in_a_batch_or_later() {
    let rig = rig(5);
    rig.send([request(1), under("second", 1)]).await;
    rig.send([under("third", 1), request(2)]).await;
    assert_eq!(owners(&rig), [(1, "u-1".to_owned()), (2, "u-2".to_owned())]);
    assert_eq!(issued(&rig), 2, "a refusal takes none");
    let expected = [
        granted(1),
        refused(1, "already_issued"),
        refused(1, "already_issued"),
        granted(2),
    ];
    assert_eq!(told(&rig), expected);
}

#[tokio::test]
async fn who_has_one_is_told_so_also_when_there_are_none_left() {
    let rig = rig(1);
    rig.send([request(1), under("second", 1)]).await;
    assert_eq!(told(&rig), [granted(1), refused(1, "already_issued")]);
}

#[tokio::test]
async fn a_granted_request_that_its_producer_sends_twice_changes_and_tells_nothing() {
    for quantity in [1, 5] {
        let rig = rig(quantity);
        rig.send([request(1), request(1)]).await;
        let before = (rig.items::<IssuedCoupon>(), issued(&rig), told(&rig));
        assert_eq!((before.1, &before.2[..]), (1, &[granted(1)][..]));
        rig.send([request(1)]).await;
        assert_eq!(
            (rig.items::<IssuedCoupon>(), issued(&rig), told(&rig)),
            before
        );
        assert!(rig.codes().is_empty());
    }
}

#[tokio::test]
async fn a_refused_request_that_its_producer_sends_twice_is_decided_as_one_of_its_own() {
    let rig = rig(1);
    rig.send([request(1), request(2), request(2)]).await;
    assert_eq!(owners(&rig), [(1, "u-1".to_owned())]);
    let expected = [granted(1), refused(2, "sold_out"), refused(2, "sold_out")];
    assert_eq!(
        told(&rig),
        expected,
        "a refusal leaves nothing to know it by"
    );
    let more = json!({ "coupon_id": "c-1", "quantity": 2, "issued": 1 });
    rig.store.seed(item_key("coupons", "c-1", "-"), &more);
    rig.send([request(2), request(2), request(3)]).await;
    assert_eq!(owners(&rig), [(1, "u-1".to_owned()), (2, "u-2".to_owned())]);
}

#[tokio::test]
async fn requests_without_ids_are_requests_of_their_own() {
    let rig = rig(5);
    let old = json!({ "couponId": "c-1", "userId": 1, "timestamp": 1_795_256_131_000_i64 });
    let records: Vec<_> = (0..2)
        .map(|offset| {
            testkit::KafkaRecord::new("coupon.coupon.issue-requested", 0, offset).json(&old)
        })
        .collect();
    rig.run(&records).await;
    let stored = rig.item::<IssuedCoupon>(("c-1", "1")).unwrap();
    assert_eq!((stored.number, stored.event_id), (1, None));
    let kinds: Vec<_> = told(&rig).into_iter().map(|(_, kind, _)| kind).collect();
    let expected = [
        NotificationKind::CouponIssued,
        NotificationKind::CouponRefused,
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn an_issued_coupon_says_who_when_and_by_which_event() {
    let rig = rig(5);
    let mut asked = request(1);
    let at = "2026-11-21T10:15:29.000Z";
    asked
        .as_object_mut()
        .unwrap()
        .insert("requested_at".to_owned(), json!(at));
    rig.send([asked, request(2)]).await;
    let item = |user: &str| rig.item::<IssuedCoupon>(("c-1", user)).unwrap();
    let (first, second) = (item("u-1"), item("u-2"));
    assert_eq!(first.requested_at.to_string(), at);
    assert_eq!(first.event_id.unwrap().as_str(), "e-1");
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(
        second.requested_at.to_string(),
        "2026-11-21T10:15:30.123Z",
        "the event's time, where it says no other"
    );
    assert_eq!(second.issued_at, rig.now());
}

#[tokio::test]
async fn a_coupon_that_is_not_offered_is_a_dead_letter_and_leaves_the_rest() {
    let rig = rig(5);
    let mut unknown = request(1);
    *unknown.pointer_mut("/coupon_id").unwrap() = json!("c-404");
    rig.send([unknown, request(2)]).await;
    assert_eq!(rig.codes(), ["unknown_coupon"]);
    assert_eq!(owners(&rig), [(1, "u-2".to_owned())]);
    assert_eq!(told(&rig), [granted(2)]);
    assert_eq!(rig.item::<Coupon>("c-404"), None);
}

#[tokio::test]
async fn what_else_is_known_of_a_coupon_stays() {
    let rig = Rig::new(CouponIssueHandler);
    let offered = json!({ "coupon_id": "c-1", "quantity": 2, "title": "10 % off" });
    rig.store.seed(item_key("coupons", "c-1", "-"), &offered);
    rig.send([request(1)]).await;
    let stored = rig.store.item("coupons", "c-1", "-").unwrap().body;
    let mut expected = offered;
    expected
        .as_object_mut()
        .unwrap()
        .insert("issued".to_owned(), json!(1));
    assert_eq!(Value::Object(stored), expected);
}

#[tokio::test]
async fn a_quantity_that_is_lowered_below_what_is_issued_issues_no_more() {
    let rig = Rig::new(CouponIssueHandler).with(&Coupon {
        coupon_id: CouponId::new("c-1").unwrap(),
        quantity: 3,
        issued: 5,
    });
    rig.send([request(1)]).await;
    assert_eq!(told(&rig), [refused(1, "sold_out")]);
    assert_eq!(issued(&rig), 5);
}
