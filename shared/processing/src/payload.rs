//! Values that are too large to travel where they belong: kept before their transaction, fetched before their
//! record is decided.
//!
//! The event then carries a [`ClaimCheck`]. An object's key is made of its content, so that storing it again is
//! harmless, and one whose transaction never commits harms nobody: the bucket's lifecycle rule removes it. The
//! calls are not repeated here; that is the adapter's business.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use event_schema::{ClaimCheck, VALUE_BYTES_MAX};
use futures_util::{StreamExt, stream};

use crate::deadline::Deadline;
use crate::ports::{PayloadError, Payloads, Timer};
use crate::record::sha256_hex;
use crate::rejection::Refusal;

/// Calls for large values that are under way at once.
pub const PAYLOADS_IN_FLIGHT_MAX: usize = 8;
/// Bytes of large values that an invocation has fetched at once; a batch that holds more is worked off in parts.
pub const PAYLOAD_BYTES_AT_ONCE_MAX: u64 = 8 * VALUE_BYTES_MAX as u64;
/// Bytes of large values that the events of one record may have together.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = 4 * VALUE_BYTES_MAX;

/// The setting that names the bucket.
pub(crate) const BUCKET_SETTING: &str = "OVERFLOW_BUCKET";

/// A value that is too large for its row, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Overflow {
    pub(crate) check: ClaimCheck,
    value: Arc<str>,
}

/// Why a value was not fetched.
pub(crate) enum NotFetched {
    /// It will not be there later either: dead letter.
    Never(Refusal),
    /// It may be fetched by a later delivery.
    Unfinished(Refusal),
}

/// Keeps and fetches, within the deadline.
pub(crate) struct Keeper<'a, P, T> {
    pub(crate) payloads: &'a P,
    pub(crate) timer: &'a T,
    pub(crate) deadline: Deadline,
}

impl Overflow {
    /// The value as an object of the bucket; `None` if the bucket's name is none.
    pub(crate) fn new(bucket: &str, value: String) -> Option<Self> {
        let size = u64::try_from(value.len()).ok()?;
        let check = ClaimCheck::of_payload(bucket, size, sha256_hex(value.as_bytes())).ok()?;
        Some(Self {
            check,
            value: value.into(),
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.value.len()
    }
}

impl<P: Payloads, T: Timer> Keeper<'_, P, T> {
    /// Stores values side by side, each once; why some could not be, by their keys.
    pub(crate) async fn keep<'v>(
        &self,
        overflows: impl Iterator<Item = &'v Overflow>,
    ) -> HashMap<String, Refusal> {
        // Sorted, so that a run can be repeated call by call.
        let values: BTreeMap<&str, &str> = overflows
            .map(|overflow| (overflow.check.key(), &*overflow.value))
            .collect();
        let calls: Vec<_> = values
            .into_iter()
            .map(|(key, value)| async move {
                let call = self.payloads.put(key, value.as_bytes());
                let refusal = match self.deadline.limit(self.timer, call).await {
                    Ok(Ok(())) => return None,
                    Ok(Err(error)) => Refusal::of("payload_unavailable", &error),
                    Err(_) => Refusal::new("deadline", "no time was left to keep a large event"),
                };
                Some((key.to_owned(), refusal))
            })
            .collect();
        stream::iter(calls)
            .buffer_unordered(PAYLOADS_IN_FLIGHT_MAX)
            .filter_map(|unkept| async { unkept })
            .collect()
            .await
    }

    /// Fetches the value of an event, and holds it against its reference.
    pub(crate) async fn fetch(&self, check: &ClaimCheck) -> Result<Vec<u8>, NotFetched> {
        let never = |code, message: &str| Err(NotFetched::Never(Refusal::new(code, message)));
        let Some(bucket) = self.payloads.bucket() else {
            let message = format!("its value lies in a bucket, and {BUCKET_SETTING} is not set");
            return never("payload_bucket_unset", &message);
        };
        if check.bucket() != bucket {
            let message = format!("its value lies in another bucket than {BUCKET_SETTING} names");
            return never("payload_bucket_foreign", &message);
        }
        let bytes = usize::try_from(check.size()).unwrap_or(usize::MAX);
        let call = (self.payloads).get(check.key(), bytes.min(VALUE_BYTES_MAX));
        let value = match self.deadline.limit(self.timer, call).await {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => return Err(not_fetched(&error)),
            Err(_) => {
                let message = "no time was left to fetch its value";
                return Err(NotFetched::Unfinished(Refusal::new("deadline", message)));
            }
        };
        if value.len() != bytes {
            return never(
                "payload_mismatch",
                "its value has not the size of its reference",
            );
        }
        if sha256_hex(&value) != check.sha256() {
            return never(
                "payload_mismatch",
                "its value has not the SHA-256 of its reference",
            );
        }
        Ok(value)
    }
}

fn not_fetched(error: &PayloadError) -> NotFetched {
    match error {
        PayloadError::Unavailable(_) => {
            NotFetched::Unfinished(Refusal::of("payload_unavailable", error))
        }
        PayloadError::Missing => NotFetched::Never(Refusal::of("payload_missing", error)),
        PayloadError::TooLarge { .. } => NotFetched::Never(Refusal::of("payload_mismatch", error)),
    }
}
