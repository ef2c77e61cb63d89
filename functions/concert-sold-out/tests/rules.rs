//! What the end of a concert's seats does: it is closed once, and who waits is told once.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use concert_sold_out::ConcertSoldOutHandler;
use event_schema::events::{ConcertSoldOut, NotificationRequested};
use serde_json::{Value, json};
use tables::Concert;
use testkit::{Rig, item_key};

const AT: &str = "2026-11-21T10:15:30.123Z";
const EARLIER: &str = "2026-11-21T10:15:00.000Z";

/// A concert with these fields, and users who wait for it.
fn hall(concert: &Value, users: &[&str]) -> Rig<ConcertSoldOutHandler> {
    let rig = Rig::new(ConcertSoldOutHandler);
    let mut item = concert.clone();
    item["concert_id"] = json!("c-1");
    rig.store.seed(item_key("concerts", "c-1", "-"), &item);
    for user in users {
        wait(&rig, "c-1", user, false);
    }
    rig
}

fn wait(rig: &Rig<ConcertSoldOutHandler>, concert: &str, user: &str, knows: bool) {
    let waiting = json!({ "concert_id": concert, "user_id": user, "reservation_id": "r-1",
        "since": EARLIER, "knows": knows });
    rig.store.seed(item_key("waiting", concert, user), &waiting);
}

fn sold_out() -> Value {
    json!({ "timestamp": AT, "concert_id": "c-1" })
}

/// Sends the first continuation, which the concert's closing has published.
async fn go_on(rig: &Rig<ConcertSoldOutHandler>) {
    let [continuation] = &rig.published::<ConcertSoldOut>()[..] else {
        panic!("one continuation")
    };
    rig.send([serde_json::to_value(continuation).unwrap()])
        .await;
}

fn concert(rig: &Rig<ConcertSoldOutHandler>) -> Concert {
    rig.item("c-1").unwrap()
}

fn told(rig: &Rig<ConcertSoldOutHandler>) -> Vec<String> {
    let requests = rig.published::<NotificationRequested>().into_iter();
    let mut told: Vec<_> = requests
        .map(|request| {
            assert_eq!(request.kind.as_str(), "concert_sold_out");
            assert_eq!(request.data.get("concert_id"), Some("c-1"));
            request.recipient.as_str().to_owned()
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_concert_is_closed_before_anybody_is_told() {
    let rig = hall(
        &json!({ "available": 0, "sold_out_at": EARLIER }),
        &["u-1", "u-2"],
    );
    rig.send([sold_out()]).await;
    let closed = concert(&rig);
    assert_eq!(closed.closed_at, AT.parse().ok());
    assert_eq!(closed.telling.as_deref(), Some("after:"));
    assert_eq!(told(&rig), [""; 0]);
    go_on(&rig).await;
    assert_eq!(told(&rig), ["u-1", "u-2"]);
    assert_eq!(concert(&rig).telling, None);
    assert_eq!(
        rig.published::<ConcertSoldOut>().len(),
        1,
        "it was the last page"
    );
}

#[tokio::test]
async fn a_second_event_of_the_same_concert_tells_nobody_again() {
    let rig = hall(&json!({ "available": 0 }), &["u-1"]);
    rig.send([sold_out(), sold_out()]).await;
    go_on(&rig).await;
    let before = concert(&rig);
    rig.send([sold_out()]).await;
    go_on(&rig).await;
    assert_eq!(told(&rig), ["u-1"]);
    assert_eq!(concert(&rig), before);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn who_knows_and_who_waits_for_another_concert_is_not_told() {
    let rig = hall(&json!({ "available": 0 }), &["u-1"]);
    wait(&rig, "c-1", "u-2", true);
    wait(&rig, "c-2", "u-3", false);
    rig.send([sold_out()]).await;
    go_on(&rig).await;
    assert_eq!(told(&rig), ["u-1"]);
}

#[tokio::test]
async fn a_concert_that_was_sold_elsewhere_has_no_seats_here_either() {
    let rig = hall(&json!({ "available": 7 }), &[]);
    let event = json!({ "timestamp": AT, "concert_id": "c-1", "sold_out_at": EARLIER,
        "booking_started_at": EARLIER, "total_seats": 100 });
    rig.send([event]).await;
    let closed = concert(&rig);
    assert_eq!(closed.available, Some(0));
    assert_eq!(
        (closed.sold_out_at, closed.closed_at),
        (EARLIER.parse().ok(), EARLIER.parse().ok())
    );
    assert_eq!(closed.total_seats, Some(100));
    assert_eq!(closed.booking_started_at, EARLIER.parse().ok());
}

#[tokio::test]
async fn a_seat_that_came_free_since_the_last_one_went_is_not_lost() {
    let rig = hall(&json!({ "available": 1, "sold_out_at": EARLIER }), &[]);
    rig.send([sold_out()]).await;
    assert_eq!(concert(&rig).available, Some(1));
    assert!(concert(&rig).closed_at.is_some());
}

#[tokio::test]
async fn a_concert_that_nobody_put_in_is_closed_too() {
    let rig = Rig::new(ConcertSoldOutHandler);
    rig.send([sold_out()]).await;
    let closed = concert(&rig);
    assert_eq!(
        (closed.available, closed.closed_at),
        (None, AT.parse().ok())
    );
}

#[tokio::test]
async fn a_continuation_that_is_not_the_next_one_does_nothing() {
    let rig = hall(&json!({ "available": 0 }), &["u-1", "u-2"]);
    let page = |cursor: &str| json!({ "timestamp": AT, "concert_id": "c-1", "cursor": cursor });
    rig.send([page("after:")]).await;
    assert_eq!(
        concert(&rig).closed_at,
        None,
        "a continuation closes nothing"
    );
    rig.send([sold_out()]).await;
    rig.send([page("after:u-1")]).await;
    assert_eq!(told(&rig), [""; 0]);
    rig.send([page("")]).await;
    assert_eq!(rig.codes(), ["invalid_cursor"]);
}
