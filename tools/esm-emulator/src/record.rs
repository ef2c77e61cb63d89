//! One Kafka record as a [`Source`](crate::Source) hands it over.
//!
//! It carries bytes and positions only; what Lambda makes of them is written in `event`.

/// A record of the mapping's topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// When the record was made or appended.
    pub timestamp: Timestamp,
    /// Kafka key; `None` for a null key.
    pub key: Option<Vec<u8>>,
    /// Kafka value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order, duplicates kept.
    pub headers: Vec<Header>,
}

/// A Kafka header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Header name.
    pub name: String,
    /// Header value; Kafka allows null.
    pub value: Option<Vec<u8>>,
}

/// A Kafka timestamp, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamp {
    /// The record has no timestamp; Kafka's number for it is −1.
    None,
    /// Set by the producer.
    CreateTime(i64),
    /// Set by the broker.
    LogAppendTime(i64),
}

impl Timestamp {
    /// Returns the number that stands in the event.
    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        match self {
            Self::None => -1,
            Self::CreateTime(milliseconds) | Self::LogAppendTime(milliseconds) => milliseconds,
        }
    }

    /// Returns the word that stands in the event.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::None => "NO_TIMESTAMP_TYPE",
            Self::CreateTime(_) => "CREATE_TIME",
            Self::LogAppendTime(_) => "LOG_APPEND_TIME",
        }
    }
}
