//! Whatever lies in the dead-letter queue: a function's dead letter, or a mapping's on-failure document.
//!
//! It tells the two apart and reads either. What to do with them is the tools' business.

use processing::Payloads;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{DeadLetterDocument, DocumentError, within_bounds};
use super::on_failure::OnFailureDocument;

/// A message of the dead-letter queue.
#[derive(Clone, Debug)]
pub enum QueueMessage {
    /// A record that a function put aside.
    DeadLetter(Box<DeadLetterDocument>),
    /// Offsets that a mapping gave up.
    OnFailure(Box<OnFailureDocument>),
}

/// The fields that tell the kinds of messages apart.
#[derive(Deserialize)]
struct Probe {
    dead_letter_version: Option<IgnoredAny>,
    #[serde(rename = "KafkaBatchInfo")]
    kafka_batch_info: Option<IgnoredAny>,
}

impl QueueMessage {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// Fails if it is of neither kind, or of one of them and cannot be read whole.
    pub fn read(body: &str) -> Result<Self, DocumentError> {
        within_bounds(body)?;
        let probe: Probe = serde_json::from_str(body).map_err(DocumentError::Malformed)?;
        match probe {
            Probe {
                dead_letter_version: Some(_),
                ..
            } => Ok(Self::DeadLetter(Box::new(DeadLetterDocument::read(body)?))),
            Probe {
                kafka_batch_info: Some(_),
                ..
            } => Ok(Self::OnFailure(Box::new(OnFailureDocument::read(body)?))),
            Probe { .. } => Err(DocumentError::NotADeadLetter),
        }
    }

    /// The same, from the bucket where a letter lies there.
    ///
    /// # Errors
    /// As [`Self::read`] and [`DeadLetterDocument::fetch`].
    pub async fn fetch(body: &str, payloads: &impl Payloads) -> Result<Self, DocumentError> {
        match Self::read(body) {
            Err(DocumentError::Elsewhere(_)) => {
                let letter = DeadLetterDocument::fetch(body, payloads).await?;
                Ok(Self::DeadLetter(Box::new(letter)))
            }
            read => read,
        }
    }
}
