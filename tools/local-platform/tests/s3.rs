//! The embedded S3 as a client sees it that is not the engine's.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use local_platform::{LocalS3, REGION, S3Error};

fn client(server: &LocalS3) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("any", "key", None, None, "test"))
        .force_path_style(true)
        .endpoint_url(server.endpoint());
    Client::from_conf(config.build())
}

#[tokio::test]
async fn buckets_that_were_asked_for_are_there_and_others_can_be_made() {
    let server = LocalS3::start(0, &["one"]).await.unwrap();
    let client = client(&server);
    client.create_bucket().bucket("two").send().await.unwrap();
    let listed = client.list_buckets().send().await.unwrap();
    let mut names: Vec<_> = listed
        .buckets()
        .iter()
        .filter_map(|one| one.name())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
    let put = |bucket: &str| {
        let body = ByteStream::from_static(b"x");
        client
            .put_object()
            .bucket(bucket)
            .key("a/b")
            .body(body)
            .send()
    };
    for bucket in ["one", "two"] {
        put(bucket).await.unwrap();
        let object = client
            .get_object()
            .bucket(bucket)
            .key("a/b")
            .send()
            .await
            .unwrap();
        assert_eq!(object.body.collect().await.unwrap().to_vec(), b"x");
    }
    let refused = put("three").await.unwrap_err();
    assert_eq!(refused.code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn an_object_that_is_not_what_its_digest_says_is_refused() {
    let server = LocalS3::start(0, &["one"]).await.unwrap();
    let client = client(&server);
    let put = |value: &'static [u8]| {
        let digest = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let call = client.put_object().bucket("one").key("k");
        let body = ByteStream::from_static(value);
        call.checksum_sha256(digest).body(body).send()
    };
    put(b"abc").await.unwrap();
    let refused = put(b"abd").await.unwrap_err();
    assert_eq!(refused.code(), Some("BadDigest"));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let server = LocalS3::start(0, &[]).await.unwrap();
    let port = server.address().port();
    let error = LocalS3::start(port, &[]).await.unwrap_err();
    assert!(matches!(error, S3Error::Bind { port: taken, .. } if taken == port));
}
