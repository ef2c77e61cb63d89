//! The checks that every function passes, on this function's events.

use payment_completed::PaymentCompletedHandler;
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

fn order(id: &str, status: &str) -> Value {
    let at = "2026-11-21T10:15:30.123Z";
    json!({
        "order_id": id, "user_id": format!("u-of-{id}"), "status": status, "total_amount": "300",
        "quantities": { "p-1": 2 }, "lines": [{ "product_id": "p-1", "quantity": 2 }],
        "timeline": [{ "status": status, "at": at, "event_id": "e-0" }],
        "ordered_at": at, "updated_at": at,
    })
}

fn payment(id: &str, order_id: &str, amount: i64) -> Value {
    json!({ "event_type": "payment.completed", "payment_id": id, "order_id": order_id, "amount": amount })
}

/// A reservation whose seat is held, and the seat.
fn held(id: &str, until: &str) -> [Value; 2] {
    let seat = format!("seat-of-{id}");
    let reservation = json!({ "reservation_id": id, "user_id": format!("u-of-{id}"), "concert_id": "c-1",
        "seat": seat, "amount": "90", "state": "pending",
        "booked_at": "2026-11-21T10:15:30.123Z", "updated_at": "2026-11-21T10:15:30.123Z" });
    let seat = json!({ "concert_id": "c-1", "seat": seat, "state": "held", "reservation_id": id,
        "user_id": format!("u-of-{id}"), "held_until": until });
    [reservation, seat]
}

#[tokio::test]
async fn payment_completed_conforms() {
    let ([kept, seat_kept], [late, seat_late]) = (
        held("r-1", "2026-11-21T10:30:30.123Z"),
        held("r-2", "2026-11-21T10:30:30.123Z"),
    );
    let concert = json!({ "concert_id": "c-1", "available": 3 });
    let reserved = |id: &str, paid_at: &str| {
        json!({ "event_type": "payment.completed", "payment_id": id,
        "reservation_id": id, "amount": 90, "paid_at": paid_at })
    };
    let product = json!({ "product_id": "p-1", "available": 10, "reserved": 6 });
    Suite::new(|| PaymentCompletedHandler)
        .seed(item_key("orders", "o-1", "-"), &order("o-1", "placed"))
        .seed(item_key("orders", "o-2", "-"), &order("o-2", "placed"))
        .seed(item_key("orders", "o-3", "-"), &order("o-3", "pending"))
        .seed(item_key("orders", "o-5", "-"), &order("o-5", "cancelled"))
        .seed(item_key("products", "p-1", "-"), &product)
        .seed(item_key("concerts", "c-1", "-"), &concert)
        .seed(item_key("reservations", "r-1", "-"), &kept)
        .seed(item_key("reservations", "r-2", "-"), &late)
        .seed(item_key("seats", "c-1", "seat-of-r-1"), &seat_kept)
        .seed(item_key("seats", "c-1", "seat-of-r-2"), &seat_late)
        .event(payment("pay-1", "o-1", 300), "o-1")
        .event(payment("pay-1", "o-1", 300), "o-1")
        .event(
            json!({ "eventId": "e-2", "eventType": "PAYMENT_COMPLETED", "orderId": "o-2",
                "paymentId": 2, "amount": "300.00", "paymentMethod": "CARD" }),
            "o-2",
        )
        .event(payment("pay-3", "o-3", 300), "o-3")
        .event(payment("pay-4", "o-4", 300), "o-4")
        .event(reserved("r-1", "2026-11-21T10:20:00.000Z"), "r-1")
        .event(reserved("r-2", "2026-11-21T10:31:00.000Z"), "r-2")
        .event(reserved("r-3", "2026-11-21T10:20:00.000Z"), "r-3")
        .poison(payment("pay-5", "o-5", 300))
        .poison(json!({ "event_type": "payment.completed", "amount": 300 }))
        .volatile("updated_at")
        .volatile("at")
        .volatile("happened_at")
        .run()
        .await;
}
