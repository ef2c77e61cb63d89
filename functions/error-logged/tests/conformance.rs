//! The checks that every function passes, on this function's events.

use error_logged::ErrorLoggedHandler;
use serde_json::json;
use testkit::conformance::Suite;

#[tokio::test]
async fn error_logged_conforms() {
    Suite::new(|| ErrorLoggedHandler)
        .event(
            json!({ "event_id": "e-1", "event_type": "error.logged", "service": "orders-api",
                "timestamp": "2026-11-21T10:15:30.123Z", "error_type": "TimeoutError",
                "message": "no answer for ada@example.com in 2000 ms", "level": "critical",
                "stack_trace": "at place (place.rs:42)", "trace_id": "4bf92f35" }),
            "orders-api",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "ERROR_LOGGED", "serviceName": "orders-api",
                "timestamp": 1_795_256_135_000_i64, "errorType": "TimeoutError",
                "errorMessage": "no answer for bob@example.com in 30 ms", "severity": "CRITICAL" }),
            "orders-api",
        )
        .event(
            json!({ "event_id": "e-3", "service": "billing",
                "timestamp": "2026-11-21T10:15:30.123Z", "message": "card 'x' refused" }),
            "billing",
        )
        .poison(json!({ "event_id": "e-4", "service": "", "message": "x" }))
        .poison(json!({ "event_id": "e-5", "service": "billing" }))
        .run()
        .await;
}
