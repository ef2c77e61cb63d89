//! Topics in memory, for whatever publishes.
//!
//! It keeps the promise of [`processing::Publisher`]: what is on a topic is always a prefix of what was to go
//! there. Faults at random are the simulation's.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use processing::{OutboxEvent, PublishError, PublishFailure, Publisher};

use crate::lock;

/// Topics whose clones share their records.
#[derive(Clone, Debug, Default)]
pub struct MemoryPublisher(Arc<Mutex<Topics>>);

#[derive(Debug, Default)]
struct Topics {
    records: Vec<(String, OutboxEvent)>,
    calls: usize,
    refused_ids: BTreeSet<String>,
    /// Events that are taken before everything is unavailable.
    room: Option<usize>,
    loses_answers: bool,
}

impl MemoryPublisher {
    /// Creates topics without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what was published, with its topic, in order; what came twice is there twice.
    #[must_use]
    pub fn records(&self) -> Vec<(String, OutboxEvent)> {
        lock(&self.0).records.clone()
    }

    /// Says how often it was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.0).calls
    }

    /// Refuses an event for good, with the code `event_too_large`.
    pub fn refuse(&self, event_id: &str) {
        lock(&self.0).refused_ids.insert(event_id.to_owned());
    }

    /// Takes so many events more and is unavailable then; `None` takes all again.
    pub fn take_only(&self, events: Option<usize>) {
        lock(&self.0).room = events;
    }

    /// Takes what comes and says that it was unavailable, or answers again.
    pub fn lose_answers(&self, loses: bool) {
        lock(&self.0).loses_answers = loses;
    }
}

impl Publisher for MemoryPublisher {
    async fn publish(&self, topic: &str, events: &[OutboxEvent]) -> Result<(), PublishError> {
        lock(&self.0).publish(topic, events)
    }
}

impl Topics {
    fn publish(&mut self, topic: &str, events: &[OutboxEvent]) -> Result<(), PublishError> {
        self.calls += 1;
        for (published, event) in events.iter().enumerate() {
            let failure = if self.refused_ids.contains(&event.event_id) {
                let cause = "it was told to refuse it".into();
                let code = "event_too_large";
                PublishFailure::Refused { code, cause }
            } else if self.room == Some(0) {
                PublishFailure::Unavailable("it was told to be unavailable".into())
            } else {
                self.room = self.room.map(|room| room - 1);
                self.records.push((topic.to_owned(), event.clone()));
                continue;
            };
            return Err(PublishError { published, failure });
        }
        if self.loses_answers {
            let failure = PublishFailure::Unavailable("its answer was lost".into());
            let published = 0;
            return Err(PublishError { published, failure });
        }
        Ok(())
    }
}
