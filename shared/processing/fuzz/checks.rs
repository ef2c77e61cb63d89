//! What holds for any payload that an operator redrives: shared by the fuzz target and by the replay of its seeds.
//!
//! The records were delivered before the code was fixed; then the payload is invoked twice, and its records are
//! delivered once more. It does not say which records a redrive applies; `tests/redrive.rs` does.

#[path = "world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use msk_event::{Delivered, EventError, ItemIdentifier, KafkaEvent};
use processing::{Answer, ItemKey, OnPoison, Outcome, Processed, Stored};
use serde_json::Value;
use serde_json::value::RawValue;

use world::{Case, Parking, Positioned, PositionedParking, Skipping, World};

/// The codes that a redrive of these functions may answer with (ARCHITECTURE.md, "Codes"), and their own.
const CODES: [&str; 37] = [
    "malformed_record",
    "missing_field",
    "invalid_field",
    "invalid_base64",
    "invalid_header",
    "partition_mismatch",
    "tombstone",
    "value_too_large",
    "value_too_deep",
    "invalid_json",
    "not_an_object",
    "duplicate_field",
    "invalid_event",
    "invalid_event_id",
    "invalid_event_type",
    "invalid_timestamp",
    "invalid_schema_version",
    "unsupported_schema_version",
    "missing_event_id",
    "event_id_reused",
    "invalid_key",
    "invalid_outgoing_event",
    "outgoing_event_too_large",
    "too_large",
    "store_refused",
    "behind_unfinished",
    "store_unavailable",
    "epoch_changed",
    "too_large_to_park",
    "parked",
    "key_parked",
    "not_delivered_yet",
    "not_put_aside",
    "skipped",
    "unlucky",
    "never",
    "busy",
];
/// The codes of an invocation that did not free a parked key.
const UNPARK_CODES: [&str; 4] = [
    "still_parked",
    "another_head",
    "parked_unreadable",
    "store_unavailable",
];

/// Redrives a payload with a function of each kind.
pub(crate) fn check(payload: &[u8]) {
    check_function::<Skipping>(payload);
    check_function::<Parking>(payload);
    check_function::<Positioned>(payload);
    check_function::<PositionedParking>(payload);
}

fn check_function<H: Case>(payload: &[u8]) {
    let mut world = World::new();
    let mut applied = count_applied(&world.live_through::<H>());
    let delivery = without_redrive(payload);
    if let Some(delivery) = &delivery {
        applied += deliver::<H>(&mut world, false, delivery);
    }
    let before = Picture::of(&world);
    let first = match (world.invoke::<H>(true, payload), KafkaEvent::read(payload)) {
        (Ok(processed), Ok(event)) => {
            check_answer::<H>(&world, &event, &processed);
            processed
        }
        (Err(error), Err(_)) => return check_refused(&world, &before, &error),
        (processed, read) => panic!("{processed:?} of what is read as {read:?}"),
    };
    applied += count_applied(&first);
    assert_once(&world, applied);
    let after = Picture::of(&world);
    let second = world
        .invoke::<H>(true, payload)
        .expect("it was read before");
    applied += count_applied(&second);
    assert_once(&world, applied);
    assert_eq!(count_applied(&second), 0, "twice is not once");
    after.assert_unchanged(&Picture::of(&world));
    // What the mapping delivers late finds everything done, or does what nobody has done.
    if let Some(delivery) = &delivery {
        applied += deliver::<H>(&mut world, true, delivery);
        assert_once(&world, applied);
    }
}

/// A payload without the field that makes it a redrive: the delivery of the same records.
fn without_redrive(payload: &[u8]) -> Option<Vec<u8>> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(payload).ok()?;
    fields.remove("tailrace");
    serde_json::to_vec(&fields).ok()
}

fn deliver<H: Case>(world: &mut World, fixed: bool, payload: &[u8]) -> usize {
    let processed = world.invoke::<H>(fixed, payload);
    processed.map_or(0, |processed| count_applied(&processed))
}

fn check_refused(world: &World, before: &Picture, error: &EventError) {
    let codes = [
        "event_too_long",
        "event_too_many_records",
        "malformed_event",
    ];
    assert!(codes.contains(&error.code()), "{error}");
    before.assert_unchanged(&Picture::of(world));
}

fn check_answer<H: Case>(world: &World, event: &KafkaEvent<'_>, processed: &Processed) {
    for record in &processed.records {
        if let Outcome::DeadLettered(refusal) | Outcome::Unfinished(refusal) = &record.outcome {
            assert!(CODES.contains(&refusal.code), "{refusal:?}");
            assert!(!refusal.chain.is_empty());
        }
    }
    let parked_key = event
        .redrive
        .as_ref()
        .and_then(|redrive| redrive.parked_key.as_ref());
    if let Some(key) = parked_key {
        check_unparked::<H>(world, key, processed);
    } else {
        check_redriven(event, processed);
    }
}

/// A key that is said to be free is, and what is said of one that is not can be relied on too.
fn check_unparked<H: Case>(world: &World, key: &str, processed: &Processed) {
    let partition = format!("{}#key#{key}", H::NAME);
    let is_parked = world
        .store
        .table("state")
        .iter()
        .any(|(item, _)| item.partition == partition);
    match &processed.answer {
        Answer::Respond(response) => {
            assert!(response.batch_item_failures.is_empty());
            assert!(!is_parked, "a key is said to be free and is not");
        }
        Answer::Fail { code, .. } => {
            assert!(UNPARK_CODES.contains(code), "{code}");
            assert!(is_parked || *code == "store_unavailable", "{code}");
            assert!(H::ON_POISON == OnPoison::ParkKey || *code == "store_unavailable");
        }
    }
}

/// Each record has its outcome, and exactly what is unfinished, or behind it, is named.
fn check_redriven(event: &KafkaEvent<'_>, processed: &Processed) {
    assert_eq!(processed.records.len(), event.records.len());
    let delivered: BTreeSet<_> = event.records.iter().filter_map(identifier).collect();
    let unfinished = processed.count(|outcome| matches!(outcome, Outcome::Unfinished(_)));
    match &processed.answer {
        Answer::Respond(response) => {
            let failures = response.batch_item_failures.iter();
            let named: BTreeSet<_> = failures
                .map(|failure| named(&failure.item_identifier))
                .collect();
            assert!(named.is_subset(&delivered), "Lambda would fail the batch");
            assert_eq!(named.is_empty(), unfinished == 0);
            assert!(response.batch_item_failures.len() >= unfinished);
        }
        Answer::Fail {
            unfinished: told,
            code,
        } => {
            assert!(CODES.contains(code), "{code}");
            assert_eq!(*told, unfinished);
            let nameless = |delivered| identifier(delivered).is_none();
            assert!(event.records.iter().any(nameless), "it could be named");
        }
    }
}

fn identifier(delivered: &Delivered<'_>) -> Option<(String, i64)> {
    match delivered {
        Delivered::Record(record) => Some(named(&record.position().into())),
        Delivered::Malformed(malformed) => malformed.item_identifier().as_ref().map(named),
    }
}

fn named(identifier: &ItemIdentifier) -> (String, i64) {
    (identifier.partition.clone(), identifier.offset)
}

fn count_applied(processed: &Processed) -> usize {
    processed.count(|outcome| *outcome == Outcome::Applied)
}

/// Every application left one event and one change, and no record was applied twice: the id of what it publishes
/// is made from what the record is known by.
fn assert_once(world: &World, applied: usize) {
    let rows = world.store.table("outbox");
    let published: Vec<Value> = rows
        .iter()
        .filter_map(|(_, row)| row.body.get("events")?.as_array())
        .flatten()
        .cloned()
        .collect();
    let ids: BTreeSet<&str> = published
        .iter()
        .map(|event| event["event_id"].as_str().expect("an event has an id"))
        .collect();
    assert_eq!(ids.len(), published.len(), "a record was applied twice");
    assert_eq!(
        published.len(),
        applied,
        "what is told is not what is there"
    );
    let accounts = world.store.table("accounts");
    let changes = accounts
        .iter()
        .filter_map(|(_, account)| account.body.get("changes")?.as_u64());
    assert_eq!(changes.sum::<u64>(), applied as u64);
}

/// What is there after an invocation.
struct Picture {
    items: BTreeMap<ItemKey, Stored>,
    letters: Vec<String>,
}

impl Picture {
    fn of(world: &World) -> Self {
        let letters = world.letters.letters();
        Self {
            items: world.store.items().into_iter().collect(),
            letters: letters.iter().map(|letter| letter.id.to_string()).collect(),
        }
    }

    /// Nothing is there that was not, and nothing says anything else: a mark that is written again may tell
    /// of the later time.
    fn assert_unchanged(&self, later: &Self) {
        assert_eq!(self.letters, later.letters, "there is another letter");
        assert!(
            self.items.keys().eq(later.items.keys()),
            "items came or went"
        );
        for ((key, item), later) in self.items.iter().zip(later.items.values()) {
            if key.table != "state" {
                assert_eq!(item.version, later.version, "{key:?} was written");
            }
            assert_eq!(timeless(item), timeless(later), "{key:?} is another");
        }
    }
}

fn timeless(item: &Stored) -> BTreeMap<&String, &Value> {
    let fields = item.body.iter();
    fields
        .filter(|(name, _)| !["at", "expires_at"].contains(&name.as_str()))
        .collect()
}
