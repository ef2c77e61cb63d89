//! Receiving: take messages, wait for them, delete them, or change when they are seen again.
//!
//! A receive that waits holds no message and no lock; it looks again when something was sent or became visible.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::attributes::{VISIBILITY_SECONDS, WAIT_SECONDS};
use super::super::errors::Refusal;
use super::super::queue::{Queue, Stored};
use super::super::wire::{
    Batch, BatchOutcome, Done, OfQueue, Receipt, ReceiveMessage, ReceivedMessage, ReceivedMessages,
    VisibilityChange, WireAttribute, required,
};
use super::super::{BATCH_ENTRIES_MAX, checksum};
use super::sending::{check_batch, one_by_one};
use super::{Service, arn, name_of_arn, name_of_url};
use crate::ACCOUNT_ID;

const RECEIVED_MESSAGES: RangeInclusive<u64> = 1..=BATCH_ENTRIES_MAX as u64;

/// The system attributes a receiver may ask for.
const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "AWSTraceHeader",
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// What a receiver asked for, checked.
struct Ask {
    queue: String,
    messages_max: usize,
    visibility_seconds: Option<u64>,
    wait_seconds: Option<u64>,
    system_attributes: Vec<String>,
    attributes: Vec<String>,
}

impl Ask {
    fn new(request: ReceiveMessage) -> Result<Self, Refusal> {
        let messages = request.max_number_of_messages;
        check("MaxNumberOfMessages", messages, &RECEIVED_MESSAGES)?;
        check(
            "VisibilityTimeout",
            request.visibility_timeout,
            &VISIBILITY_SECONDS,
        )?;
        check("WaitTimeSeconds", request.wait_time_seconds, &WAIT_SECONDS)?;
        let mut system_attributes = request.attribute_names;
        system_attributes.extend(request.message_system_attribute_names);
        let is_unknown = |name: &&String| !SYSTEM_ATTRIBUTES.contains(&name.as_str());
        if let Some(name) = system_attributes.iter().find(is_unknown) {
            return Err(Refusal::InvalidAttributeName { name: name.clone() });
        }
        Ok(Self {
            queue: name_of_url(request.queue_url)?,
            messages_max: messages.map_or(1, |messages| usize::try_from(messages).unwrap_or(1)),
            visibility_seconds: request.visibility_timeout,
            wait_seconds: request.wait_time_seconds,
            system_attributes,
            attributes: request.message_attribute_names,
        })
    }
}

impl Service {
    /// Receives messages, waiting for a first one as long as the request or else the queue says.
    pub(in super::super) async fn receive_message(
        &self,
        request: ReceiveMessage,
    ) -> Result<ReceivedMessages, Refusal> {
        let ask = Ask::new(request)?;
        let started = Instant::now();
        let mut stop = self.stop.clone();
        loop {
            // Listening begins before looking, so that nothing sent in between is missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let (messages, queue_wait_seconds, next_visible_at) = self.take(&ask)?;
            let wait_seconds = ask.wait_seconds.unwrap_or(queue_wait_seconds);
            let until = started + Duration::from_secs(wait_seconds);
            if !messages.is_empty() || Instant::now() >= until {
                return Ok(ReceivedMessages { messages });
            }
            let wake_at = next_visible_at.map_or(until, |visible_at| visible_at.min(until));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake_at) => {}
                () = stop.raised() => return Ok(ReceivedMessages { messages }),
            }
        }
    }

    pub(in super::super) fn delete_message(
        &self,
        request: OfQueue<Receipt>,
    ) -> Result<Done, Refusal> {
        let name = name_of_url(request.queue_url)?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        delete(queue, request.message)
    }

    pub(in super::super) fn delete_message_batch(
        &self,
        request: Batch<Receipt>,
    ) -> Result<BatchOutcome<Done>, Refusal> {
        let name = name_of_url(request.queue_url)?;
        check_batch(&request.entries, "DeleteMessageBatchRequestEntry")?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        Ok(one_by_one(request.entries, |receipt| {
            delete(queue, receipt)
        }))
    }

    pub(in super::super) fn change_message_visibility(
        &self,
        request: OfQueue<VisibilityChange>,
    ) -> Result<Done, Refusal> {
        let name = name_of_url(request.queue_url)?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        let done = change_visibility(queue, request.message)?;
        self.changed.notify_waiters();
        Ok(done)
    }

    pub(in super::super) fn change_message_visibility_batch(
        &self,
        request: Batch<VisibilityChange>,
    ) -> Result<BatchOutcome<Done>, Refusal> {
        let name = name_of_url(request.queue_url)?;
        check_batch(&request.entries, "ChangeMessageVisibilityBatchRequestEntry")?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        let outcome = one_by_one(request.entries, |change| change_visibility(queue, change));
        self.changed.notify_waiters();
        Ok(outcome)
    }

    /// Takes what is visible now; also the queue's own wait and when to look again.
    fn take(&self, ask: &Ask) -> Result<(Vec<ReceivedMessage>, u64, Option<Instant>), Refusal> {
        let now = Instant::now();
        let mut queues = self.lock();
        let queue = queues
            .get_mut(&ask.queue)
            .ok_or(Refusal::QueueDoesNotExist)?;
        let visibility = ask
            .visibility_seconds
            .map_or(queue.settings.visibility(), Duration::from_secs);
        let taken = queue.receive(ask.messages_max, visibility, now)?;
        let (wait_seconds, next) = (queue.settings.wait_seconds, queue.next_visible_at());
        let redrive = queue.settings.redrive.clone();
        if let Some(redrive) = redrive.filter(|_| !taken.dead.is_empty()) {
            // Queues are never deleted, so the target that CreateQueue saw is still there.
            let target = name_of_arn(&redrive.target_arn)?;
            let target = queues.get_mut(target).ok_or(Refusal::QueueDoesNotExist)?;
            for dead in taken.dead {
                target.adopt(dead, &arn(&ask.queue), now);
            }
            self.changed.notify_waiters();
        }
        let messages = taken
            .messages
            .into_iter()
            .map(|it| self.received(it, ask))
            .collect();
        Ok((messages, wait_seconds, next))
    }

    fn received(&self, message: Stored, ask: &Ask) -> ReceivedMessage {
        let selected = message.content.selected(&ask.attributes);
        ReceivedMessage {
            attributes: self.system_attributes(&message, &ask.system_attributes),
            message_id: message.id,
            receipt_handle: message.receipt.unwrap_or_default(),
            md5_of_body: checksum::of_body(&message.content.body),
            md5_of_attributes: checksum::of_attributes(&selected),
            message_attributes: selected
                .iter()
                .map(|(name, attribute)| (name.clone(), WireAttribute::from(attribute)))
                .collect(),
            body: message.content.body,
        }
    }

    fn system_attributes(
        &self,
        message: &Stored,
        wanted: &[String],
    ) -> BTreeMap<&'static str, String> {
        let epoch = |instant| self.clock.epoch_milliseconds(instant).to_string();
        [
            ("SenderId", Some(ACCOUNT_ID.to_owned())),
            ("SentTimestamp", Some(epoch(message.sent_at))),
            (
                "ApproximateReceiveCount",
                Some(message.receive_count.to_string()),
            ),
            (
                "ApproximateFirstReceiveTimestamp",
                message.first_received_at.map(epoch),
            ),
            ("DeadLetterQueueSourceArn", message.source_arn.clone()),
            (
                "AWSTraceHeader",
                message.content.trace_header().map(ToOwned::to_owned),
            ),
        ]
        .into_iter()
        .filter(|(name, _)| {
            wanted
                .iter()
                .any(|wanted| wanted == "All" || wanted == name)
        })
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
    }
}

fn delete(queue: &mut Queue, receipt: Receipt) -> Result<Done, Refusal> {
    queue.delete(&required(receipt.receipt_handle, "ReceiptHandle")?)?;
    Ok(Done {})
}

fn change_visibility(queue: &mut Queue, change: VisibilityChange) -> Result<Done, Refusal> {
    let handle = required(change.receipt_handle, "ReceiptHandle")?;
    let seconds = required(change.visibility_timeout, "VisibilityTimeout")?;
    check("VisibilityTimeout", Some(seconds), &VISIBILITY_SECONDS)?;
    queue.change_visibility(&handle, Duration::from_secs(seconds), Instant::now())?;
    Ok(Done {})
}

fn check(parameter: &str, value: Option<u64>, range: &RangeInclusive<u64>) -> Result<(), Refusal> {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(Refusal::out_of_range(parameter, value, range))
        }
        Some(_) | None => Ok(()),
    }
}
