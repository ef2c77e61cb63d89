//! The checks that every function passes, on this function's events.

use ranking::RankingHandler;
use serde_json::json;
use testkit::conformance::Suite;

#[tokio::test]
async fn ranking_conforms() {
    let began = "2026-11-21T10:00:00.000Z";
    Suite::new(|| RankingHandler)
        .event(
            json!({ "event_id": "e-1", "event_type": "reservation.created",
                "timestamp": "2026-11-21T10:15:30.123Z", "reservation_id": "r-1",
                "user_id": "u-1", "concert_id": "c-1", "booking_started_at": began }),
            "reservation-r-1",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "RESERVATION_CREATED",
                "timestamp": 1_795_256_135_000_i64, "reservationId": 2, "userId": 2,
                "concertId": "c-1", "seatId": "A-1", "price": "150000" }),
            "reservation-2",
        )
        .event(
            json!({ "event_id": "e-3", "event_type": "concert.sold-out",
                "timestamp": "2026-11-21T10:20:00.000Z", "concert_id": "c-1" }),
            "concert-c-1",
        )
        .event(
            json!({ "event_id": "e-4", "event_type": "concert.sold-out",
                "timestamp": "2026-11-21T10:20:00.000Z", "concert_id": "c-2",
                "booking_started_at": began, "total_seats": 500 }),
            "concert-c-2",
        )
        .poison(json!({ "event_id": "e-5", "event_type": "concert.sold-out" }))
        .poison(
            json!({ "event_id": "e-6", "event_type": "concert.sold-out", "concert_id": "c-3",
                "sold_out_at": "2026-11-21T09:00:00Z", "booking_started_at": began }),
        )
        .run()
        .await;
}
