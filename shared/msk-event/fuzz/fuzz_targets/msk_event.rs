//! Feeds any bytes to every reader of `msk-event`, and holds what was read against its contract.
//!
//! It does not look for wrong readings of well-formed events; the property tests do.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msk_event::{BatchResponse, Delivered, ItemFailure, KafkaEvent, Record};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = KafkaEvent::read(bytes) {
        assert!(!event.cluster().is_empty());
        for delivered in &event.records {
            check(delivered);
        }
    }
    if let Ok(response) = BatchResponse::read_strict(bytes) {
        let written = serde_json::to_vec(&response).expect("a response can be written");
        assert_eq!(BatchResponse::read_strict(&written).ok(), Some(response));
    }
    if let Ok(text) = str::from_utf8(bytes) {
        drop(Record::read(text));
    }
});

/// Checks that a record is what its own JSON says, and that a malformed one is named if it can be.
fn check(delivered: &Delivered<'_>) {
    match delivered {
        Delivered::Record(record) => {
            assert_eq!(Record::read(record.raw).ok().as_ref(), Some(record));
            assert!(record.partition >= 0 && record.offset >= 0 && !record.topic.is_empty());
            let failure = ItemFailure::from(record.position());
            assert!(
                failure
                    .item_identifier
                    .partition
                    .starts_with(record.topic.as_ref())
            );
        }
        Delivered::Malformed(malformed) => {
            assert!(!malformed.error.code().is_empty());
            assert_eq!(
                malformed.position.is_some(),
                malformed.item_identifier().is_some()
            );
        }
    }
}
