//! The dead-letter queue: every message looked at once, none deleted.
//!
//! A message that was received is hidden for a while, which is how the end of the queue is found.

use aws_adapters::{DeadLetterDocument, DocumentError, S3Payloads};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;

use super::Letter;

/// Messages of one receive (SQS quotas).
const MESSAGES_MAX: i32 = 10;
/// How long a message that was looked at stays hidden: longer than the looking takes.
const HIDDEN_SECONDS: i32 = 300;
/// How long a receive waits, so that a queue that seems empty is empty.
const WAIT_SECONDS: i32 = 1;
/// Receives until the queue must be through.
const RECEIVES_MAX: usize = 10_000;

/// Why the queue could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LettersError {
    #[error("SQS does not hand out messages")]
    Receive(#[source] Box<SdkError<ReceiveMessageError>>),
    #[error("a dead letter cannot be read")]
    Letter(#[source] DocumentError),
    #[error("the queue did not end after {RECEIVES_MAX} receives")]
    Endless,
}

/// Returns all dead letters, and how many messages are something else.
pub(super) async fn read(
    sqs: &Client,
    queue_url: &str,
    payloads: &S3Payloads,
) -> Result<(Vec<Letter>, usize), LettersError> {
    let (mut letters, mut others) = (Vec::new(), 0);
    for _ in 0..RECEIVES_MAX {
        let received = sqs
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(MESSAGES_MAX)
            .visibility_timeout(HIDDEN_SECONDS)
            .wait_time_seconds(WAIT_SECONDS)
            .send()
            .await
            .map_err(|error| LettersError::Receive(Box::new(error)))?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok((letters, others));
        }
        for message in messages {
            let body = message.body.as_deref().unwrap_or_default();
            match DeadLetterDocument::fetch(body, payloads).await {
                Ok(document) => letters.push(letter(document)),
                Err(DocumentError::NotADeadLetter | DocumentError::Malformed(_)) => others += 1,
                Err(error) => return Err(LettersError::Letter(error)),
            }
        }
    }
    Err(LettersError::Endless)
}

fn letter(document: DeadLetterDocument) -> Letter {
    let position = document.position;
    Letter {
        id: document.id.to_string(),
        function: document.function,
        code: document.code,
        position: position.map(|position| (position.topic, position.partition, position.offset)),
    }
}
