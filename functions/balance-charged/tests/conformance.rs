//! The checks that every function passes, on this function's events.

use balance_charged::BalanceChargedHandler;
use serde_json::json;
use testkit::conformance::Suite;
use testkit::item_key;

#[tokio::test]
async fn balance_charged_conforms() {
    let at = "2026-11-21T10:15:30.123Z";
    Suite::new(|| BalanceChargedHandler)
        .seed(
            item_key("balances", "u-2", "-"),
            &json!({ "user_id": "u-2", "balance": "10.5", "entries": 3, "updated_at": at }),
        )
        .event(
            json!({ "event_id": "e-1", "event_type": "balance.charged", "timestamp": at,
                "user_id": "u-1", "amount": 100, "charge_id": "ch-1", "method": "card" }),
            "user:u-1",
        )
        .event(
            json!({ "event_id": "e-2", "timestamp": at, "user_id": "u-1", "amount": "-30.25" }),
            "user:u-1",
        )
        .event(
            json!({ "event_id": "e-3", "timestamp": at, "user_id": "u-1", "amount": -70,
                "charge_id": "ch-2" }),
            "user:u-1",
        )
        .event(
            json!({ "event_id": "e-4", "timestamp": at, "user_id": "u-1", "amount": 100,
                "charge_id": "ch-1" }),
            "user:u-1",
        )
        .event(
            json!({ "eventId": "e-5", "eventType": "BALANCE_CHARGED", "userId": 7,
                "timestamp": 1_795_256_131_000_i64, "amount": "5", "transactionId": 9,
                "paymentMethod": "CARD" }),
            "user:7",
        )
        .event(
            json!({ "event_id": "e-6", "timestamp": at, "user_id": "u-2", "amount": "-10.5" }),
            "user:u-2",
        )
        .poison(json!({ "event_id": "e-7", "user_id": "u-1", "amount": 0 }))
        .poison(json!({ "event_id": "e-8", "user_id": "u-1", "amount": "0.0000000001" }))
        .volatile("updated_at")
        .run()
        .await;
}
