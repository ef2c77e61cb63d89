//! An invocation event: where it comes from, and its records, each read alone.
//!
//! Only what leaves no record to tell apart fails a whole event; everything else fails one record.
//! Records are never sorted, merged or dropped here: what Lambda delivers comes out, in its order.

use std::{borrow::Cow, fmt};

use serde_json::value::RawValue;
use thiserror::Error;

use crate::{ItemIdentifier, Position, Record, RecordError, record::Fields, wire};

/// The longest event that is read, in bytes: Lambda's 6 MB payload (esm-spec §1.3, read as 6 MiB)
/// and 64 KiB for what an operator's invocation adds beside `records`.
pub const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024 + 64 * 1024;

/// The most records an event may hold: the largest `BatchSize` of a mapping (esm-spec §1.3).
pub const RECORDS_PER_EVENT_MAX: usize = 10_000;

/// A whole invocation event of a Kafka event source mapping (esm-spec §1.1).
#[derive(Debug)]
pub struct KafkaEvent<'a> {
    /// The kind of cluster the records come from.
    pub source: EventSource,
    /// The ARN of the cluster; absent for self-managed Kafka.
    pub source_arn: Option<Cow<'a, str>>,
    /// The brokers, `host:port` joined by commas, in no order to rely on.
    pub bootstrap_servers: Option<Cow<'a, str>>,
    /// Says that an operator puts these records back; `None` in what a mapping sends.
    pub redrive: Option<Redrive<'a>>,
    /// The records as delivered: partitions as they come, each list in its own order.
    pub records: Vec<Delivered<'a>>,
}

impl<'a> KafkaEvent<'a> {
    /// Reads an event, each record alone: one that cannot be read becomes [`Malformed`].
    ///
    /// Unknown fields are ignored, and `records` that is null or absent holds no records.
    /// A partition that occurs twice in `records` keeps both lists.
    /// A record whose topic and partition are not those of its list is malformed, because Lambda
    /// knows the list's key and would take an answer with another for the failure of the batch
    /// (esm-spec §2.1). So the [`Position`] of every record read here can be answered with.
    ///
    /// # Errors
    /// Fails if the records cannot be told apart, or if there are more than a mapping can send.
    /// Nothing is lost then: an invocation that fails is delivered again (esm-spec §2.1).
    ///
    /// # Examples
    /// ```
    /// use msk_event::{BatchResponse, Delivered, KafkaEvent};
    ///
    /// let json = br#"{ "eventSource": "aws:kafka", "records": { "orders-0": [
    ///     { "topic": "orders", "partition": 0, "offset": 7, "value": "eyJpZCI6NDJ9" },
    ///     { "topic": "orders", "partition": 0, "offset": 8, "value": 42 } ] } }"#;
    /// let event = KafkaEvent::read(json)?;
    /// let mut unfinished = BatchResponse::default();
    /// for delivered in &event.records {
    ///     match delivered {
    ///         Delivered::Record(record) => {
    ///             assert_eq!(record.value.as_deref(), Some(&br#"{"id":42}"#[..]));
    ///             unfinished.batch_item_failures.push(record.position().into());
    ///         }
    ///         Delivered::Malformed(malformed) => {
    ///             assert_eq!(malformed.error.code(), "invalid_field");
    ///         }
    ///     }
    /// }
    /// assert_eq!(unfinished.batch_item_failures.len(), 1);
    /// # Ok::<(), msk_event::EventError>(())
    /// ```
    pub fn read(json: &'a [u8]) -> Result<Self, EventError> {
        if json.len() > EVENT_BYTES_MAX {
            return Err(EventError::TooManyBytes {
                event_bytes: json.len(),
            });
        }
        let text = str::from_utf8(json).map_err(EventError::NotUtf8)?;
        let fields = wire::entries(text)
            .map_err(EventError::NotJson)?
            .ok_or(EventError::NotAnObject)?;
        let mut event = Self {
            source: EventSource::Other(String::new()),
            source_arn: None,
            bootstrap_servers: None,
            redrive: None,
            records: Vec::new(),
        };
        for (name, value) in fields {
            match name.as_ref() {
                "eventSource" => event.source = EventSource::read(value),
                "eventSourceArn" => event.source_arn = wire::text(value),
                "bootstrapServers" => event.bootstrap_servers = wire::text(value),
                "tailrace" => event.redrive = Redrive::read(value),
                "records" => read_partitions(value, &mut event.records)?,
                _ => {}
            }
        }
        Ok(event)
    }

    /// Returns an identity of the cluster that stays the same, for keys that are stored.
    ///
    /// It is `<name>/<uuid>` of an MSK cluster's ARN, or the whole ARN if it has another form;
    /// without an ARN the bootstrap servers, sorted; without those `unknown`.
    #[must_use]
    pub fn cluster(&self) -> Cow<'_, str> {
        if let Some(arn) = self.source_arn.as_deref().filter(|arn| !arn.is_empty()) {
            let id = arn
                .split_once(":cluster/")
                .map(|(_, id)| id)
                .filter(|id| !id.is_empty());
            return Cow::Borrowed(id.unwrap_or(arn));
        }
        let mut servers: Vec<&str> = (self.bootstrap_servers.as_deref().unwrap_or_default())
            .split(',')
            .map(str::trim)
            .filter(|server| !server.is_empty())
            .collect();
        servers.sort_unstable();
        servers.dedup();
        if servers.is_empty() {
            Cow::Borrowed("unknown")
        } else {
            Cow::Owned(servers.join(","))
        }
    }
}

/// Appends the records of all partitions; `partitions` is the value of `records`.
fn read_partitions<'a>(
    partitions: &'a RawValue,
    records: &mut Vec<Delivered<'a>>,
) -> Result<(), EventError> {
    if wire::is_null(partitions) {
        return Ok(());
    }
    let lists = wire::inner_entries(partitions).ok_or(EventError::RecordsNotAnObject)?;
    for (partition_key, list) in lists {
        let Some(elements) = wire::elements(list) else {
            append(records, Delivered::not_a_list(partition_key, list))?;
            continue;
        };
        for (index, element) in elements.into_iter().enumerate() {
            append(records, Delivered::read(&partition_key, index, element))?;
        }
    }
    Ok(())
}

fn append<'a>(records: &mut Vec<Delivered<'a>>, next: Delivered<'a>) -> Result<(), EventError> {
    if records.len() == RECORDS_PER_EVENT_MAX {
        return Err(EventError::TooManyRecords);
    }
    records.push(next);
    Ok(())
}

/// One record of an event, as far as it can be read.
#[derive(Debug)]
pub enum Delivered<'a> {
    /// A record that was read whole.
    Record(Record<'a>),
    /// A record that cannot be read, this time or any other.
    Malformed(Malformed<'a>),
}

impl<'a> Delivered<'a> {
    fn read(partition_key: &Cow<'a, str>, index: usize, element: &'a RawValue) -> Self {
        let raw = element.get();
        let error = match Record::read(raw) {
            Ok(record) if record.is_of(partition_key) => return Self::Record(record),
            Ok(_) => RecordError::PartitionMismatch,
            Err(error) => error,
        };
        Self::Malformed(Malformed {
            partition_key: partition_key.clone(),
            index,
            position: Fields::read(raw).and_then(|fields| fields.position()).ok(),
            raw,
            error,
        })
    }

    fn not_a_list(partition_key: Cow<'a, str>, list: &'a RawValue) -> Self {
        Self::Malformed(Malformed {
            partition_key,
            index: 0,
            position: None,
            raw: list.get(),
            error: RecordError::NotAList,
        })
    }

    /// Returns the record's JSON exactly as delivered.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        match self {
            Self::Record(record) => record.raw,
            Self::Malformed(malformed) => malformed.raw,
        }
    }
}

/// A record that cannot be read, with all that is known of it.
pub struct Malformed<'a> {
    /// The key of the record's list in `records`: the partition as Lambda knows it.
    pub partition_key: Cow<'a, str>,
    /// The record's place in its list, from 0; 0 for a list that is none.
    pub index: usize,
    /// What the record says of its position, if that much can be read of it.
    ///
    /// With [`RecordError::PartitionMismatch`] it is not where Lambda knows the record to be;
    /// answer with [`Malformed::item_identifier`].
    pub position: Option<Position>,
    /// The record's JSON exactly as delivered, or what stands in place of its list.
    pub raw: &'a str,
    /// Why it cannot be read.
    pub error: RecordError,
}

impl Malformed<'_> {
    /// Returns how a batch response names this record; `None` if its offset cannot be read.
    ///
    /// A record that cannot be named can only be delivered again by failing the invocation.
    #[must_use]
    pub fn item_identifier(&self) -> Option<ItemIdentifier> {
        let position = self.position.as_ref()?;
        Some(ItemIdentifier {
            partition: self.partition_key.clone().into_owned(),
            offset: position.offset,
        })
    }
}

impl fmt::Debug for Malformed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Malformed")
            .field("partition_key", &self.partition_key)
            .field("index", &self.index)
            .field("position", &self.position)
            .field("raw_bytes", &self.raw.len())
            .field("error", &self.error)
            .finish()
    }
}

/// The kind of cluster an event comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// Amazon MSK, provisioned or serverless: `aws:kafka`.
    Msk,
    /// A cluster that AWS does not manage: `SelfManagedKafka`.
    SelfManaged,
    /// Another name, or an empty one if there is none; unbounded, so not for a metric's label.
    Other(String),
}

impl EventSource {
    fn read(value: &RawValue) -> Self {
        match wire::text(value).unwrap_or_default() {
            name if name == "aws:kafka" => Self::Msk,
            name if name == "SelfManagedKafka" => Self::SelfManaged,
            name => Self::Other(name.into_owned()),
        }
    }
}

/// Says that an operator puts records back that were dead letters or parked (design §5).
///
/// On the wire it stands beside `records` as `"tailrace": { "redrive": { "id": "…" } }`. With `parked_key` it
/// has no records: what is put back waits in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive<'a> {
    /// The operator's name for this redrive; empty if it is absent or not a string.
    pub id: Cow<'a, str>,
    /// The ordering key whose parked records are put back.
    pub parked_key: Option<Cow<'a, str>>,
    /// The first parked record, which is not to be applied but left a dead letter.
    pub skip_head: Option<SkipHead<'a>>,
}

/// Says that the first record of a parked key is given up.
///
/// On the wire it is `"skip_head": { "row": "…", "reason": "…" }`. The row is what keeps an order that is given
/// twice from giving up the next record as well; a position would not do, because a mirrored cluster has other
/// records at the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipHead<'a> {
    /// Which record the operator means, by the sort key of its first parked row; empty if it is absent.
    pub row: Cow<'a, str>,
    /// Why, for the record's log; empty if it is absent.
    pub reason: Cow<'a, str>,
}

impl<'a> SkipHead<'a> {
    /// Reads it leniently: one that names no row is refused where it is carried out.
    fn read(skip_head: &'a RawValue) -> Self {
        Self {
            row: wire::inner_text(skip_head, "row").unwrap_or_default(),
            reason: wire::inner_text(skip_head, "reason").unwrap_or_default(),
        }
    }
}

impl<'a> Redrive<'a> {
    /// Reads the mark leniently: that there is one decides, whatever form it has, because a
    /// redrive taken for a usual delivery would be dropped as a duplicate and reported as done.
    fn read(tailrace: &'a RawValue) -> Option<Self> {
        let (_, mark) = (wire::inner_entries(tailrace)?.into_iter())
            .find(|(name, mark)| name == "redrive" && !wire::is_null(mark))?;
        let skip_head = (wire::inner_entries(mark).into_iter().flatten())
            .find(|(name, value)| name == "skip_head" && !wire::is_null(value));
        Some(Self {
            id: wire::inner_text(mark, "id").unwrap_or_default(),
            parked_key: wire::inner_text(mark, "parked_key"),
            skip_head: skip_head.map(|(_, value)| SkipHead::read(value)),
        })
    }
}

/// Says why a whole event cannot be read; the invocation fails and is delivered again.
#[derive(Debug, Error)]
pub enum EventError {
    /// The event is longer than Lambda delivers.
    #[error("the event has {event_bytes} bytes, more than {EVENT_BYTES_MAX}")]
    TooManyBytes {
        /// The length of the event.
        event_bytes: usize,
    },
    /// The event is not UTF-8, which JSON has to be.
    #[error("the event is not valid UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The event is not JSON.
    #[error("the event is not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// The event is JSON of another type.
    #[error("the event is not an object")]
    NotAnObject,
    /// `records` is neither null nor an object.
    #[error("`records` is not an object")]
    RecordsNotAnObject,
    /// The event holds more records than a mapping can send.
    #[error("the event holds more than {RECORDS_PER_EVENT_MAX} records")]
    TooManyRecords,
}

impl EventError {
    /// Returns the stable code of the failure, fit for a metric's label.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyBytes { .. } => "event_too_long",
            Self::TooManyRecords => "event_too_many_records",
            Self::NotUtf8(_) | Self::NotJson(_) | Self::NotAnObject | Self::RecordsNotAnObject => {
                "malformed_event"
            }
        }
    }
}

#[cfg(test)]
mod tests;
