//! What holds for any value that is read as an event: shared by the fuzz target and by the replay of its seeds.
//!
//! It does not look for wrong readings of well-formed events; corpus and property tests do.

use event_schema::catalogue::{EventVisitor, visit};
use event_schema::{
    DEPTH_MAX, Envelope, Event, Hints, Read, VALUE_BYTES_MAX, WRITTEN_BYTES_MAX, WriteError,
};

/// Codes of `ReadError`: ARCHITECTURE.md lists them, and metrics have them as labels.
const CODES: [&str; 14] = [
    "value_too_large",
    "value_too_deep",
    "invalid_json",
    "not_an_object",
    "missing_field",
    "duplicate_field",
    "invalid_field",
    "invalid_event_id",
    "invalid_event_type",
    "invalid_timestamp",
    "invalid_schema_version",
    "unsupported_schema_version",
    "invalid_claim_check",
    "invalid_event",
];

/// Reads some bytes as an event of every type: what is read can be written, and reads as the same.
pub(crate) fn check(value: &[u8]) {
    visit(&mut Reading(value));
}

struct Reading<'a>(&'a [u8]);

impl EventVisitor for Reading<'_> {
    fn event<E: Event>(&mut self) {
        match Envelope::<E>::read(self.0, Hints::default()) {
            Ok(Read::Event(envelope)) => check_event(self.0, &envelope),
            Ok(Read::ClaimCheck(claimed)) => {
                assert!(claimed.check.key().ends_with(claimed.check.sha256()));
                assert!(
                    usize::try_from(claimed.check.size())
                        .is_ok_and(|bytes| bytes <= VALUE_BYTES_MAX)
                );
            }
            Ok(Read::OtherType(name)) => assert_ne!(name, E::SPEC.event_type),
            Err(error) => assert!(CODES.contains(&error.code()), "{error}"),
        }
    }
}

fn check_event<E: Event>(value: &[u8], envelope: &Envelope<E>) {
    assert!(value.len() <= VALUE_BYTES_MAX);
    assert!(nesting(value) <= DEPTH_MAX, "deeper than what is read");
    assert!(envelope.payload.validate().is_ok(), "an invalid event");
    let written = match envelope.write() {
        Ok(written) => written,
        // A value near the limit may grow over it by being written in full.
        Err(WriteError::TooLarge { bytes, .. }) => return assert!(bytes > WRITTEN_BYTES_MAX),
        Err(error) => panic!("what was read cannot be written: {error}"),
    };
    match Envelope::<E>::read(written.as_bytes(), Hints::default()) {
        Ok(Read::Event(again)) => assert_eq!(again.write().ok(), Some(written)),
        other => panic!("what was written is read as {other:?}"),
    }
}

/// How deep the brackets of a JSON text are nested.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
