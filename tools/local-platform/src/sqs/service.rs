//! The actions on queues: create, find, describe, purge; and what all actions share.
//!
//! Messages are sent in `service/sending.rs` and received in `service/receiving.rs`. Nothing here speaks HTTP.

mod receiving;
mod sending;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::attributes::Settings;
use super::clock::Clock;
use super::errors::Refusal;
use super::queue::Queue;
use super::queue_url;
use super::wire::{
    CreateQueue, Done, GetQueueAttributes, GetQueueUrl, ListQueues, PurgeQueue, QueueAttributes,
    QueueUrl, QueueUrls, required,
};
use crate::serving::StopSignal;
use crate::{ACCOUNT_ID, REGION};

/// The characters of a queue's name.
const NAME_CHARACTERS_MAX: usize = 80;

/// The queues one response lists.
const LISTED_QUEUES_MAX: u64 = 1_000;

/// The queues by name.
type Queues = BTreeMap<String, Queue>;

/// All queues, and what wakes the receives that wait.
#[derive(Debug)]
pub(super) struct Service {
    address: SocketAddr,
    clock: Clock,
    stop: StopSignal,
    queues: Mutex<Queues>,
    /// Told whenever a message may have become visible earlier than waiting receives know.
    changed: Notify,
}

impl Service {
    pub(super) fn new(address: SocketAddr, stop: StopSignal) -> Self {
        let (clock, queues, changed) = (Clock::start(), Mutex::default(), Notify::new());
        Self {
            address,
            clock,
            stop,
            queues,
            changed,
        }
    }

    /// Creates a queue; the same again is no error, the same name with other attributes is one.
    pub(super) fn create_queue(&self, request: CreateQueue) -> Result<QueueUrl, Refusal> {
        let name = required(request.queue_name, "QueueName")?;
        check_name(&name)?;
        let settings = Settings::read(&request.attributes)?;
        let mut queues = self.lock();
        if let Some(redrive) = &settings.redrive
            && !queues.contains_key(name_of_arn(&redrive.target_arn)?)
        {
            return Err(dead_letter_target(&redrive.target_arn));
        }
        if let Some(existing) = queues.get(&name) {
            // Only what is named in the request must agree with the queue.
            let wanted = settings.describe();
            let current = existing.settings.describe();
            let differs = |attribute: &&String| wanted.get(*attribute) != current.get(*attribute);
            if let Some(attribute) = request.attributes.keys().find(differs) {
                return Err(Refusal::QueueNameExists {
                    attribute: attribute.clone(),
                });
            }
        } else {
            queues.insert(name.clone(), Queue::new(settings, Instant::now()));
        }
        Ok(QueueUrl {
            queue_url: queue_url(self.address, &name),
        })
    }

    pub(super) fn get_queue_url(&self, request: GetQueueUrl) -> Result<QueueUrl, Refusal> {
        let name = required(request.queue_name, "QueueName")?;
        if !self.lock().contains_key(&name) {
            return Err(Refusal::QueueDoesNotExist);
        }
        Ok(QueueUrl {
            queue_url: queue_url(self.address, &name),
        })
    }

    /// Lists queues in order of their names; the token is the last name of the page before.
    pub(super) fn list_queues(&self, request: &ListQueues) -> Result<QueueUrls, Refusal> {
        let range = 1..=LISTED_QUEUES_MAX;
        let wanted = request.max_results.unwrap_or(LISTED_QUEUES_MAX);
        if !range.contains(&wanted) {
            return Err(Refusal::out_of_range("MaxResults", wanted, &range));
        }
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let after = request.next_token.as_deref().unwrap_or_default();
        let queues = self.lock();
        let mut names = queues
            .keys()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<&String> = names.by_ref().take(wanted).collect();
        let next_token = match (names.next(), page.last()) {
            (Some(_), Some(last)) => Some((*last).clone()),
            (None, _) | (_, None) => None,
        };
        let queue_urls = page
            .into_iter()
            .map(|name| queue_url(self.address, name))
            .collect();
        Ok(QueueUrls {
            queue_urls,
            next_token,
        })
    }

    pub(super) fn get_queue_attributes(
        &self,
        request: GetQueueAttributes,
    ) -> Result<QueueAttributes, Refusal> {
        let name = name_of_url(request.queue_url)?;
        let mut queues = self.lock();
        let queue = queues.get_mut(&name).ok_or(Refusal::QueueDoesNotExist)?;
        let all = self.describe(&name, queue);
        let wanted = request.attribute_names;
        if wanted.iter().any(|wanted| wanted == "All") {
            return Ok(QueueAttributes { attributes: all });
        }
        if let Some(unknown) = wanted
            .iter()
            .find(|name| *name != "RedrivePolicy" && !all.contains_key(*name))
        {
            return Err(Refusal::InvalidAttributeName {
                name: unknown.clone(),
            });
        }
        let attributes = all
            .into_iter()
            .filter(|(name, _)| wanted.contains(name))
            .collect();
        Ok(QueueAttributes { attributes })
    }

    /// Removes all messages at once; unlike SQS it may be repeated within a minute.
    pub(super) fn purge_queue(&self, request: PurgeQueue) -> Result<Done, Refusal> {
        let name = name_of_url(request.queue_url)?;
        self.lock()
            .get_mut(&name)
            .ok_or(Refusal::QueueDoesNotExist)?
            .purge();
        Ok(Done {})
    }

    fn describe(&self, name: &str, queue: &mut Queue) -> BTreeMap<String, String> {
        let now = Instant::now();
        queue.expire(now);
        let counts = queue.counts(now);
        let created = self.clock.epoch_seconds(queue.created_at).to_string();
        let mut described = queue.settings.describe();
        described.extend(
            [
                ("QueueArn", arn(name)),
                ("CreatedTimestamp", created.clone()),
                ("LastModifiedTimestamp", created),
                ("SqsManagedSseEnabled", "false".to_owned()),
                ("ApproximateNumberOfMessages", counts.visible.to_string()),
                (
                    "ApproximateNumberOfMessagesNotVisible",
                    counts.in_flight.to_string(),
                ),
                (
                    "ApproximateNumberOfMessagesDelayed",
                    counts.delayed.to_string(),
                ),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        described
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}")
}

/// Returns the queue's name; any region and account are taken, as there is one of each here.
fn name_of_arn(target_arn: &str) -> Result<&str, Refusal> {
    match target_arn
        .strip_prefix("arn:aws:sqs:")
        .and_then(|rest| rest.rsplit_once(':'))
    {
        Some((_, name)) => Ok(name),
        None => Err(dead_letter_target(target_arn)),
    }
}

/// Returns the last part of a queue URL: host and account are not compared, so that any name of this machine works.
fn name_of_url(url: Option<String>) -> Result<String, Refusal> {
    let url = required(url, "QueueUrl")?;
    let name = url.rsplit('/').next().unwrap_or_default();
    Ok(name.to_owned())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.strip_suffix(".fifo").is_some() {
        return Err(Refusal::Unsupported {
            what: "A FIFO queue".to_owned(),
        });
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=NAME_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Refusal::InvalidParameter {
        parameter: "QueueName".to_owned(),
        value: name.to_owned(),
        reason:
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                .to_owned(),
    })
}

fn dead_letter_target(target_arn: &str) -> Refusal {
    Refusal::InvalidParameter {
        parameter: "RedrivePolicy".to_owned(),
        value: target_arn.to_owned(),
        reason: "Dead letter target does not exist".to_owned(),
    }
}

#[cfg(test)]
mod tests;
