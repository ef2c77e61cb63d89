//! The checks that every delivery passes, on this function's events.

use notification::{Directory, Mailbox, NotificationHandler};
use serde_json::json;
use testkit::conformance::{DeliverSuite, SuiteStore};
use testkit::item_key;

fn handler(store: SuiteStore) -> NotificationHandler<SuiteStore, Mailbox<SuiteStore>> {
    NotificationHandler::new(Directory::new(store.clone()), Mailbox::new(store))
}

#[tokio::test]
async fn notification_conforms() {
    DeliverSuite::new(handler)
        .seed(
            item_key("users", "u-1", "-"),
            &json!({ "user_id": "u-1", "email": "ada@example.com", "name": "Ada", "locale": "ko" }),
        )
        .event(
            json!({ "event_id": "e-1", "event_type": "notification.requested", "recipient": "u-1",
                "kind": "order_placed", "data": { "order_id": "o-1" } }),
            "u-1",
        )
        .event(
            json!({ "eventId": "e-2", "eventType": "NOTIFICATION_REQUESTED", "recipient": "u-1",
                "notificationType": "PAYMENT_COMPLETED", "channel": "EMAIL", "locale": "en" }),
            "u-1",
        )
        .event(
            json!({ "event_id": "e-3", "recipient": "bob@example.com", "kind": "welcome" }),
            "bob@example.com",
        )
        .poison(json!({ "recipient": "u-1", "kind": "kind_of_tomorrow" }))
        .poison(json!({ "recipient": "u-1", "kind": "welcome", "channel": "sms" }))
        .poison(json!({ "recipient": "", "kind": "welcome" }))
        .run()
        .await;
}
