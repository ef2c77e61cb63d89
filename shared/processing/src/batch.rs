//! A batch's records, decoded one by one: a bad one is noted, the rest go on.

use std::collections::BTreeMap;

use event_schema::{Claimed, Envelope, EventId, Hints, Incoming, Read, Timestamp};
use msk_event::{Delivered, ItemIdentifier, KafkaEvent, Malformed, Position};

use crate::decide::Dedup;
use crate::record::{Record, Source, Whole, ordering_key, sha256_hex};
use crate::rejection::Refusal;
use crate::store::Write;

/// The records of an invocation, per partition in offset order.
#[derive(Debug)]
pub(crate) struct Batch<E> {
    pub(crate) cluster: String,
    pub(crate) entries: Vec<Entry<E>>,
}

/// Why a parked record is left a dead letter.
#[derive(Clone, Debug)]
pub(crate) struct Skip {
    pub(crate) reason: String,
    /// Whether it has been a dead letter before. One that only waited behind others has not.
    pub(crate) has_letter: bool,
}

/// One record and what has become of it.
#[derive(Debug)]
pub(crate) struct Entry<E> {
    /// Where it lies; `None` if not even that could be read.
    pub(crate) position: Option<Position>,
    /// How the answer names it.
    pub(crate) identifier: Option<ItemIdentifier>,
    pub(crate) topic_partition: String,
    pub(crate) raw: String,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) payload_sha256: String,
    pub(crate) event_type: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) content: Content<E>,
    /// Where its value lies, if not in it.
    pub(crate) claim: Option<Box<Claimed>>,
    /// How often its handler asked for what was not loaded.
    pub(crate) rounds: u32,
    /// Set when its writes turned out to be invalid, whatever the handler says.
    pub(crate) condemned: Option<Refusal>,
    pub(crate) fate: Option<Fate>,
    /// The rows in which it is parked, as the writes that take them away.
    pub(crate) rows: Vec<Write>,
    /// An operator has it skipped.
    pub(crate) skip: Option<Skip>,
}

/// What a record turned out to be.
#[derive(Debug)]
pub(crate) enum Content<E> {
    Event(Box<Record<E>>),
    /// An event of another type, on a topic that several types share.
    OtherType,
    Undecodable(Refusal),
    /// An event whose value lies elsewhere, and is not or no longer at hand.
    Elsewhere,
}

/// What has become of a record in this invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Applied,
    Duplicate,
    Ignored,
    Parked,
    DeadLettered(Refusal),
    Unfinished(Refusal),
}

impl<E: Incoming> Batch<E> {
    pub(crate) fn decode(event: &KafkaEvent<'_>, dedup: Dedup, now: Timestamp) -> Self {
        let cluster = event.cluster().into_owned();
        let mut partitions: BTreeMap<String, Vec<Entry<E>>> = BTreeMap::new();
        for delivered in &event.records {
            let entry = match delivered {
                Delivered::Record(record) => decode_record(record, &cluster, dedup, now),
                Delivered::Malformed(malformed) => malformed_entry(malformed),
            };
            partitions
                .entry(entry.topic_partition.clone())
                .or_default()
                .push(entry);
        }
        for entries in partitions.values_mut() {
            // Records arrive in offset order; where one arrives out of it, offsets decide.
            entries.sort_by_key(|entry| entry.position.as_ref().map(|position| position.offset));
        }
        Self {
            cluster,
            entries: partitions.into_values().flatten().collect(),
        }
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = (usize, &Entry<E>)> {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.fate.is_none())
    }

    pub(crate) fn set_fate(&mut self, index: usize, fate: Fate) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.fate = Some(fate);
        }
    }

    /// Leaves everything that is not finished for a later delivery.
    pub(crate) fn give_up(&mut self, refusal: &Refusal) {
        for entry in self.entries.iter_mut().filter(|entry| entry.fate.is_none()) {
            entry.fate = Some(Fate::Unfinished(refusal.clone()));
        }
    }

    /// Refuses a record for good, whatever its handler says.
    pub(crate) fn condemn(&mut self, index: usize, refusal: Refusal) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.condemned = Some(refusal);
        }
    }

    /// What has to be decided again may ask for as many rounds again.
    pub(crate) fn forget_rounds(&mut self) {
        for entry in &mut self.entries {
            entry.rounds = 0;
        }
    }

    pub(crate) fn count_rounds(&mut self, asked: &[usize]) {
        for index in asked {
            if let Some(entry) = self.entries.get_mut(*index) {
                entry.rounds += 1;
            }
        }
    }
}

impl<E> Entry<E> {
    pub(crate) fn record(&self) -> Option<&Record<E>> {
        match &self.content {
            Content::Event(record) => Some(record),
            Content::OtherType | Content::Undecodable(_) | Content::Elsewhere => None,
        }
    }

    /// The event's id, also of one whose value lies elsewhere and cannot be had.
    pub(crate) fn event_id(&self) -> Option<&EventId> {
        match self.record() {
            Some(record) => record.event_id.as_ref(),
            None => self.claim.as_ref()?.event_id.as_ref(),
        }
    }

    pub(crate) fn is_undated_and_undecodable(&self) -> bool {
        self.timestamp_ms.is_none() && matches!(self.content, Content::Undecodable(_))
    }

    /// What keeps its order: the partition, or the ordering key; `None` for a record that nothing orders.
    pub(crate) fn lane(&self, dedup: Dedup) -> Option<&str> {
        match dedup {
            Dedup::Position => Some(&self.topic_partition),
            Dedup::EventId => self.ordering_key.as_deref(),
        }
    }
}

pub(crate) fn decode_record<E: Incoming>(
    delivered: &msk_event::Record<'_>,
    cluster: &str,
    dedup: Dedup,
    now: Timestamp,
) -> Entry<E> {
    let position = delivered.position();
    let traceparent = delivered.header_str("traceparent").map(str::to_owned);
    let mut claim = None;
    let (content, event_type) = read_event::<E>(delivered, &mut claim, cluster, dedup, now);
    let event_key = match &content {
        Content::Event(record) => record.event.key(),
        Content::OtherType | Content::Undecodable(_) | Content::Elsewhere => None,
    };
    let key = ordering_key(delivered.key.as_deref(), event_key);
    Entry {
        topic_partition: position.topic_partition(),
        identifier: Some(position.clone().into()),
        position: Some(position),
        raw: delivered.raw.to_owned(),
        timestamp_ms: delivered.timestamp_ms,
        payload_sha256: sha256_hex(delivered.value.as_deref().unwrap_or_default()),
        event_type,
        traceparent: traceparent.clone(),
        content: with_key(content, key.clone(), traceparent),
        ordering_key: key,
        claim,
        rounds: 0,
        condemned: None,
        fate: None,
        rows: Vec::new(),
        skip: None,
    }
}

fn with_key<E>(
    mut content: Content<E>,
    key: Option<String>,
    traceparent: Option<String>,
) -> Content<E> {
    if let Content::Event(record) = &mut content {
        record.ordering_key = key;
        record.traceparent = traceparent;
    }
    content
}

fn read_event<E: Incoming>(
    delivered: &msk_event::Record<'_>,
    claim: &mut Option<Box<Claimed>>,
    cluster: &str,
    dedup: Dedup,
    now: Timestamp,
) -> (Content<E>, Option<String>) {
    let Some(value) = &delivered.value else {
        let refusal = Refusal::new("tombstone", "the record has no value");
        return (Content::Undecodable(refusal), None);
    };
    let hints = Hints {
        event_id: (claim.as_ref().and_then(|claim| claim.event_id.as_ref()))
            .map(EventId::as_str)
            .or_else(|| delivered.header_str("event_id")),
        event_type: delivered.header_str("event_type"),
        timestamp: delivered.header_str("timestamp"),
        topic: Some(&delivered.topic),
    };
    // What cannot be read is of the only type that is read, or of the one that its header names.
    let own_type = match E::SPECS {
        [only] => Some(only.event_type.to_owned()),
        _ => hints.event_type.map(str::to_owned),
    };
    let envelope = match Envelope::<E>::read(value, hints) {
        Ok(Read::Event(envelope)) => envelope,
        Ok(Read::ClaimCheck(claimed)) if claimed.event_id.is_none() && dedup == Dedup::EventId => {
            let message = "nothing beside the reference says which event it is";
            let refusal = Refusal::new("missing_event_id", message);
            return (Content::Undecodable(refusal), own_type);
        }
        Ok(Read::ClaimCheck(claimed)) => {
            *claim = Some(Box::new(claimed));
            return (Content::Elsewhere, own_type);
        }
        Ok(Read::OtherType(other)) => return (Content::OtherType, Some(other)),
        Err(error) => {
            return (
                Content::Undecodable(Refusal::of(error.code(), &error)),
                own_type,
            );
        }
    };
    if envelope.event_id.is_none() && dedup == Dedup::EventId {
        let refusal = Refusal::new("missing_event_id", "the event has no id to know it by");
        return (Content::Undecodable(refusal), own_type);
    }
    let position = delivered.position();
    let source = match dedup {
        Dedup::EventId => Source::of(
            envelope.event_id.as_ref(),
            cluster,
            &position,
            delivered.timestamp_ms,
        ),
        Dedup::Position => Source::of(None, cluster, &position, delivered.timestamp_ms),
    };
    let delivered_at = delivered.timestamp_ms.map(Timestamp::from_ms);
    let record = Record {
        event: envelope.payload,
        event_id: envelope.event_id,
        timestamp: envelope.timestamp.or(delivered_at).unwrap_or(now),
        position,
        ordering_key: None,
        traceparent: None,
        source,
        // It was read as JSON, so it is UTF-8.
        value: Whole(String::from_utf8_lossy(value).into_owned()),
    };
    let own_type = record.event.spec().event_type.to_owned();
    (Content::Event(Box::new(record)), Some(own_type))
}

/// Reads a record whose value lies elsewhere, once that is at hand.
pub(crate) fn read_claimed<E: Incoming>(
    entry: &Entry<E>,
    value: Vec<u8>,
    cluster: &str,
    dedup: Dedup,
    now: Timestamp,
) -> Content<E> {
    let refused =
        |code, message: &str| Content::Undecodable(Refusal::new(code, message.to_owned()));
    let mut delivered = match msk_event::Record::read(&entry.raw) {
        Ok(delivered) => delivered,
        Err(error) => return Content::Undecodable(Refusal::of(error.code(), &error)),
    };
    delivered.value = Some(value);
    let mut claim = entry.claim.clone();
    let claimed_id = entry.event_id();
    match read_event::<E>(&delivered, &mut claim, cluster, dedup, now).0 {
        Content::Event(record)
            if claimed_id.is_some_and(|id| record.event_id.as_ref() != Some(id)) =>
        {
            refused(
                "payload_mismatch",
                "its value is an event of another id than its reference",
            )
        }
        Content::OtherType => refused(
            "payload_mismatch",
            "its value is an event of another type than its reference",
        ),
        Content::Elsewhere => refused(
            "invalid_claim_check",
            "its value elsewhere is a reference itself",
        ),
        content @ (Content::Event(_) | Content::Undecodable(_)) => with_key(
            content,
            entry.ordering_key.clone(),
            entry.traceparent.clone(),
        ),
    }
}

fn malformed_entry<E>(malformed: &Malformed<'_>) -> Entry<E> {
    Entry {
        position: malformed.position.clone(),
        identifier: malformed.item_identifier(),
        topic_partition: malformed.partition_key.to_string(),
        raw: malformed.raw.to_owned(),
        timestamp_ms: None,
        ordering_key: None,
        payload_sha256: sha256_hex(malformed.raw.as_bytes()),
        event_type: None,
        traceparent: None,
        content: Content::Undecodable(Refusal::of(malformed.error.code(), &malformed.error)),
        claim: None,
        rounds: 0,
        condemned: None,
        fate: None,
        rows: Vec::new(),
        skip: None,
    }
}
