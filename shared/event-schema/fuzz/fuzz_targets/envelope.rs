//! Feeds any bytes to the reader of every event type: what is read can be written, and reads as the same.
//!
//! It does not look for wrong readings of well-formed events; corpus and property tests do.

#![no_main]

use event_schema::catalogue::{EventVisitor, visit};
use event_schema::{Envelope, Event, Hints, Read};
use libfuzzer_sys::fuzz_target;

struct Reading<'a>(&'a [u8]);

impl EventVisitor for Reading<'_> {
    fn event<E: Event>(&mut self) {
        let envelope = match Envelope::<E>::read(self.0, Hints::default()) {
            Ok(Read::Event(envelope)) => envelope,
            Ok(Read::OtherType(_)) => return,
            Err(error) => return assert!(!error.code().is_empty()),
        };
        // A value near the limit may grow over it by being written in full.
        let Ok(written) = envelope.write() else { return };
        match Envelope::<E>::read(written.as_bytes(), Hints::default()) {
            Ok(Read::Event(again)) => assert_eq!(again.write().ok(), Some(written)),
            other => panic!("what was written is read as {other:?}"),
        }
    }
}

fuzz_target!(|value: &[u8]| visit(&mut Reading(value)));
