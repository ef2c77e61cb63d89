//! Where a record stands in Kafka: topic, partition and offset.
//!
//! It does not know the cluster; see [`KafkaEvent::cluster`](crate::KafkaEvent::cluster).

use std::fmt;

/// Names one record of a cluster; orders by topic, then partition, then offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The topic's name, never empty when read from an event.
    pub topic: String,
    /// The partition's number, never negative when read from an event.
    pub partition: i32,
    /// The record's offset in its partition, never negative when read from an event.
    pub offset: i64,
}

impl Position {
    /// Returns `<topic>-<partition>`: the key of the partition in an event's `records` and the
    /// `partition` of a batch response (esm-spec §1.1, §2.3).
    ///
    /// The text is for Lambda and for people; a topic's name may hold `-`, so it is not split again.
    #[must_use]
    pub fn topic_partition(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// Writes `<topic>-<partition>@<offset>`, for logs and messages.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_with_dashes_and_digits_keeps_its_name_in_the_key() {
        let position = Position {
            topic: "order-events-2".into(),
            partition: 11,
            offset: 42,
        };
        assert_eq!(position.topic_partition(), "order-events-2-11");
        assert_eq!(position.to_string(), "order-events-2-11@42");
    }
}
