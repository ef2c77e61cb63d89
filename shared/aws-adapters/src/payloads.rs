//! Large values in an S3 bucket: events that are too large for a row, and dead letters that are too large for SQS.
//!
//! Each object is sent with its SHA-256, so that S3 takes nothing that changed on its way. The SDK repeats calls:
//! storing twice is once. It does not check what it fetches and removes nothing; the engine does the one, a
//! lifecycle rule of the bucket the other.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use processing::{Cause, PayloadError, Payloads};
use sha2::{Digest, Sha256};

use crate::call::CallError;

/// Times that the SDK makes one call.
const CALL_TRIES_MAX: u32 = 3;
/// Time to open a connection; inside a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time of one try, and of reading one object; a call may carry 8 MiB.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The engine's large values in a bucket.
///
/// Clones share the client and its connections.
#[derive(Clone, Debug)]
pub struct S3Payloads {
    client: Client,
    bucket: String,
}

/// The object was not read to its end in time.
#[derive(Debug, thiserror::Error)]
#[error("reading the object took longer than {} s", TRY_TIMEOUT.as_secs())]
struct TooSlow;

impl S3Payloads {
    /// Creates the port over a bucket.
    ///
    /// Of the client it keeps endpoint, addressing style, region, credentials and connections, and sets retries,
    /// timeouts and checksums.
    #[must_use]
    pub fn new(client: &Client, bucket: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(TRY_TIMEOUT)
            .build();
        // The object's own SHA-256 goes with it; the SDK's further checksums not every server knows.
        let config = client
            .config()
            .to_builder()
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::standard().with_max_attempts(CALL_TRIES_MAX))
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            bucket: bucket.into(),
        }
    }
}

impl Payloads for S3Payloads {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), PayloadError> {
        let call = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_sha256(STANDARD.encode(Sha256::digest(value)))
            .content_type("application/json")
            .body(ByteStream::from(value.to_vec()));
        // Boxed for the same reason as the store's calls.
        let stored = call.send().boxed().await;
        stored
            .map(drop)
            .map_err(|error| unavailable(CallError::new("PutObject", error)))
    }

    async fn get(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        let call = self.client.get_object().bucket(&self.bucket).key(key);
        let output = match call.send().boxed().await {
            Ok(output) => output,
            Err(SdkError::ServiceError(answer)) if answer.err().is_no_such_key() => {
                return Err(PayloadError::Missing);
            }
            Err(error) => return Err(unavailable(CallError::new("GetObject", error))),
        };
        let read = tokio::time::timeout(TRY_TIMEOUT, body(output, bytes_max));
        read.await.unwrap_or_else(|_| Err(unavailable(TooSlow)))
    }
}

/// Reads an object, at most `bytes_max` and the piece that goes beyond.
async fn body(output: GetObjectOutput, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
    let mut value = Vec::new();
    let mut pieces = output.body;
    while let Some(piece) = pieces.next().await {
        value.extend_from_slice(&piece.map_err(unavailable)?);
        if value.len() > bytes_max {
            return Err(PayloadError::TooLarge { bytes_max });
        }
    }
    Ok(value)
}

fn unavailable(cause: impl Into<Cause>) -> PayloadError {
    PayloadError::Unavailable(cause.into())
}
