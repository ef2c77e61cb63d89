//! What a batch costs in calls and writes: counted, because activities are the many small events.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use testkit::{KafkaRecord, Rig, item_key};
use user_activity::{UserActivityHandler, UserDay};

const RECORDS: i64 = 1_000;
const USERS: i64 = 60;

#[tokio::test]
async fn a_thousand_activities_of_sixty_users_cost_a_handful_of_calls() {
    let rig = Rig::new(UserActivityHandler);
    let records: Vec<_> = (0..RECORDS)
        .map(|n| {
            let user = n % USERS;
            let partition = i32::try_from(user % 3).unwrap();
            KafkaRecord::new("user.activity.recorded", partition, n)
                .key(format!("u-{user}"))
                .json(
                    &json!({ "user_id": format!("u-{user}"), "action": format!("a-{}", n % 7),
                    "timestamp": "2026-11-21T10:15:30.123Z" }),
                )
        })
        .collect();
    let effort = rig.run(&records).await.effort;
    let days = rig.items::<UserDay>();
    let counted: u64 = days.iter().map(|day| day.total).sum();
    assert_eq!((days.len(), counted), (60, 1_000));
    // One transaction for each of three partitions, whose fences are their own.
    assert!(effort.commit_calls <= 3, "{} commits", effort.commit_calls);
    assert!(effort.load_calls <= 3, "{} loads", effort.load_calls);
    for day in &days {
        let key = item_key("user-activity", day.user_id.as_str(), day.day.as_str());
        assert_eq!(rig.store.writes_of(&key), 1, "a day is written once");
    }
    let again = rig.run(&records).await.effort;
    assert_eq!(
        again.commit_calls, 0,
        "a batch that comes again costs loads only"
    );
}
