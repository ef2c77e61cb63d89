//! Every sample of every function that reads events, through its real binary: what it comes to, twice.
//!
//! What it should come to is in `golden/`, for people to read and for changes to be seen; whether that is right
//! is each function's own tests' business.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use event_schema::Timestamp;
use event_schema::catalogue::FUNCTIONS;
use local_platform::LocalLambda;
use serde_json::{Value, json};
use system_tests::picture::{Messages, Picture};
use system_tests::samples::{self, Sample};
use system_tests::system::System;
use system_tests::{outcome, repository};

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p system-tests --test outcomes";

/// The bytes of a sample above which what it comes to is nothing for people to read.
const TOLD_BYTES_MAX: usize = 64 * 1024;

/// Functions that read events are those with subscriptions.
fn functions() -> impl Iterator<Item = &'static str> {
    let reading = FUNCTIONS
        .iter()
        .filter(|function| !function.reads.is_empty());
    reading.map(|function| function.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_comes_to_what_is_written_of_it_and_twice_is_once() {
    for function in functions() {
        for sample in samples::of(function) {
            let began = now();
            let system = System::start().await;
            system.seed(&sample.seeds).await;
            let function = system.function(sample.function, true);
            let lambda = LocalLambda::start(0, vec![function]).await.unwrap();
            let (first, letters) = send(&system, &lambda, &sample).await;
            check_letters(&sample, &letters);
            if sample.text.len() <= TOLD_BYTES_MAX {
                check_golden(&sample, &outcome::document(&first, &letters, began));
            }
            let (second, again) = send(&system, &lambda, &sample).await;
            assert_eq!(
                first,
                second,
                "{}: the second time changed something",
                name(&sample)
            );
            // A record that cannot be read leaves no mark; it is reported again, under the id it had.
            let (letters, again) = (letters.letters_by_id(), again.letters_by_id());
            let is_old = again
                .iter()
                .all(|(id, about)| letters.get(id) == Some(about));
            assert!(
                is_old,
                "{}: {again:?}, not all of {letters:?}",
                name(&sample)
            );
            lambda.shutdown().await;
        }
    }
}

#[test]
fn no_outcome_is_left_of_a_sample_that_is_gone() {
    let known: Vec<_> = functions().flat_map(samples::of).collect();
    let known: BTreeSet<_> = known.iter().map(golden).collect();
    for file in repository::files() {
        let is_outcome = file.starts_with("tests/tests/outcomes/golden");
        assert!(
            !is_outcome || known.contains(&file),
            "{} is written by no code",
            file.display()
        );
    }
}

/// Invokes the function with the sample and reads what is there afterwards.
async fn send(system: &System, lambda: &LocalLambda, sample: &Sample) -> (Picture, Messages) {
    let invoked = lambda.invoke(sample.function, sample.text.clone()).await;
    let outcome = invoked.unwrap();
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    let (name, error) = (name(sample), &outcome.function_error);
    assert_eq!(*error, None, "{name}: {answer}");
    assert_eq!(answer, json!({ "batchItemFailures": [] }), "{name}");
    (system.picture().await, system.take_messages().await)
}

fn check_letters(sample: &Sample, messages: &Messages) {
    let found: Vec<_> = messages.letters_by_id().into_values().collect();
    let found: BTreeSet<_> = (found.iter())
        .map(|(partition, offset, code)| (*partition, *offset, code.as_str()))
        .collect();
    let expected: BTreeSet<_> = sample.letters.iter().copied().collect();
    assert_eq!(found, expected, "{}: dead letters", name(sample));
    assert_eq!(
        messages.letters.len(),
        found.len(),
        "{}: letters sent twice",
        name(sample)
    );
}

fn check_golden(sample: &Sample, document: &str) {
    let path = repository::root().join(golden(sample));
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, document).unwrap();
        return;
    }
    let name = name(sample);
    assert_eq!(
        document, expected,
        "{name} comes to something else than is written of it: if that is right, run `{COMMAND}`"
    );
}

fn golden(sample: &Sample) -> PathBuf {
    PathBuf::from(format!("tests/tests/outcomes/golden/{}.json", name(sample)))
}

fn name(sample: &Sample) -> String {
    format!("{}/{}", sample.function, sample.case)
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(i64::try_from(since_1970.as_millis()).unwrap())
}
