//! What stands in the queue for a letter that is too large for it: where the letter lies in a bucket.
//!
//! The letter itself is the same document as always, its record in place as JSON. Its object's key names the
//! letter and the content, so that a letter that is sent twice, with other times in it, leaves neither message
//! without its object. It fetches a letter, and puts nothing back.

use event_schema::ClaimCheck;
use processing::{DeadLetter, PayloadError, Payloads};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::document::{self, DEAD_LETTER_VERSION, DeadLetterDocument, DocumentError};

/// What stands before the id in the key of a letter.
pub const LETTER_PREFIX: &str = "dead-letters/";
/// Bytes of a letter in the bucket: its record, and all that is said of it.
pub const LETTER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A letter on its way to the bucket.
pub(super) struct Stored {
    pub(super) body: String,
    pub(super) check: ClaimCheck,
}

/// The message that stands for a letter; the order of its fields is part of its form.
#[derive(Serialize, Deserialize)]
struct Pointer {
    dead_letter_version: u32,
    id: Uuid,
    claim_check: ClaimCheck,
}

impl Stored {
    /// Writes a letter for a bucket; `None` if the bucket's name is none.
    pub(super) fn new(
        letter: &DeadLetter,
        bucket: &str,
    ) -> Result<Option<Self>, serde_json::Error> {
        let body = document::write(letter, document::RecordEncoding::Json)?;
        let digest = sha256(body.as_bytes());
        let key = format!("{LETTER_PREFIX}{}/{digest}", letter.id);
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let check = ClaimCheck::new(bucket, key, size, digest).ok();
        Ok(check.map(|check| Self { body, check }))
    }

    /// The message that stands for it.
    pub(super) fn pointer(&self, id: Uuid) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Pointer {
            dead_letter_version: DEAD_LETTER_VERSION,
            id,
            claim_check: self.check.clone(),
        })
    }
}

/// What to say of a message that stands for a letter: where that lies, or what is wrong with the message.
pub(super) fn elsewhere(body: &str) -> DocumentError {
    match serde_json::from_str::<Pointer>(body) {
        Err(error) => DocumentError::Malformed(error),
        Ok(pointer) if pointer.is_to_its_letter() => DocumentError::Elsewhere(pointer.claim_check),
        Ok(_) => DocumentError::NotItsLetter,
    }
}

impl Pointer {
    fn is_to_its_letter(&self) -> bool {
        let digest = self.claim_check.sha256();
        self.claim_check.key() == format!("{LETTER_PREFIX}{}/{digest}", self.id)
    }
}

impl DeadLetterDocument {
    /// Reads the body of a message of the dead-letter queue, from the bucket where the letter lies there.
    ///
    /// # Errors
    /// As [`Self::read`]; and if the letter lies in another bucket, is not there, or is not what was put there.
    pub async fn fetch(body: &str, payloads: &impl Payloads) -> Result<Self, DocumentError> {
        let check = match Self::read(body) {
            Err(DocumentError::Elsewhere(check)) => check,
            read => return read,
        };
        if payloads.bucket() != Some(check.bucket()) {
            return Err(DocumentError::ForeignBucket(check.bucket().to_owned()));
        }
        let bytes = usize::try_from(check.size()).unwrap_or(usize::MAX);
        let value = payloads
            .get(check.key(), bytes.min(LETTER_BYTES_MAX))
            .await
            .map_err(|error| match error {
                PayloadError::TooLarge { .. } => DocumentError::NotItsLetter,
                error @ (PayloadError::Unavailable(_) | PayloadError::Missing) => {
                    DocumentError::NotFetched(error)
                }
            })?;
        if value.len() != bytes || sha256(&value) != check.sha256() {
            return Err(DocumentError::NotItsLetter);
        }
        let text = std::str::from_utf8(&value).map_err(|_| DocumentError::NotItsLetter)?;
        Self::read_whole(text)
    }
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            write!(hex, "{byte:02x}").unwrap_or_default();
            hex
        })
}
