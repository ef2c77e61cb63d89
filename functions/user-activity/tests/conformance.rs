//! The checks that every function passes, on this function's events.

use serde_json::json;
use testkit::conformance::Suite;
use user_activity::UserActivityHandler;

#[tokio::test]
async fn user_activity_conforms() {
    Suite::new(|| UserActivityHandler)
        .event(
            json!({ "event_id": "e-1", "event_type": "user.activity-recorded", "user_id": "u-1",
                "timestamp": "2026-11-21T23:59:59.999Z", "action": "login" }),
            "u-1",
        )
        .event(
            json!({ "event_id": "e-2", "user_id": "u-1", "timestamp": "2026-11-22T00:00:00.000Z",
                "action": "view", "target_id": "p-1", "data": { "page": 3 } }),
            "u-1",
        )
        .event(
            json!({ "event_id": "e-3", "user_id": "u-1", "timestamp": "2026-11-21T08:00:00.000Z",
                "action": "login", "data": null }),
            "u-1",
        )
        .event(
            json!({ "eventId": "e-4", "eventType": "USER_ACTIVITY", "userId": 2,
                "timestamp": 1_795_256_131_000_i64, "activityType": "login",
                "metadata": { "device": "phone" } }),
            "2",
        )
        .poison(json!({ "event_id": "e-5", "user_id": "u-1", "action": "" }))
        .poison(json!({ "event_id": "e-6", "user_id": [], "action": "login" }))
        .run()
        .await;
}
