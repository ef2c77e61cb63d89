//! Sends on-failure documents to an SQS endpoint (esm-spec §3.1).
//!
//! It speaks the JSON protocol of SQS to local endpoints: no TLS, and a signature that no real AWS would take.

use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::json;

use crate::destination::Destination;
use crate::http_invoke::reason;
use crate::ports::{OnFailure, OnFailureError, OnFailureMessage};

/// Largest message SQS takes.
const MESSAGE_BYTES_MAX: usize = 1_048_576;
const SEND_SECONDS_MAX: u64 = 10;

/// Sends messages to the queue of the mapping's destination, at one endpoint.
#[derive(Debug, Clone)]
pub struct SqsOnFailure {
    client: Client,
    endpoint: Url,
}

impl SqsOnFailure {
    /// Makes a sender for an endpoint such as `http://127.0.0.1:9324`; the queue is
    /// `{endpoint}/{account}/{name}` of the destination's ARN.
    ///
    /// # Errors
    /// If the endpoint is no URL or the HTTP client cannot be made.
    pub fn new(endpoint: &str) -> Result<Self, OnFailureError> {
        let endpoint = Url::parse(endpoint).map_err(|error| unreachable(Box::new(error)))?;
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(SEND_SECONDS_MAX))
            .build()
            .map_err(|error| unreachable(Box::new(error)))?;
        Ok(Self { client, endpoint })
    }

    fn queue_url(&self, account: &str, queue: &str) -> String {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([account, queue]);
        }
        url.into()
    }
}

impl OnFailure for SqsOnFailure {
    async fn deliver(&self, message: OnFailureMessage) -> Result<(), OnFailureError> {
        let Destination::Sqs {
            region,
            account,
            queue,
        } = &message.destination
        else {
            return Err(OnFailureError::Unsupported(message.destination));
        };
        let bytes = message.body.len();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(OnFailureError::TooLarge {
                bytes,
                bytes_max: MESSAGE_BYTES_MAX,
            });
        }
        let queue_url = self.queue_url(account, queue);
        let body = json!({ "QueueUrl": queue_url, "MessageBody": message.body });
        let response = self
            .client
            .post(self.endpoint.clone())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AmazonSQS.SendMessage")
            .header("authorization", authorization(region))
            .body(body.to_string())
            .send()
            .await
            .map_err(|error| unreachable(Box::new(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = reason(response).await;
        Err(OnFailureError::Refused {
            status: status.as_u16(),
            reason,
        })
    }
}

/// Some local servers read the region from it; none checks the signature.
fn authorization(region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=local/20260101/{region}/sqs/aws4_request, SignedHeaders=host, Signature=local"
    )
}

fn unreachable(error: Box<dyn std::error::Error + Send + Sync>) -> OnFailureError {
    OnFailureError::Unreachable(error)
}
