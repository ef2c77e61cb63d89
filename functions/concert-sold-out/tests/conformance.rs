//! The checks that every function passes, on this function's events.

use concert_sold_out::ConcertSoldOutHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

const AT: &str = "2026-11-21T10:15:30.123Z";

fn waiting(concert: &str, user: &str, knows: bool) -> Value {
    json!({ "concert_id": concert, "user_id": user, "reservation_id": "r-1", "since": AT,
        "knows": knows })
}

#[tokio::test]
async fn concert_sold_out_conforms() {
    let telling = json!({ "concert_id": "c-2", "available": 0, "closed_at": AT,
        "sold_out_at": AT, "telling": "after:u-1" });
    Suite::new(|| ConcertSoldOutHandler)
        .seed(
            item_key("concerts", "c-1", "-"),
            &json!({ "concert_id": "c-1", "available": 3 }),
        )
        .seed(item_key("concerts", "c-2", "-"), &telling)
        .seed(
            item_key("waiting", "c-2", "u-1"),
            &waiting("c-2", "u-1", false),
        )
        .seed(
            item_key("waiting", "c-2", "u-2"),
            &waiting("c-2", "u-2", false),
        )
        .seed(
            item_key("waiting", "c-2", "u-3"),
            &waiting("c-2", "u-3", true),
        )
        .event(
            json!({ "event_id": "e-1", "event_type": "concert.sold-out", "timestamp": AT,
                "concert_id": "c-1" }),
            "concert-c-1",
        )
        .event(
            json!({ "event_id": "e-2", "timestamp": AT, "concert_id": "c-1",
                "cursor": "after:" }),
            "concert-c-1",
        )
        .event(
            json!({ "event_id": "e-3", "timestamp": AT, "concert_id": "c-2",
                "cursor": "after:u-1" }),
            "concert-c-2",
        )
        .event(
            json!({ "eventId": "e-4", "eventType": "CONCERT_SOLD_OUT", "timestamp": AT,
                "concertId": 3, "totalSeats": 100 }),
            "concert-3",
        )
        .poison(json!({ "concert_id": "c-1", "cursor": "u-1" }))
        .poison(json!({ "concert_id": "" }))
        .run()
        .await;
}
