//! Messages of the queue: any letter comes back as it was written, any on-failure document is read, and every
//! kept input of the fuzz target `dead_letter` still is.

use std::fs;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::{OnFailureDocument, fuzz_checks};

#[test]
fn every_kept_message_is_read_as_its_contract_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/dead_letter");
    let mut inputs = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        fuzz_checks::check(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{folder} is empty");
}

/// Text with what escaping, SQS and line ends may trip over.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        "[\u{0}-\u{7f}]{0,20}",
        Just("\n".to_owned()),
        Just("\u{fffe}\u{ffff}\\\"".to_owned()),
        Just(r#"{"a":[1e400,"\u0000"]}"#.to_owned()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_letter_comes_back_as_it_was_written(text in texts()) {
        fuzz_checks::check(text.as_bytes());
    }

    #[test]
    fn any_ranges_of_offsets_are_read(
        ranges in prop::collection::btree_map("[a-z.-]{1,9}-[0-9]{1,4}", (0..i64::MAX, 0..1_000_i64), 1..9),
    ) {
        let last = |first: i64, more: i64| first.saturating_add(more);
        let info: Map<_, _> = ranges.iter().map(|(name, (first, more))| {
            let range = json!({
                "firstRecordOffset": first.to_string(),
                "lastRecordOffset": last(*first, *more).to_string(),
            });
            (name.clone(), range)
        }).collect();
        let body = json!({ "KafkaBatchInfo": { "recordsInfo": info } }).to_string();
        let read = OnFailureDocument::read(&body).unwrap();
        let read: Vec<_> = read.ranges.into_iter().map(|range| {
            (range.topic_partition.unwrap(), range.first_offset, range.last_offset)
        }).collect();
        let written: Vec<_> = ranges.into_iter().map(|(name, (first, more))| {
            (name, first, last(first, more))
        }).collect();
        prop_assert_eq!(read, written);
    }
}
