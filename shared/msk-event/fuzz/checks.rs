//! What holds for any bytes that `msk-event` is given: shared by the fuzz target and by the replay of its seeds.
//!
//! It does not look for wrong readings of well-formed events; the property tests do.

use msk_event::{BatchResponse, Delivered, ItemFailure, KafkaEvent, Record};

/// Codes of `RecordError`: ARCHITECTURE.md lists them, and metrics have them as labels.
const RECORD_CODES: [&str; 6] = [
    "malformed_record",
    "missing_field",
    "invalid_field",
    "invalid_base64",
    "invalid_header",
    "partition_mismatch",
];
/// Codes of `EventError`.
const EVENT_CODES: [&str; 3] = [
    "event_too_long",
    "event_too_many_records",
    "malformed_event",
];

/// Feeds some bytes to every reader, and holds what was read against its contract.
pub(crate) fn check(bytes: &[u8]) {
    match KafkaEvent::read(bytes) {
        Ok(event) => check_event(&event),
        Err(error) => assert!(EVENT_CODES.contains(&error.code()), "{error}"),
    }
    if let Ok(response) = BatchResponse::read_strict(bytes) {
        assert_reads_as_itself(&response);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        match Record::read(text) {
            Ok(record) => check_record(&record),
            Err(error) => assert!(RECORD_CODES.contains(&error.code()), "{error}"),
        }
    }
}

fn check_event(event: &KafkaEvent<'_>) {
    assert!(!event.cluster().is_empty());
    for delivered in &event.records {
        check_delivered(delivered);
    }
    // What an engine would answer that finished nothing: Lambda has to be able to take it.
    let everything = event
        .records
        .iter()
        .filter_map(|delivered| match delivered {
            Delivered::Record(record) => Some(ItemFailure::from(record.position())),
            Delivered::Malformed(malformed) => malformed.item_identifier().map(ItemFailure::from),
        });
    assert_reads_as_itself(&BatchResponse {
        batch_item_failures: everything.collect(),
    });
}

/// Checks that a record is what its own JSON says, and that a malformed one is named if it can be.
fn check_delivered(delivered: &Delivered<'_>) {
    match delivered {
        Delivered::Record(record) => {
            assert_eq!(Record::read(record.raw).ok().as_ref(), Some(record));
            check_record(record);
        }
        Delivered::Malformed(malformed) => {
            assert!(RECORD_CODES.contains(&malformed.error.code()));
            assert_eq!(
                malformed.position.is_some(),
                malformed.item_identifier().is_some()
            );
            if let Some(identifier) = malformed.item_identifier() {
                assert_eq!(identifier.partition, malformed.partition_key);
            }
        }
    }
}

fn check_record(record: &Record<'_>) {
    assert!(record.partition >= 0 && record.offset >= 0 && !record.topic.is_empty());
    let failure = ItemFailure::from(record.position()).item_identifier;
    assert_eq!(failure.offset, record.offset);
    let partition = failure.partition.strip_prefix(record.topic.as_ref());
    assert_eq!(partition, Some(format!("-{}", record.partition).as_str()));
}

/// A response that was made from records is one that a mapping understands.
fn assert_reads_as_itself(response: &BatchResponse) {
    let written = serde_json::to_vec(response).expect("a response can be written");
    let read = BatchResponse::read_strict(&written);
    assert_eq!(read.ok().as_ref(), Some(response));
}
