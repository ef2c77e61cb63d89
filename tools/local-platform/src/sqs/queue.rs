//! One standard queue: what is in it, what is visible now, and what becomes of a message that is received.
//!
//! Every method takes the time it is to act at, so the queue has no clock and never waits. Messages come in the
//! order in which they became visible, which a standard queue does not promise and a caller must not rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::Instant;
use uuid::Uuid;

use super::attributes::Settings;
use super::errors::Refusal;
use super::message::Content;
use super::{IN_FLIGHT_MESSAGES_MAX, QUEUE_MESSAGES_MAX};

/// A message with what the queue knows of it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) content: Content,
    /// When it was first sent; a move to a dead-letter queue does not change it (standard queues).
    pub(super) sent_at: Instant,
    pub(super) first_received_at: Option<Instant>,
    /// Receives so far; a move to a dead-letter queue does not reset it.
    pub(super) receive_count: u64,
    /// The queue it came from, once it is a dead letter.
    pub(super) source_arn: Option<String>,
    /// The handle of the last receive.
    pub(super) receipt: Option<String>,
    visible_at: Instant,
}

/// What a receive took out of sight.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) messages: Vec<Stored>,
    /// Messages that had been received too often and have left this queue.
    pub(super) dead: Vec<Stored>,
}

/// How many messages are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) settings: Settings,
    pub(super) created_at: Instant,
    messages: BTreeMap<u64, Stored>,
    by_visibility: BTreeSet<(Instant, u64)>,
    by_age: BTreeSet<(Instant, u64)>,
    next_number: u64,
}

impl Queue {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            created_at: now,
            messages: BTreeMap::new(),
            by_visibility: BTreeSet::new(),
            by_age: BTreeSet::new(),
            next_number: 0,
        }
    }

    /// Adds a message that becomes visible after `delay`, and returns its id.
    pub(super) fn send(
        &mut self,
        content: Content,
        delay: Duration,
        now: Instant,
    ) -> Result<String, Refusal> {
        let bytes_max = usize::try_from(self.settings.message_bytes_max).unwrap_or(usize::MAX);
        if content.bytes() > bytes_max {
            return Err(Refusal::MessageTooLong { bytes_max });
        }
        self.expire(now);
        if self.messages.len() >= QUEUE_MESSAGES_MAX {
            return Err(Refusal::OverLimit);
        }
        let id = Uuid::new_v4().to_string();
        self.insert(Stored {
            id: id.clone(),
            content,
            sent_at: now,
            first_received_at: None,
            receive_count: 0,
            source_arn: None,
            receipt: None,
            visible_at: now + delay,
        });
        Ok(id)
    }

    /// Takes in a dead letter of another queue; it is visible at once and keeps its age.
    pub(super) fn adopt(&mut self, dead: Stored, source_arn: &str, now: Instant) {
        let source_arn = Some(source_arn.to_owned());
        self.insert(Stored {
            source_arn,
            receipt: None,
            visible_at: now,
            ..dead
        });
    }

    /// Takes up to `messages_max` visible messages out of sight for `visibility`.
    pub(super) fn receive(
        &mut self,
        messages_max: usize,
        visibility: Duration,
        now: Instant,
    ) -> Result<Taken, Refusal> {
        self.expire(now);
        // Counting walks the queue, which is only worth it when the limit is possible.
        if self.messages.len() >= IN_FLIGHT_MESSAGES_MAX
            && self.counts(now).in_flight >= IN_FLIGHT_MESSAGES_MAX
        {
            return Err(Refusal::OverLimit);
        }
        let mut taken = Taken::default();
        let mut numbers = Vec::new();
        while taken.messages.len() < messages_max {
            let Some(number) = self.next_visible(now) else {
                break;
            };
            let Some(mut message) = self.remove(number) else {
                break;
            };
            if self.is_exhausted(&message) {
                taken.dead.push(message);
                continue;
            }
            message.receive_count += 1;
            message.first_received_at.get_or_insert(now);
            message.receipt = Some(new_receipt(number));
            message.visible_at = now + visibility;
            numbers.push(number);
            taken.messages.push(message);
        }
        // Put back last, so that a visibility of zero does not bring a message twice.
        for (number, message) in numbers.into_iter().zip(&taken.messages) {
            self.put(number, message.clone());
        }
        Ok(taken)
    }

    /// Deletes a message by the handle of its last receive; an older handle deletes nothing, which SQS allows.
    pub(super) fn delete(&mut self, handle: &str) -> Result<(), Refusal> {
        let number = number_of(handle)?;
        let is_last = |message: &Stored| message.receipt.as_deref() == Some(handle);
        if self.messages.get(&number).is_some_and(is_last) {
            self.remove(number);
        }
        Ok(())
    }

    /// Makes a received message visible after `visibility` from now; zero gives it back at once.
    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        visibility: Duration,
        now: Instant,
    ) -> Result<(), Refusal> {
        let number = number_of(handle)?;
        let message = self.messages.get(&number).ok_or_else(|| missing(handle))?;
        if message.receipt.as_deref() != Some(handle) || message.visible_at <= now {
            return Err(Refusal::MessageNotInflight);
        }
        if let Some(mut message) = self.remove(number) {
            message.visible_at = now + visibility;
            self.put(number, message);
        }
        Ok(())
    }

    /// Removes every message, at once and however often it is asked.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.by_visibility.clear();
        self.by_age.clear();
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values() {
            match (message.visible_at <= now, message.receipt.is_some()) {
                (true, _) => counts.visible += 1,
                (false, true) => counts.in_flight += 1,
                (false, false) => counts.delayed += 1,
            }
        }
        counts
    }

    /// Returns when the next message becomes visible; none when the queue is empty.
    pub(super) fn next_visible_at(&self) -> Option<Instant> {
        self.by_visibility
            .first()
            .map(|(visible_at, _)| *visible_at)
    }

    /// Removes the messages that are older than the retention period.
    pub(super) fn expire(&mut self, now: Instant) {
        let retention = self.settings.retention();
        while let Some((sent_at, number)) = self.by_age.first().copied() {
            if sent_at + retention > now {
                return;
            }
            self.remove(number);
        }
    }

    fn is_exhausted(&self, message: &Stored) -> bool {
        let redrive = self.settings.redrive.as_ref();
        redrive.is_some_and(|redrive| message.receive_count >= redrive.receive_count_max)
    }

    fn next_visible(&self, now: Instant) -> Option<u64> {
        let (visible_at, number) = self.by_visibility.first()?;
        (*visible_at <= now).then_some(*number)
    }

    fn insert(&mut self, message: Stored) {
        let number = self.next_number;
        self.next_number += 1;
        self.put(number, message);
    }

    fn put(&mut self, number: u64, message: Stored) {
        self.by_visibility.insert((message.visible_at, number));
        self.by_age.insert((message.sent_at, number));
        self.messages.insert(number, message);
    }

    fn remove(&mut self, number: u64) -> Option<Stored> {
        let message = self.messages.remove(&number)?;
        self.by_visibility.remove(&(message.visible_at, number));
        self.by_age.remove(&(message.sent_at, number));
        Some(message)
    }
}

fn new_receipt(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{number}:{}", Uuid::new_v4()))
}

fn number_of(handle: &str) -> Result<u64, Refusal> {
    let decoded = URL_SAFE_NO_PAD
        .decode(handle)
        .ok()
        .and_then(|it| String::from_utf8(it).ok());
    decoded
        .as_deref()
        .and_then(|text| text.split_once(':'))
        .and_then(|(number, _)| number.parse().ok())
        .ok_or_else(|| Refusal::ReceiptHandleIsInvalid {
            handle: handle.to_owned(),
        })
}

fn missing(handle: &str) -> Refusal {
    Refusal::InvalidParameter {
        parameter: "ReceiptHandle".to_owned(),
        value: handle.to_owned(),
        reason: "Message does not exist or is not available for visibility timeout change"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
