//! Sending: one message, or a batch whose entries succeed and fail one by one.
//!
//! A batch is refused as a whole only for what concerns the whole: its number of entries, its ids, its size.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::super::attributes::DELAY_SECONDS;
use super::super::checksum;
use super::super::errors::Refusal;
use super::super::message::Content;
use super::super::queue::Queue;
use super::super::wire::{
    Batch, BatchOutcome, Entry, Failed, Outgoing, SendMessage, Sent, Succeeded, required,
};
use super::super::{BATCH_ENTRIES_MAX, MESSAGE_BYTES_MAX};
use super::{Service, name_of_url};

/// The characters of a batch entry's id.
const ENTRY_ID_CHARACTERS_MAX: usize = 80;

impl Service {
    pub(in super::super) fn send_message(&self, request: SendMessage) -> Result<Sent, Refusal> {
        let name = name_of_url(request.queue_url)?;
        let message = Checked::new(request.message)?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        let sent = message.send(queue)?;
        self.changed.notify_waiters();
        Ok(sent)
    }

    pub(in super::super) fn send_message_batch(
        &self,
        request: Batch<Outgoing>,
    ) -> Result<BatchOutcome<Sent>, Refusal> {
        let name = name_of_url(request.queue_url)?;
        check_batch(&request.entries, "SendMessageBatchRequestEntry")?;
        let bytes: usize = request
            .entries
            .iter()
            .map(|entry| entry.content.bytes())
            .sum();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(Refusal::BatchTooLong { bytes });
        }
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        let outcome = one_by_one(request.entries, |message| {
            Checked::new(message)?.send(queue)
        });
        self.changed.notify_waiters();
        Ok(outcome)
    }
}

/// A message that may be sent, apart from the size its queue allows.
struct Checked {
    content: Content,
    delay_seconds: Option<u64>,
}

impl Checked {
    fn new(message: Outgoing) -> Result<Self, Refusal> {
        let delay_seconds = message.delay_seconds;
        if let Some(seconds) = delay_seconds.filter(|seconds| !DELAY_SECONDS.contains(seconds)) {
            return Err(Refusal::out_of_range(
                "DelaySeconds",
                seconds,
                &DELAY_SECONDS,
            ));
        }
        let body = required(message.message_body, "MessageBody")?;
        let content = Content::new(
            body,
            message.message_attributes,
            message.message_system_attributes,
        )?;
        Ok(Self {
            content,
            delay_seconds,
        })
    }

    fn send(self, queue: &mut Queue) -> Result<Sent, Refusal> {
        let md5_of_body = checksum::of_body(&self.content.body);
        let md5_of_attributes = checksum::of_attributes(&self.content.attributes);
        let md5_of_system_attributes = checksum::of_attributes(&self.content.system_attributes);
        let delay_seconds = self.delay_seconds.unwrap_or(queue.settings.delay_seconds);
        let delay = Duration::from_secs(delay_seconds);
        let message_id = queue.send(self.content, delay, Instant::now())?;
        Ok(Sent {
            message_id,
            md5_of_body,
            md5_of_attributes,
            md5_of_system_attributes,
        })
    }
}

/// Holds a batch against the limits that concern the whole of it.
pub(super) fn check_batch<E>(entries: &[Entry<E>], entry: &'static str) -> Result<(), Refusal> {
    if entries.is_empty() {
        return Err(Refusal::EmptyBatch { entry });
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        return Err(Refusal::TooManyEntries {
            entries: entries.len(),
        });
    }
    let mut seen = BTreeSet::new();
    for entry in entries {
        if !is_entry_id(&entry.id) {
            return Err(Refusal::InvalidBatchEntryId);
        }
        if !seen.insert(&entry.id) {
            return Err(Refusal::IdsNotDistinct {
                id: entry.id.clone(),
            });
        }
    }
    Ok(())
}

/// Does each entry on its own and keeps every result under the entry's id.
pub(super) fn one_by_one<E, S>(
    entries: Vec<Entry<E>>,
    mut act: impl FnMut(E) -> Result<S, Refusal>,
) -> BatchOutcome<S> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Entry { id, content } in entries {
        match act(content) {
            Ok(outcome) => successful.push(Succeeded { id, outcome }),
            Err(refusal) => {
                let (_, code) = refusal.names();
                let message = refusal.to_string();
                failed.push(Failed {
                    id,
                    sender_fault: true,
                    code,
                    message,
                });
            }
        }
    }
    BatchOutcome { successful, failed }
}

fn is_entry_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=ENTRY_ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(allowed)
}
