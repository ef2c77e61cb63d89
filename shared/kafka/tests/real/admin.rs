//! The admin client in the open and over IAM, with Kafka's own tools as witnesses of what it did.

use std::time::Instant;

use kafka::{AdminClass, AdminError, SettingChange, SettingOrigin};

use super::iam::{right_tokens, secured};
use super::*;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

pub(crate) fn over_iam(kafka: &Kafka) -> Admin {
    Admin::with_token_source(&secured(kafka, &kafka.iam()), right_tokens()).unwrap()
}

pub(crate) fn in_the_open(kafka: &Kafka) -> Admin {
    Admin::new(&plain(kafka)).unwrap()
}

pub(crate) fn topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> NewTopic {
    let settings = settings.iter();
    NewTopic {
        name: name.to_owned(),
        partitions,
        replicas: None,
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

pub(crate) fn set(name: &str, value: &str) -> SettingChange {
    SettingChange::Set(name.to_owned(), value.to_owned())
}

pub(crate) fn is(error: &AdminError, code: AdminCode, says: &str) {
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(says), "{error}");
}

pub(crate) async fn partitions(admin: &Admin, topic: &str) -> Option<usize> {
    let described = admin.describe(topic).await.unwrap();
    described.map(|described| described.partitions.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_lives_its_whole_life_in_the_open() {
    let kafka = shared();
    whole_life(&kafka, &in_the_open(&kafka), "life.open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_lives_its_whole_life_over_iam() {
    let kafka = shared();
    whole_life(&kafka, &over_iam(&kafka), "life.iam").await;
    let decisions = kafka.token_decisions().unwrap();
    assert!(
        decisions.iter().any(|line| line.starts_with("accepted")),
        "{decisions:?}"
    );
}

async fn whole_life(kafka: &Kafka, admin: &Admin, name: &str) {
    let new = topic(
        name,
        3,
        &[("retention.ms", "86400000"), ("cleanup.policy", "compact")],
    );
    admin.create_topic(&new, Mode::ValidateOnly).await.unwrap();
    assert_eq!(admin.describe(name).await.unwrap(), None);
    admin.create_topic(&new, Mode::Apply).await.unwrap();
    let seen = kafka
        .tool(TOPICS, &["--describe", "--topic", name], "")
        .unwrap();
    for part in [
        "PartitionCount: 3",
        "ReplicationFactor: 1",
        "retention.ms=86400000",
        "cleanup.policy=compact",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let described = admin.describe(name).await.unwrap().unwrap();
    assert!(!described.is_internal);
    let places: Vec<_> = described
        .partitions
        .iter()
        .map(|one| {
            (
                one.partition,
                one.leader,
                one.replicas.as_slice(),
                one.in_sync.as_slice(),
            )
        })
        .collect();
    let one = [1].as_slice();
    assert_eq!(
        places,
        [
            (0, Some(1), one, one),
            (1, Some(1), one, one),
            (2, Some(1), one, one)
        ]
    );
    let listed = admin.topics().await.unwrap();
    let listed = listed.iter().find(|one| one.name == name).unwrap();
    assert_eq!((listed.partitions, listed.is_internal), (3, false));

    settings_change(kafka, admin, name).await;
    refusals(admin, name).await;

    assert!(
        admin
            .add_partitions(name, 5, Mode::ValidateOnly)
            .await
            .unwrap()
    );
    assert_eq!(partitions(admin, name).await, Some(3));
    assert!(admin.add_partitions(name, 5, Mode::Apply).await.unwrap());
    assert!(!admin.add_partitions(name, 5, Mode::Apply).await.unwrap());
    let seen = kafka
        .tool(TOPICS, &["--describe", "--topic", name], "")
        .unwrap();
    assert!(seen.contains("PartitionCount: 5"), "{seen}");
    let error = admin
        .add_partitions(name, 4, Mode::Apply)
        .await
        .unwrap_err();
    is(
        &error,
        AdminCode::FewerPartitions,
        "it has 5, and Kafka takes none away",
    );
    assert_eq!(partitions(admin, name).await, Some(5));

    admin.delete_topic(name).await.unwrap();
    assert_eq!(admin.describe(name).await.unwrap(), None);
    let seen = kafka.tool(TOPICS, &["--list"], "").unwrap();
    assert!(!seen.lines().any(|line| line == name), "{seen}");
    is(
        &admin.delete_topic(name).await.unwrap_err(),
        AdminCode::UnknownTopic,
        name,
    );
}

async fn settings_change(kafka: &Kafka, admin: &Admin, name: &str) {
    let changes = [
        set("retention.ms", "3600000"),
        SettingChange::Unset("cleanup.policy".to_owned()),
    ];
    let validated = admin.alter_topic_settings(name, &changes, Mode::ValidateOnly);
    validated.await.unwrap();
    let before = setting(admin, name, "retention.ms").await;
    assert_eq!(before, ("86400000".to_owned(), SettingOrigin::Topic));
    let altered = admin.alter_topic_settings(name, &changes, Mode::Apply);
    altered.await.unwrap();
    becomes(admin, name, "retention.ms", "3600000", SettingOrigin::Topic).await;
    becomes(
        admin,
        name,
        "cleanup.policy",
        "delete",
        SettingOrigin::Default,
    )
    .await;
    let arguments = [
        "--describe",
        "--entity-type",
        "topics",
        "--entity-name",
        name,
    ];
    let seen = kafka.tool(CONFIGS, &arguments, "").unwrap();
    assert!(seen.contains("retention.ms=3600000"), "{seen}");
    assert!(!seen.contains("cleanup.policy"), "{seen}");
}

async fn setting(admin: &Admin, topic: &str, name: &str) -> (String, SettingOrigin) {
    let told = admin.topic_settings(topic).await.unwrap();
    let one = told.into_iter().find(|one| one.name == name).unwrap();
    (one.value.unwrap(), one.origin)
}

/// The broker that is asked follows its controller a moment later.
async fn becomes(admin: &Admin, topic: &str, name: &str, value: &str, origin: SettingOrigin) {
    let wanted = (value.to_owned(), origin);
    let deadline = Instant::now() + LIMIT;
    loop {
        let now = setting(admin, topic, name).await;
        if now == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{name} stays {now:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn refusals(admin: &Admin, name: &str) {
    let error = admin
        .create_topic(&topic(name, 1, &[]), Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::TopicExists, "already exists");
    assert_eq!(error.class(), AdminClass::Request);
    let never = format!("{name}.never");
    for (settings, says) in [
        ([("retention.ms", "soon")], "retention.ms"),
        ([("no.such.setting", "1")], "no.such.setting"),
    ] {
        let error = admin
            .create_topic(&topic(&never, 1, &settings), Mode::Apply)
            .await
            .unwrap_err();
        is(&error, AdminCode::InvalidConfig, says);
        let changes = [
            set("segment.bytes", "2000000"),
            set(settings[0].0, settings[0].1),
        ];
        let error = admin
            .alter_topic_settings(name, &changes, Mode::Apply)
            .await
            .unwrap_err();
        is(&error, AdminCode::InvalidConfig, says);
    }
    // A list of changes with a wrong one changes nothing.
    let (_, origin) = setting(admin, name, "segment.bytes").await;
    assert_eq!(origin, SettingOrigin::Default);
    let error = admin
        .create_topic(&topic(&never, 0, &[]), Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::InvalidPartitions, "partitions");
    let too_many = NewTopic {
        replicas: Some(3),
        ..topic(&never, 1, &[])
    };
    let error = admin
        .create_topic(&too_many, Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::InvalidReplication, "replicat");
    let error = admin
        .create_topic(&topic("no name/at all", 1, &[]), Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::InvalidTopic, "no name/at all");
    assert_eq!(admin.describe(&never).await.unwrap(), None);
    let error = admin
        .add_partitions(&never, 2, Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::UnknownTopic, "no topic of that name");
    let error = admin.topic_settings(&never).await.unwrap_err();
    is(&error, AdminCode::UnknownTopic, &never);
    let changes = [set("retention.ms", "1000")];
    let error = admin
        .alter_topic_settings(&never, &changes, Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::UnknownTopic, &never);
}
