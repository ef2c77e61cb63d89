//! The checks that every function passes, on this function's events.

use serde_json::json;
use testkit::conformance::Suite;
use testkit::item_key;
use user_registered::UserRegisteredHandler;

#[tokio::test]
async fn user_registered_conforms() {
    Suite::new(|| UserRegisteredHandler)
        .seed(
            item_key("users", "u-3", "-"),
            &json!({ "user_id": "u-3", "name": "Grace", "registered_at": "2026-11-20T10:00:00.000Z" }),
        )
        .event(
            json!({ "event_id": "e-1", "event_type": "user.registered", "user_id": "u-1",
                "timestamp": "2026-11-21T10:15:30.123Z", "email": "ada@example.com",
                "name": "Ada", "locale": "en_GB" }),
            "u-1",
        )
        .event(
            json!({ "event_id": "e-2", "user_id": "u-1", "timestamp": "2026-11-21T10:15:31.123Z",
                "email": "another@example.com" }),
            "u-1",
        )
        .event(
            json!({ "eventId": "e-3", "eventType": "USER_REGISTERED", "userId": 2,
                "timestamp": 1_795_256_131_000_i64, "username": "Zoë",
                "createdAt": 1_795_256_130_000_i64 }),
            "2",
        )
        .event(
            json!({ "event_id": "e-4", "user_id": "u-3", "timestamp": "2026-11-21T10:15:32.123Z",
                "email": "grace@example.com", "name": "Other" }),
            "u-3",
        )
        .poison(json!({ "event_id": "e-5", "email": "nobody@example.com" }))
        .poison(json!({ "event_id": "e-6", "user_id": "u-6", "email": "" }))
        .run()
        .await;
}
