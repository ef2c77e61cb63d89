//! An event on its way to Kafka, and the record that it becomes.
//!
//! It does not look into the value: whoever made the event answers for it.

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;

/// Characters of a topic's name, as Kafka limits them.
const TOPIC_CHARS_MAX: usize = 249;

/// An event to publish: one record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// The topic.
    pub topic: String,
    /// Chooses the partition, and orders the event behind earlier ones of the same key; without a key an event
    /// goes to any partition and has no order.
    pub key: Option<String>,
    /// The record's value.
    pub value: String,
    /// The header `event_id`.
    pub event_id: String,
    /// The header `event_type`.
    pub event_type: String,
    /// The header `timestamp`, in the form of the envelope.
    pub timestamp: String,
    /// The header `traceparent`; without it the record has no such header.
    pub traceparent: Option<String>,
}

impl OutgoingEvent {
    /// Bytes of key, value and headers.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers().into_iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        self.value.len() + self.key.as_ref().map_or(0, String::len) + headers
    }

    /// What orders this event; `None` if nothing does.
    pub(crate) fn order(&self) -> Option<(&str, &str)> {
        Some((&self.topic, self.key.as_deref()?))
    }

    /// Says what is wrong with the topic's name, by Kafka's rules.
    pub(crate) fn topic_problem(&self) -> Option<String> {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_right = (1..=TOPIC_CHARS_MAX).contains(&self.topic.len())
            && self.topic.chars().all(is_char)
            && ![".", ".."].contains(&self.topic.as_str());
        (!is_right).then(|| {
            format!(
                "{:?} is no name of a topic: 1 to {TOPIC_CHARS_MAX} of letters, digits, `.`, `_` and `-`",
                self.topic
            )
        })
    }

    pub(crate) fn record(&self) -> FutureRecord<'_, str, str> {
        let present = self.headers().into_iter();
        let headers = present.fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
        let record = FutureRecord::to(&self.topic)
            .payload(self.value.as_str())
            .headers(headers);
        match &self.key {
            Some(key) => record.key(key),
            None => record,
        }
    }

    fn headers(&self) -> impl IntoIterator<Item = (&'static str, &str)> {
        let always = [
            ("event_id", self.event_id.as_str()),
            ("event_type", self.event_type.as_str()),
            ("timestamp", self.timestamp.as_str()),
        ];
        let traced = self.traceparent.as_deref();
        always
            .into_iter()
            .chain(traced.map(|traceparent| ("traceparent", traceparent)))
    }
}
