//! What holds for every event: nothing panics, nothing is lost or reordered, and a corrupted record
//! harms no other. Single forms are tested by name elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use msk_event::{BatchResponse, Delivered, KafkaEvent, Position, Record};
use proptest::{collection::vec, option, prelude::*, sample::Index};

/// How many partitions a made event has at most.
const PARTITIONS_MAX: usize = 6;
/// How many records a made partition has at most.
const RECORDS_PER_PARTITION_MAX: usize = 6;

/// A record as a producer made it.
#[derive(Clone, Debug)]
struct Made {
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A partition as Lambda delivers it.
#[derive(Clone, Debug)]
struct MadePartition {
    topic: String,
    partition: i32,
    records: Vec<Made>,
}

impl MadePartition {
    fn position(&self, made: &Made) -> Position {
        Position {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: made.offset,
        }
    }

    /// Writes a record as Lambda does, with signed header bytes (esm-spec §1.1).
    fn record_json(&self, made: &Made) -> String {
        let mut json = format!(
            r#"{{"topic":"{}","partition":{},"offset":{}"#,
            self.topic, self.partition, made.offset
        );
        if let Some(timestamp_ms) = made.timestamp_ms {
            write!(
                json,
                r#","timestamp":{timestamp_ms},"timestampType":"CREATE_TIME""#
            )
            .unwrap();
        }
        for (name, bytes) in [("key", &made.key), ("value", &made.value)] {
            if let Some(bytes) = bytes {
                write!(json, r#","{name}":"{}""#, STANDARD.encode(bytes)).unwrap();
            }
        }
        let headers: Vec<_> = made.headers.iter().map(header_json).collect();
        write!(json, r#","headers":[{}]}}"#, headers.join(",")).unwrap();
        json
    }
}

fn header_json((name, value): &(String, Option<Vec<u8>>)) -> String {
    let signed = |bytes: &Vec<u8>| {
        bytes
            .iter()
            .map(|byte| byte.cast_signed())
            .collect::<Vec<i8>>()
    };
    let value = serde_json::to_string(&value.as_ref().map(signed)).unwrap();
    format!("{{{}:{value}}}", serde_json::to_string(name).unwrap())
}

/// Writes the event; the records are given as JSON, so that some can be corrupted.
fn event_json(partitions: &[MadePartition], records: &[Vec<String>]) -> String {
    let lists: Vec<_> = partitions
        .iter()
        .zip(records)
        .map(|(of, list)| format!(r#""{}-{}":[{}]"#, of.topic, of.partition, list.join(", ")))
        .collect();
    format!(
        r#"{{"eventSource":"aws:kafka","records":{{{}}}}}"#,
        lists.join(",\n")
    )
}

fn records_json(partitions: &[MadePartition]) -> Vec<Vec<String>> {
    let list = |of: &MadePartition| of.records.iter().map(|made| of.record_json(made)).collect();
    partitions.iter().map(list).collect()
}

fn made() -> impl Strategy<Value = Made> {
    let bytes = || option::of(vec(any::<u8>(), 0..24));
    let headers = vec((any::<String>(), bytes()), 0..4);
    (
        0..=i64::MAX,
        option::of(0..=i64::MAX),
        bytes(),
        bytes(),
        headers,
    )
        .prop_map(|(offset, timestamp_ms, key, value, headers)| Made {
            offset,
            timestamp_ms,
            key,
            value,
            headers,
        })
}

/// Partitions in any order, topics with dashes and digits, the same partition perhaps twice.
fn partitions() -> impl Strategy<Value = Vec<MadePartition>> {
    let records = vec(made(), 1..=RECORDS_PER_PARTITION_MAX);
    let partition =
        ("[a-b0-1._-]{1,4}", 0..=i32::MAX, records).prop_map(|(topic, partition, records)| {
            MadePartition {
                topic,
                partition,
                records,
            }
        });
    vec(partition, 1..=PARTITIONS_MAX)
}

/// What stands in place of a record: valid JSON that is none.
fn corrupted() -> impl Strategy<Value = String> {
    let position = r#""topic":"t","partition":0,"offset":1"#;
    prop_oneof![
        Just("null".to_owned()),
        Just("[[{}]]".to_owned()),
        Just(r#"{"topic":"\ud800"}"#.to_owned()),
        Just(format!("{{{position}}}")),
        Just(format!(r#"{{{position},"value":"?"}}"#)),
        Just(format!(r#"{{{position},"headers":[{{"h":"x"}}]}}"#)),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<i128>().prop_map(|number| number.to_string()),
    ]
}

fn assert_same(record: &Record<'_>, of: &MadePartition, made: &Made) {
    assert_eq!(record.position(), of.position(made));
    assert_eq!(record.timestamp_ms, made.timestamp_ms);
    assert_eq!((&record.key, &record.value), (&made.key, &made.value));
    let headers: Vec<_> = (record.headers.iter())
        .map(|header| (header.name.clone().into_owned(), header.value.clone()))
        .collect();
    assert_eq!(headers, made.headers);
    assert_eq!(record.raw, of.record_json(made));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..256)) {
        drop(KafkaEvent::read(&bytes));
        drop(BatchResponse::read_strict(&bytes));
        drop(Record::read(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn no_damage_to_an_event_panics(
        partitions in partitions(),
        at in any::<Index>(),
        damage in vec(any::<u8>(), 1..4),
    ) {
        let mut bytes = event_json(&partitions, &records_json(&partitions)).into_bytes();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + damage.len());
        bytes.splice(at..end, damage);
        if let Ok(event) = KafkaEvent::read(&bytes) {
            for delivered in &event.records {
                if let Delivered::Record(record) = delivered {
                    prop_assert_eq!(&Record::read(record.raw).unwrap(), record);
                }
            }
        }
    }

    #[test]
    fn every_record_comes_out_as_it_went_in_and_in_order(partitions in partitions()) {
        let json = event_json(&partitions, &records_json(&partitions));
        let event = KafkaEvent::read(json.as_bytes()).unwrap();
        let made: Vec<_> = partitions
            .iter()
            .flat_map(|of| of.records.iter().map(move |made| (of, made)))
            .collect();
        prop_assert_eq!(event.records.len(), made.len());
        for (delivered, (of, made)) in event.records.iter().zip(made) {
            match delivered {
                Delivered::Record(record) => assert_same(record, of, made),
                Delivered::Malformed(malformed) => panic!("was not read: {malformed:?}"),
            }
        }
    }

    #[test]
    fn a_corrupted_record_harms_no_other(
        partitions in partitions(),
        partition in any::<Index>(),
        index in any::<Index>(),
        corrupted in corrupted(),
    ) {
        let mut records = records_json(&partitions);
        let partition = partition.index(records.len());
        let index = index.index(records[partition].len());
        records[partition][index].clone_from(&corrupted);
        let json = event_json(&partitions, &records);
        let event = KafkaEvent::read(json.as_bytes()).unwrap();

        let made = partitions.iter().enumerate().flat_map(|(number, of)| {
            of.records.iter().enumerate().map(move |(place, made)| (number, place, of, made))
        });
        prop_assert_eq!(event.records.len(), made.clone().count());
        for (delivered, (number, place, of, made)) in event.records.iter().zip(made) {
            match delivered {
                Delivered::Record(record) => assert_same(record, of, made),
                Delivered::Malformed(malformed) => {
                    prop_assert_eq!((number, place), (partition, index));
                    prop_assert_eq!(malformed.index, index);
                    prop_assert_eq!(malformed.raw, &corrupted);
                }
            }
            prop_assert_eq!((number, place) == (partition, index),
                matches!(delivered, Delivered::Malformed(_)));
        }
    }

    #[test]
    fn every_position_is_answered_as_lambda_knows_it(partitions in partitions()) {
        let positions: Vec<_> = partitions
            .iter()
            .flat_map(|of| of.records.iter().map(|made| of.position(made)))
            .collect();
        let response = BatchResponse::from_iter(positions.clone());
        let written = serde_json::to_vec(&response).unwrap();
        let read = BatchResponse::read_strict(&written).unwrap();
        prop_assert_eq!(read.batch_item_failures.len(), positions.len());
        for (failure, position) in read.batch_item_failures.iter().zip(&positions) {
            prop_assert_eq!(&failure.item_identifier.partition, &position.topic_partition());
            prop_assert_eq!(failure.item_identifier.offset, position.offset);
        }
    }
}
