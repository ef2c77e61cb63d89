//! The checks that every function passes, on this function's events.

use reservation_created::ReservationCreatedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

const AT: &str = "2026-11-21T10:15:30.123Z";

fn reservation(n: u32, concert: &str, seat: Option<&str>) -> Value {
    json!({ "event_id": format!("e-{n}"), "event_type": "reservation.created", "timestamp": AT,
        "reservation_id": format!("r-{n}"), "user_id": format!("u-{n}"), "concert_id": concert,
        "seat": seat, "amount": 120 })
}

/// A seat whose hold was over before the reservations of the suite came.
fn over(concert: &str, seat: &str) -> Value {
    json!({ "concert_id": concert, "seat": seat, "state": "held", "reservation_id": "r-0",
        "user_id": "u-0", "held_until": "2026-11-21T10:00:00.000Z" })
}

#[tokio::test]
async fn reservation_created_conforms() {
    let held = json!({ "reservation_id": "r-0", "user_id": "u-0", "concert_id": "c-3", "seat": "A-1",
        "state": "pending", "booked_at": AT, "updated_at": AT });
    let paid = json!({ "paid_for": "reservation#r-4", "outcome": "completed", "amount": "120",
        "payment_id": "pay-4", "event_id": "e-paid", "happened_at": AT, "state": "waiting" });
    let concert = |id: &str, available: i64| json!({ "concert_id": id, "available": available });
    let place = "unnumbered#2026-09-21T13:00:00.000Z#r-00";
    Suite::new(|| ReservationCreatedHandler)
        .seed(item_key("concerts", "c-1", "-"), &concert("c-1", 1))
        .seed(item_key("concerts", "c-2", "-"), &concert("c-2", 0))
        .seed(item_key("concerts", "c-3", "-"), &concert("c-3", 0))
        .seed(item_key("seats", "c-3", "A-1"), &over("c-3", "A-1"))
        .seed(item_key("reservations", "r-0", "-"), &held)
        .seed(item_key("payments", "reservation#r-4", "-"), &paid)
        .seed(
            item_key("concerts", "c-5", "-"),
            &json!({ "concert_id": "c-5", "available": 0 }),
        )
        .seed(item_key("seats", "c-5", place), &over("c-5", place))
        // The last seat, which sells the concert out.
        .event(reservation(1, "c-1", Some("A-1")), "r-1")
        // Refused.
        .event(reservation(2, "c-2", None), "r-2")
        // Taken over.
        .event(reservation(3, "c-3", Some("A-1")), "r-3")
        // Confirmed by a payment that was there before; a concert that is not known.
        .event(reservation(4, "c-4", Some("B-4")), "r-4")
        // Taken over without a number.
        .event(reservation(5, "c-5", None), "r-5")
        // The names that producers used before, and a status behind it.
        .event(
            json!({ "eventId": "e-6", "eventType": "RESERVATION_CREATED", "timestamp": AT,
                "reservationId": 6, "userId": 6, "concertId": "c-4", "seatId": "B-6" }),
            "6",
        )
        .event(
            json!({ "event_id": "e-7", "timestamp": AT, "reservation_id": "6", "user_id": "6",
                "concert_id": "c-4", "status": "cancelled" }),
            "6",
        )
        .poison(json!({ "reservation_id": "r-8", "user_id": "u-8", "concert_id": "c-4" }))
        .poison(json!({ "reservation_id": "r-9", "user_id": "u-9", "concert_id": "" }))
        .volatile("updated_at")
        .run()
        .await;
}
