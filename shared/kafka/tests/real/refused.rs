//! What the admin client is refused: tokens, certificates, permissions, listeners of another kind.

use kafka::{AdminClass, AdminError, MskIamTokens, TokenSource};
use real_servers::iam;

use super::admin::{in_the_open, is, over_iam, partitions, set, topic};
use super::iam::{Nothing, other_host, other_region, right_tokens, secured, tokens_of};
use super::*;

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
