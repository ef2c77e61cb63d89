//! What the tests share: embedded servers, and clients of them.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;

use aws_adapters::{DynamoStore, S3Payloads, tables};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use tokio::net::TcpListener;

/// What every client needs, pointed at a server of the test.
pub(crate) async fn sdk_config(address: SocketAddr) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .load()
        .await
}

/// Large values in a bucket of a server of the test.
pub(crate) async fn payloads(address: SocketAddr, bucket: &str) -> S3Payloads {
    let config = aws_sdk_s3::config::Builder::from(&sdk_config(address).await);
    let client = aws_sdk_s3::Client::from_conf(config.force_path_style(true).build());
    S3Payloads::new(&client, bucket)
}

pub(crate) async fn dynamodb_client(address: SocketAddr) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&sdk_config(address).await)
}

/// Starts a fresh embedded `DynamoDB`.
pub(crate) async fn dynamodb_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    address
}

/// A client of a fresh embedded `DynamoDB`.
pub(crate) async fn dynamodb() -> aws_sdk_dynamodb::Client {
    dynamodb_client(dynamodb_server().await).await
}

/// A store over fresh tables.
pub(crate) async fn store() -> DynamoStore {
    let client = dynamodb().await;
    tables::create_tables(&client, "test-").await.unwrap();
    DynamoStore::new(&client, "test-")
}
