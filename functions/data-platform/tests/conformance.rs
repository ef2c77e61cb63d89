//! The checks that every function passes, on this function's events.

use data_platform::DataPlatformHandler;
use serde_json::json;
use testkit::conformance::Suite;

#[tokio::test]
async fn data_platform_conforms() {
    Suite::new(|| DataPlatformHandler)
        .event(
            json!({ "event_id": "e-1", "event_type": "order.completed", "order_id": "o-1",
                "timestamp": "2026-11-21T10:15:30.123Z", "user_id": "u-1", "total_amount": "19.90" }),
            "o-1",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "PAYMENT_COMPLETED", "paymentId": "p-1",
                "timestamp": 1_795_256_135_000_i64, "orderId": 1, "userId": "u-1", "amount": "0.10",
                "paymentMethod": "CARD" }),
            "o-1",
        )
        .event(
            json!({ "event_id": "e-3", "event_type": "payment.completed", "order_id": "o-2",
                "timestamp": "2026-11-21T10:15:30.123Z", "amount": 7 }),
            "o-2",
        )
        .event(
            json!({ "event_id": "e-4", "event_type": "reservation.created", "user_id": "u-1",
                "timestamp": "2026-11-21T10:15:30.123Z", "reservation_id": "r-1",
                "concert_id": "c-1", "amount": 150_000 }),
            "reservation-r-1",
        )
        .event(
            json!({ "event_id": "e-5", "event_type": "concert.sold-out", "concert_id": "c-1",
                "timestamp": "2026-11-21T10:15:30.123Z" }),
            "concert-c-1",
        )
        .poison(json!({ "event_id": "e-6", "event_type": "payment.completed", "amount": 1 }))
        .poison(json!({ "event_id": "e-7", "event_type": "order.completed", "order_id": "o-9" }))
        .run()
        .await;
}
