//! Large values against the embedded S3, and against servers that fail.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::error::Error as _;

use aws_adapters::S3Payloads;
use local_platform::LocalS3;
use processing::{PayloadError, Payloads};

const BYTES: usize = 6 * 1024 * 1024;

async fn server() -> LocalS3 {
    LocalS3::start(0, &["overflow"]).await.unwrap()
}

async fn port(server: &LocalS3, bucket: &str) -> S3Payloads {
    common::payloads(server.address(), bucket).await
}

#[tokio::test]
async fn a_value_comes_back_byte_for_byte_and_storing_it_again_is_harmless() {
    let server = server().await;
    let port = port(&server, "overflow").await;
    assert_eq!(port.bucket(), Some("overflow"));
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(BYTES).collect();
    for _ in 0..2 {
        port.put("payloads/a", &value).await.unwrap();
        assert_eq!(port.get("payloads/a", BYTES).await.unwrap(), value);
    }
}

#[tokio::test]
async fn no_more_is_read_than_was_asked_for() {
    let server = server().await;
    let port = port(&server, "overflow").await;
    port.put("k", &vec![b'x'; 100_000]).await.unwrap();
    let error = port.get("k", 99_999).await.unwrap_err();
    assert!(matches!(
        error,
        PayloadError::TooLarge { bytes_max: 99_999 }
    ));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_told_from_a_bucket_that_is_not() {
    let server = server().await;
    let missing = port(&server, "overflow").await.get("none", 1).await;
    assert!(matches!(missing, Err(PayloadError::Missing)), "{missing:?}");
    let elsewhere = port(&server, "nowhere").await;
    let error = elsewhere.put("k", b"x").await.unwrap_err();
    assert!(matches!(error, PayloadError::Unavailable(_)), "{error:?}");
    let cause = error.source().unwrap().to_string();
    assert!(
        cause.starts_with("PutObject failed (NoSuchBucket"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let server = server().await;
    let port = port(&server, "overflow").await;
    server.shutdown().await;
    assert!(matches!(
        port.put("k", b"x").await,
        Err(PayloadError::Unavailable(_))
    ));
    assert!(matches!(
        port.get("k", 1).await,
        Err(PayloadError::Unavailable(_))
    ));
}

#[tokio::test]
async fn what_is_stored_is_gone_with_its_server() {
    let server = server().await;
    let port_of_first = port(&server, "overflow").await;
    port_of_first.put("k", b"x").await.unwrap();
    server.shutdown().await;
    let second = self::server().await;
    let found = port(&second, "overflow").await.get("k", 1).await;
    assert!(matches!(found, Err(PayloadError::Missing)), "{found:?}");
}
