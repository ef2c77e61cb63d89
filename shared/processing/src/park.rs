//! Parking: what waits behind a dead letter of its key waits in the store, in order.
//!
//! A parked key has a flag item and one row a record. This file names and writes them; `unpark`
//! takes them out again.

use event_schema::Timestamp;
use msk_event::Position;
use serde_json::{Value, json};

use crate::mark::{body, state_key};
use crate::record::sha256_hex;
use crate::rejection::Refusal;
use crate::store::{Change, Expect, ItemKey, Write};

/// Bytes of a record that one row holds; a larger record takes several rows.
pub const ROW_CHUNK_BYTES_MAX: usize = 300_000;
/// Rows that one record may take; a larger record stays unfinished (`too_large_to_park`).
pub const RECORD_ROWS_MAX: usize = 10;

/// The field of the flag that counts the records that were ever parked.
pub(crate) const FLAG_COUNT: &str = "parked";

/// What the sort keys of a key's rows begin with.
pub(crate) const ROW_PREFIX: &str = "row#";

/// The flag of a key: present while anything of the key waits.
pub(crate) fn flag_key(function: &str, ordering_key: &str) -> ItemKey {
    state_key(parked_partition(function, ordering_key), "flag")
}

fn parked_partition(function: &str, ordering_key: &str) -> String {
    format!("{function}#key#{ordering_key}")
}

/// A record on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct ParkedRecord<'a> {
    pub(crate) function: &'a str,
    pub(crate) cluster: &'a str,
    pub(crate) ordering_key: &'a str,
    pub(crate) position: &'a Position,
    /// Tells records of a topic that was made again from those of the old one.
    pub(crate) timestamp_ms: Option<i64>,
    /// The record as Lambda delivered it.
    pub(crate) raw: &'a str,
    /// Why it failed, for the record that parked the key.
    pub(crate) head: Option<&'a Refusal>,
    pub(crate) at: Timestamp,
}

impl ParkedRecord<'_> {
    /// The record's rows, or `None` if it is too large to park.
    ///
    /// The sort key makes parking twice the same as parking once, and orders rows by position.
    pub(crate) fn rows(&self) -> Option<Vec<Write>> {
        let chunks = chunks(self.raw, ROW_CHUNK_BYTES_MAX);
        if chunks.len() > RECORD_ROWS_MAX {
            return None;
        }
        let Position {
            topic,
            partition,
            offset,
        } = self.position;
        let timestamp = self.timestamp_ms.unwrap_or(-1);
        // Last, so that it changes no order: a cluster's mirror has the same records at the same places.
        let cluster: String = sha256_hex(self.cluster.as_bytes())
            .chars()
            .take(8)
            .collect();
        let place =
            format!("{ROW_PREFIX}{topic}#{partition:010}#{offset:020}@{timestamp}#{cluster}");
        let rows = chunks.iter().enumerate().map(|(n, chunk)| Write {
            key: state_key(
                parked_partition(self.function, self.ordering_key),
                format!("{place}#{n:03}"),
            ),
            expect: Expect::Absent,
            change: Change::Put(body(json!({
                "cluster": self.cluster,
                "record": chunk,
                "chunks": chunks.len(),
                "code": self.head.map_or(Value::Null, |refusal| Value::from(refusal.code)),
                "causes": self.head.map_or(Value::Null, |r| Value::from(r.chain.clone())),
                "at": self.at.to_string(),
            }))),
        });
        Some(rows.collect())
    }
}

/// Cuts a text into pieces of at most `bytes_max`, at character boundaries; at least one piece.
fn chunks(text: &str, bytes_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > bytes_max {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(bytes_max));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_put_together_are_the_text() {
        let text = "ab\u{e9}\u{1F600}cd".repeat(20);
        let pieces = chunks(&text, 7);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= 7));
    }

    #[test]
    fn rows_of_a_key_sort_by_position() {
        let row = |offset| {
            let position = Position {
                topic: "t".into(),
                partition: 0,
                offset,
            };
            let parked = ParkedRecord {
                function: "f",
                cluster: "c",
                ordering_key: "k",
                position: &position,
                timestamp_ms: Some(1),
                raw: "{}",
                head: None,
                at: Timestamp::from_ms(0),
            };
            parked.rows().unwrap()[0].key.sort.clone()
        };
        assert!(row(9) < row(10));
        assert!(row(99) < row(1_000_000_000_000));
    }

    #[test]
    fn a_record_takes_ten_rows_at_most_and_undated_ones_say_so() {
        let position = Position {
            topic: "t".into(),
            partition: 0,
            offset: 7,
        };
        let rows = |bytes: usize| {
            let parked = ParkedRecord {
                function: "f",
                cluster: "c",
                ordering_key: "k",
                position: &position,
                timestamp_ms: None,
                raw: &"x".repeat(bytes),
                head: None,
                at: Timestamp::from_ms(0),
            };
            parked.rows()
        };
        let most = RECORD_ROWS_MAX * ROW_CHUNK_BYTES_MAX;
        assert_eq!(rows(most).unwrap().len(), 10);
        assert!(rows(most + 1).is_none());
        let [row] = &rows(1).unwrap()[..] else {
            panic!("one row")
        };
        assert_eq!(row.key.partition, "f#key#k");
        assert_eq!(
            row.key.sort,
            "row#t#0000000000#00000000000000000007@-1#2e7d2c03#000"
        );
        assert_eq!(flag_key("f", "k").partition, "f#key#k");
    }

    #[test]
    fn a_text_of_the_most_bytes_is_one_piece() {
        assert_eq!(chunks("1234567", 7), ["1234567"]);
        assert_eq!(chunks("12345678", 7), ["1234567", "8"]);
        assert_eq!(chunks("", 7), [""]);
    }
}
