//! Embedded SQS through the AWS SDK, which checks the answers' shapes as it does those of AWS.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod queues;
mod receiving;
mod sending;

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use local_platform::LocalSqs;
use local_platform::sqs::MESSAGE_BYTES_MAX;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server, a client and one queue.
struct Fixture {
    server: LocalSqs,
    client: Client,
    url: String,
}

impl Fixture {
    async fn with(attributes: &[(QueueAttributeName, &str)]) -> Self {
        let server = LocalSqs::start(0).await.unwrap();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(local_platform::REGION))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(server.endpoint())
            .build();
        let client = Client::from_conf(config);
        let url = create(&client, "queue", attributes).await;
        Self {
            server,
            client,
            url,
        }
    }

    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn send(&self, body: &str) {
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        sent.send().await.unwrap();
    }

    async fn receive(&self) -> Vec<Message> {
        let all = MessageSystemAttributeName::All;
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .message_system_attribute_names(all)
            .message_attribute_names("All");
        received.send().await.unwrap().messages.unwrap_or_default()
    }

    async fn change_visibility(&self, message: &Message, seconds: i32) -> Result<(), String> {
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(seconds)
            .send()
            .await;
        changed.map(|_| ()).map_err(|error| code(&error))
    }

    async fn counts(&self) -> (String, String, String) {
        let read = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap();
        let attributes = read.attributes.unwrap();
        let count = |name| attributes[&name].clone();
        (
            count(QueueAttributeName::ApproximateNumberOfMessages),
            count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        )
    }
}

async fn create(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name);
    for (name, value) in attributes {
        create = create.attributes(name.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or_default().to_owned()
}

fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

fn entry(id: &str, body: impl Into<String>) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

fn system(message: &Message, name: &MessageSystemAttributeName) -> Option<String> {
    message.attributes.as_ref()?.get(name).cloned()
}

fn strings(values: [&str; 3]) -> (String, String, String) {
    let [first, second, third] = values.map(ToOwned::to_owned);
    (first, second, third)
}
