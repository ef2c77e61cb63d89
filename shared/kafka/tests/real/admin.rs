//! The admin client in the open and over IAM, with Kafka's own tools as witnesses of what it did.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka::{
    AdminClass, AdminError, GroupOffset, MskIamTokens, Publish, ResetTo, SettingChange,
    SettingOrigin, TokenSource,
};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use real_servers::iam;

use super::iam::{Nothing, other_host, other_region, right_tokens, secured, tokens_of};
use super::*;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

fn over_iam(kafka: &Kafka) -> Admin {
    Admin::with_token_source(&secured(kafka, &kafka.iam()), right_tokens()).unwrap()
}

fn in_the_open(kafka: &Kafka) -> Admin {
    Admin::new(&plain(kafka)).unwrap()
}

fn topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> NewTopic {
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

fn set(name: &str, value: &str) -> SettingChange {
    SettingChange::Set(name.to_owned(), value.to_owned())
}

fn is(error: &AdminError, code: AdminCode, says: &str) {
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(says), "{error}");
}

async fn partitions(admin: &Admin, topic: &str) -> Option<usize> {
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

/// The broker refuses the token for this reason; it tells the client no more than MSK does.
async fn refused_for(kafka: &Kafka, servers: &str, tokens: Arc<dyn TokenSource>, why: &str) {
    let earlier = kafka.token_decisions().unwrap().len();
    let admin = Admin::with_token_source(&secured(kafka, servers), tokens).unwrap();
    let error = admin
        .create_topic(&topic("refused", 1, &[]), Mode::Apply)
        .await
        .unwrap_err();
    is(&error, AdminCode::TokenRefused, "Access denied");
    is(&error, AdminCode::TokenRefused, "kafka-cluster:Connect");
    assert_eq!(error.class(), AdminClass::Access);
    let decisions = kafka.token_decisions().unwrap();
    let is_why = |line: &String| line.starts_with("refused") && line.ends_with(why);
    assert!(decisions[earlier..].iter().any(is_why), "{decisions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_the_broker_does_not_accept_are_refused_clearly() {
    let kafka = shared();
    refused_for(&kafka, &kafka.iam_late(), right_tokens(), "expired").await;
    let region = tokens_of("us-east-1", iam::ACCESS_KEY, iam::SECRET_KEY);
    refused_for(&kafka, &kafka.iam(), region, "wrong host").await;
    refused_for(&kafka, &kafka.iam(), other_host(), "wrong host").await;
    refused_for(&kafka, &kafka.iam(), other_region(), "wrong region").await;
    let key = tokens_of(iam::REGION, "AKIASOMEBODYELSE", iam::SECRET_KEY);
    refused_for(&kafka, &kafka.iam(), key, "unknown access key").await;
    let secret = tokens_of(iam::REGION, iam::ACCESS_KEY, "another");
    refused_for(&kafka, &kafka.iam(), secret, "wrong signature").await;
    assert_eq!(in_the_open(&kafka).describe("refused").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nothing_is_asked() {
    let kafka = shared();
    let nothing = aws_credential_types::provider::SharedCredentialsProvider::new(Nothing);
    let tokens = Arc::new(MskIamTokens::new(iam::REGION, nothing).unwrap());
    let admin = Admin::with_token_source(&secured(&kafka, &kafka.iam()), tokens).unwrap();
    is(
        &admin.topics().await.unwrap_err(),
        AdminCode::NoToken,
        "nobody is logged in",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_whose_certificate_is_not_right_get_no_token() {
    let kafka = shared();
    let by_address = secured(&kafka, &kafka.iam_by_address());
    let admin = Admin::with_token_source(&by_address, right_tokens()).unwrap();
    is(
        &admin.topics().await.unwrap_err(),
        AdminCode::TlsFailed,
        "KAFKA_BOOTSTRAP_SERVERS names the brokers",
    );
    let set = [("KAFKA_SECURITY", "msk-iam"), ("KAFKA_REGION", iam::REGION)];
    let of_system = settings(&kafka.iam(), &set);
    let admin = Admin::with_token_source(&of_system, right_tokens()).unwrap();
    is(
        &admin.topics().await.unwrap_err(),
        AdminCode::TlsFailed,
        "KAFKA_CA_FILE",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_the_other_kind_is_an_error_soon() {
    let kafka = shared();
    let set = [("KAFKA_REQUEST_TIMEOUT_MS", "10000")];
    let admin = Admin::new(&settings(&kafka.iam(), &set)).unwrap();
    let error = admin.topics().await.unwrap_err();
    assert!(
        matches!(error.code, AdminCode::BadAnswer | AdminCode::Unreachable),
        "{error}"
    );
    let plain = secured(&kafka, &kafka.plain());
    let admin = Admin::with_token_source(&plain, right_tokens()).unwrap();
    let error = admin.topics().await.unwrap_err();
    assert!(
        matches!(error.code, AdminCode::TlsFailed | AdminCode::Unreachable),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_without_permissions_are_told_so() {
    let properties = [
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
    ];
    let options = KafkaOptions {
        properties: properties.map(str::to_owned).to_vec(),
    };
    let kafka = tokio::task::spawn_blocking(move || Kafka::start(&options).unwrap())
        .await
        .unwrap();
    create(&kafka, "locked", 1, &[]).await;
    let admin = over_iam(&kafka);
    let refused = |error: AdminError| {
        is(
            &error,
            AdminCode::NotAuthorised,
            "kafka-cluster:CreateTopic",
        );
        assert_eq!(error.class(), AdminClass::Access);
    };
    refused(
        admin
            .create_topic(&topic("mine", 1, &[]), Mode::Apply)
            .await
            .unwrap_err(),
    );
    refused(admin.describe("locked").await.unwrap_err());
    refused(admin.topic_settings("locked").await.unwrap_err());
    let changes = [set("retention.ms", "1000")];
    refused(
        admin
            .alter_topic_settings("locked", &changes, Mode::Apply)
            .await
            .unwrap_err(),
    );
    refused(admin.delete_topic("locked").await.unwrap_err());
    refused(admin.group_offsets("any").await.unwrap_err());
    // What may not be seen is not listed.
    assert_eq!(admin.topics().await.unwrap(), []);
    assert_eq!(admin.groups().await.unwrap(), []);
    assert_eq!(partitions(&in_the_open(&kafka), "locked").await, Some(1));
}
