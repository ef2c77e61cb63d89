//! Groups over IAM: listed with their lag, and moved, with Kafka's own tools as witnesses.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka::{GroupOffset, Publish, ResetTo};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::admin::{is, over_iam};
use super::*;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_listed_with_its_lag_and_moved_over_iam() {
    let kafka = shared();
    let admin = over_iam(&kafka);
    create(&kafka, "grouped", 2, &[]).await;
    let events: Vec<_> = (0..30)
        .map(|n| event("grouped", &format!("k-{n}"), n.to_string()))
        .collect();
    producer(&kafka).publish(&events, LIMIT).await.unwrap();
    let arguments = [
        "--topic",
        "grouped",
        "--group",
        "readers",
        "--from-beginning",
        "--max-messages",
        "12",
        "--timeout-ms",
        "60000",
    ];
    kafka.tool(CONSUMER, &arguments, "").unwrap();

    let groups = admin.groups().await.unwrap();
    let group = groups.iter().find(|one| one.group == "readers").unwrap();
    assert_eq!(
        (group.state.as_str(), group.protocol.as_str()),
        ("Empty", "consumer")
    );
    let told = admin.group_offsets("readers").await.unwrap();
    assert_eq!(
        told.iter().map(|one| one.committed).sum::<i64>(),
        12,
        "{told:?}"
    );
    assert_eq!(
        told.iter().filter_map(GroupOffset::lag).sum::<i64>(),
        18,
        "{told:?}"
    );
    assert_eq!(by_kafkas_tool(&kafka, "readers"), by_partition(&told));

    let moved = admin
        .reset_group("readers", "grouped", ResetTo::Earliest)
        .await
        .unwrap();
    assert_eq!(
        moved
            .iter()
            .map(|one| (one.partition, one.committed))
            .collect::<Vec<_>>(),
        [(0, 0), (1, 0)]
    );
    assert_eq!(by_kafkas_tool(&kafka, "readers"), by_partition(&moved));
    assert_eq!(admin.group_offsets("readers").await.unwrap(), moved);
    // Nothing is as late as the end of this century.
    let late = admin
        .reset_group("readers", "grouped", ResetTo::Time(4_102_444_800_000))
        .await
        .unwrap();
    assert_eq!(
        late.iter().filter_map(GroupOffset::lag).sum::<i64>(),
        0,
        "{late:?}"
    );
    assert_eq!(
        admin
            .reset_group("readers", "grouped", ResetTo::Latest)
            .await
            .unwrap(),
        late
    );
    assert_eq!(by_kafkas_tool(&kafka, "readers"), by_partition(&late));

    assert_eq!(admin.group_offsets("nobody").await.unwrap(), []);
    let error = admin
        .reset_group("readers", "not.there", ResetTo::Latest)
        .await
        .unwrap_err();
    is(&error, AdminCode::UnknownTopic, "not.there");
}

fn by_partition(told: &[GroupOffset]) -> BTreeMap<i32, (i64, i64)> {
    told.iter()
        .map(|one| (one.partition, (one.committed, one.end.unwrap())))
        .collect()
}

/// What Kafka's own tool says of a group in one topic: for each partition its offset and the end.
fn by_kafkas_tool(kafka: &Kafka, group: &str) -> BTreeMap<i32, (i64, i64)> {
    let seen = kafka
        .tool(GROUPS, &["--describe", "--group", group], "")
        .unwrap();
    let lines = seen
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_group = lines.filter(|words| words.first() == Some(&group));
    of_group
        .map(|words| {
            (
                words[2].parse().unwrap(),
                (words[3].parse().unwrap(), words[4].parse().unwrap()),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_a_member_is_not_moved() {
    let kafka = shared();
    create(&kafka, "joined", 1, &[]).await;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.plain())
        .set("group.id", "members")
        .create()
        .unwrap();
    consumer.subscribe(&["joined"]).unwrap();
    let joined = tokio::task::spawn_blocking(move || {
        let deadline = Instant::now() + LIMIT;
        while consumer.assignment().unwrap().count() == 0 {
            assert!(Instant::now() < deadline, "the consumer did not join");
            drop(consumer.poll(Duration::from_millis(100)));
        }
        consumer
    });
    let consumer = joined.await.unwrap();
    let admin = over_iam(&kafka);
    let groups = admin.groups().await.unwrap();
    let group = groups.iter().find(|one| one.group == "members").unwrap();
    assert_eq!(group.state, "Stable");
    let error = admin
        .reset_group("members", "joined", ResetTo::Earliest)
        .await
        .unwrap_err();
    is(&error, AdminCode::GroupInUse, "UnknownMemberId");
    tokio::task::spawn_blocking(move || drop(consumer))
        .await
        .unwrap();
}
