//! The frozen samples, as the tests of this crate read them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "helpers of tests, each of which uses some"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use event_schema::{Envelope, Event, Hints, Read};

/// A file of `tests/corpus/v1/<event_type>/`.
pub(crate) struct Sample {
    pub(crate) case: String,
    pub(crate) json: String,
    /// Where its canonical form is kept.
    pub(crate) canonical: PathBuf,
}

/// Returns the folder of the first released version.
pub(crate) fn v1() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/v1")
}

/// Returns the samples of an event type, sorted by case.
pub(crate) fn samples(event_type: &str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for entry in fs::read_dir(v1().join(event_type)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let case = name.strip_suffix(".json").unwrap().to_owned();
        if !case.ends_with(".canonical") {
            let json = fs::read_to_string(&path).unwrap();
            let canonical = path.with_file_name(format!("{case}.canonical.json"));
            samples.push(Sample {
                case,
                json,
                canonical,
            });
        }
    }
    samples.sort_by(|one, other| one.case.cmp(&other.case));
    samples
}

/// Returns the sample of that case.
pub(crate) fn sample(event_type: &str, case: &str) -> String {
    samples(event_type)
        .into_iter()
        .find(|one| one.case == case)
        .unwrap()
        .json
}

/// Reads an event of type `E`, which the value is known to be.
pub(crate) fn read<E: Event>(value: &str) -> Envelope<E> {
    match Envelope::read(value.as_bytes(), Hints::default()) {
        Ok(Read::Event(envelope)) => envelope,
        other => panic!("{} is read as {other:?}: {value}", E::SPEC.event_type),
    }
}
