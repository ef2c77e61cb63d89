//! Tokens of IAM credentials over TLS, against a broker that checks them as Amazon MSK does.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kafka::{
    Code, ErrorClass, MskIamTokens, Publish, PublishError, Token, TokenError, TokenSource,
};
use real_servers::iam;

use super::*;

fn provider(access_key: &str, secret_key: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::from_keys(access_key, secret_key, None))
}

pub(crate) fn tokens_of(region: &str, access_key: &str, secret_key: &str) -> Arc<dyn TokenSource> {
    Arc::new(MskIamTokens::new(region, provider(access_key, secret_key)).unwrap())
}

pub(crate) fn right_tokens() -> Arc<dyn TokenSource> {
    tokens_of(iam::REGION, iam::ACCESS_KEY, iam::SECRET_KEY)
}

pub(crate) fn secured(kafka: &Kafka, servers: &str) -> Settings {
    let ca_file = kafka.ca_file();
    let set = [
        ("KAFKA_SECURITY", "msk-iam"),
        ("KAFKA_REGION", iam::REGION),
        ("KAFKA_CA_FILE", ca_file.to_str().unwrap()),
        ("KAFKA_REQUEST_TIMEOUT_MS", "10000"),
    ];
    settings(servers, &set)
}

/// Publishes one event that has to be refused for want of access, and soon.
async fn refused(settings: &Settings, tokens: Arc<dyn TokenSource>) -> PublishError {
    let producer = KafkaProducer::with_token_source(settings, tokens).unwrap();
    let start = Instant::now();
    let error = producer
        .publish(&[event("any", "a", "0")], LIMIT)
        .await
        .unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(error.class(), ErrorClass::Access, "{error}");
    error
}

/// Publishes with tokens that the broker has to refuse for this reason; it tells the client no more than MSK does.
async fn refused_for(kafka: &Kafka, servers: &str, tokens: Arc<dyn TokenSource>, why: &str) {
    let earlier = kafka.token_decisions().unwrap().len();
    let error = refused(&secured(kafka, servers), tokens).await;
    assert_eq!(error.code, Code::AuthenticationFailed);
    let text = error.to_string();
    assert!(text.contains("Access denied"), "{text}");
    for check in [
        "credentials are valid",
        "AWS_REGION",
        "clock",
        "kafka-cluster:Connect",
    ] {
        assert!(text.contains(check), "{text}");
    }
    let decisions = kafka.token_decisions().unwrap();
    let of_now = &decisions[earlier..];
    let is_why = |line: &String| line.starts_with("refused") && line.ends_with(why);
    assert!(of_now.iter().any(is_why), "{of_now:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_reader_and_questions_pass_with_tokens_over_tls() {
    let kafka = shared();
    let settings = secured(&kafka, &kafka.iam());
    create(&kafka, "secured", 3, &[]).await;
    let admin = Admin::with_token_source(&settings, right_tokens()).unwrap();
    let described = admin.describe("secured").await.unwrap().unwrap();
    assert_eq!(described.partitions.len(), 3);

    let producer = KafkaProducer::with_token_source(&settings, right_tokens()).unwrap();
    let events: Vec<_> = (0..100)
        .map(|n| event("secured", &format!("k-{}", n % 7), n.to_string()))
        .collect();
    producer.publish(&events, LIMIT).await.unwrap();

    let reader = TopicReader::with_token_source(&settings, "secured", right_tokens()).unwrap();
    let read = tokio::task::spawn_blocking(move || reader.read_all(LIMIT))
        .await
        .unwrap()
        .unwrap();
    let values: BTreeSet<_> = read.into_iter().map(|record| text(record.value)).collect();
    assert_eq!(values, (0..100).map(|n| n.to_string()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_expired_is_refused() {
    let kafka = shared();
    refused_for(&kafka, &kafka.iam_late(), right_tokens(), "expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_region_is_refused() {
    let kafka = shared();
    let tokens = tokens_of("us-east-1", iam::ACCESS_KEY, iam::SECRET_KEY);
    refused_for(&kafka, &kafka.iam(), tokens, "wrong host").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_unknown_access_key_is_refused() {
    let kafka = shared();
    let tokens = tokens_of(iam::REGION, "AKIASOMEBODYELSE", iam::SECRET_KEY);
    refused_for(&kafka, &kafka.iam(), tokens, "unknown access key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signed_with_another_secret_is_refused() {
    let kafka = shared();
    let tokens = tokens_of(iam::REGION, iam::ACCESS_KEY, "another");
    refused_for(&kafka, &kafka.iam(), tokens, "wrong signature").await;
}

/// Right tokens in which one text stands in place of another.
struct Edited(Arc<dyn TokenSource>, &'static str, &'static str);

impl TokenSource for Edited {
    fn token(&self) -> Result<Token, TokenError> {
        let token = self.0.token()?;
        let url = String::from_utf8(BASE64.decode(token.text).unwrap()).unwrap();
        assert!(url.contains(self.1), "{url}");
        Ok(Token {
            text: BASE64.encode(url.replace(self.1, self.2)),
            ..token
        })
    }
}

pub(crate) fn other_host() -> Arc<dyn TokenSource> {
    Arc::new(Edited(
        right_tokens(),
        "kafka.eu-central-1.amazonaws.com",
        "kafka.example.com",
    ))
}

pub(crate) fn other_region() -> Arc<dyn TokenSource> {
    Arc::new(Edited(
        right_tokens(),
        "eu-central-1%2Fkafka-cluster",
        "eu-west-1%2Fkafka-cluster",
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_host_is_refused() {
    let kafka = shared();
    refused_for(&kafka, &kafka.iam(), other_host(), "wrong host").await;
    refused_for(&kafka, &kafka.iam(), other_region(), "wrong region").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_and_reader_are_refused_as_clearly_as_the_producer() {
    let kafka = shared();
    let tokens = || tokens_of(iam::REGION, "AKIASOMEBODYELSE", iam::SECRET_KEY);
    let settings = secured(&kafka, &kafka.iam());
    let admin = Admin::with_token_source(&settings, tokens()).unwrap();
    let error = admin.describe("refused").await.unwrap_err();
    assert_eq!(error.code, AdminCode::TokenRefused, "{error}");
    assert!(error.to_string().contains("Access denied"), "{error}");
    let reader = TopicReader::with_token_source(&settings, "refused", tokens()).unwrap();
    let read = tokio::task::spawn_blocking(move || reader.read_all(LIMIT))
        .await
        .unwrap();
    let error = read.unwrap_err();
    assert_eq!(error.code, Code::AuthenticationFailed, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_by_a_name_that_its_certificate_does_not_have_is_refused() {
    let kafka = shared();
    let settings = secured(&kafka, &kafka.iam_by_address());
    let error = refused(&settings, right_tokens()).await;
    assert_eq!(error.code, Code::TlsFailed);
    assert!(
        error
            .message
            .contains("KAFKA_BOOTSTRAP_SERVERS names the brokers"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_certificate_nobody_signed_is_refused() {
    let kafka = shared();
    let set = [("KAFKA_SECURITY", "msk-iam"), ("KAFKA_REGION", iam::REGION)];
    let error = refused(&settings(&kafka.iam(), &set), right_tokens()).await;
    assert_eq!(error.code, Code::TlsFailed);
    assert!(error.message.contains("KAFKA_CA_FILE"), "{error}");
}

/// Credentials that hold for some seconds, as those of a role do for some minutes or hours.
#[derive(Debug)]
struct ShortLived(Duration);

impl ProvideCredentials for ShortLived {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let expiry = SystemTime::now() + self.0;
        let (access_key, secret_key) = (iam::ACCESS_KEY, iam::SECRET_KEY);
        Provided::ready(Ok(Credentials::new(
            access_key,
            secret_key,
            None,
            Some(expiry),
            "tests",
        )))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_while_events_are_published() {
    const RUN: Duration = Duration::from_secs(16);
    let kafka = Arc::new(Kafka::start(&KafkaOptions::default()).unwrap());
    create(&kafka, "long", 1, &[]).await;
    let short = SharedCredentialsProvider::new(ShortLived(Duration::from_secs(5)));
    let tokens = Arc::new(MskIamTokens::new(iam::REGION, short).unwrap());
    let settings = secured(&kafka, &kafka.iam());
    let producer = KafkaProducer::with_token_source(&settings, tokens).unwrap();
    let start = Instant::now();
    let mut published = 0;
    while start.elapsed() < RUN {
        let events = [event("long", "a", published.to_string())];
        producer.publish(&events, LIMIT).await.unwrap();
        published += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let decisions = kafka.token_decisions().unwrap();
    assert!(
        decisions.iter().all(|line| line.starts_with("accepted")),
        "{decisions:?}"
    );
    let digests: BTreeSet<_> = decisions
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    // A token holds 5 s and is renewed after 4; a connection has to show one every 4 s.
    assert!(digests.len() >= 3, "{decisions:?}");
    let expected: Vec<_> = (0..published).map(|n| n.to_string()).collect();
    assert_eq!(values(&kafka, "long").await, expected);
    println!(
        "{published} events over {} tokens in {} authentications",
        digests.len(),
        decisions.len()
    );
}

/// A provider that has no credentials.
#[derive(Debug)]
pub(crate) struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::ready(Err(CredentialsError::not_loaded("nobody is logged in")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_the_error_says_so() {
    let kafka = shared();
    let nothing = SharedCredentialsProvider::new(Nothing);
    let tokens = Arc::new(MskIamTokens::new(iam::REGION, nothing).unwrap());
    let error = refused(&secured(&kafka, &kafka.iam()), tokens).await;
    assert_eq!(error.code, Code::AuthenticationFailed);
    assert!(error.message.contains("nobody is logged in"), "{error}");
}
