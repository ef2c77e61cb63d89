//! Every sample event through the real function: real binary, Runtime API, `DynamoDB` and SQS protocols.
//!
//! The outcome is read back from the tables and the queue. `cargo_lambda.rs` sends some of them by way of
//! `cargo lambda`; Kafka has no part in this.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use local_platform::LocalLambda;
use serde_json::{Value, json};
use system_tests::picture::{Messages, Picture, Stock};
use system_tests::repository;
use system_tests::samples::order_created::PIECES;
use system_tests::samples::{self, Sample};
use system_tests::system::System;

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p system-tests --test samples";

const FUNCTION: &str = "order-created";

/// Bytes of an invocation's payload (Lambda quotas).
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Records of an invocation (esm-spec §1.3).
const BATCH_RECORDS_MAX: usize = 10_000;

/// What a sample of `order-created` must come to.
#[derive(Debug, Default)]
struct Expected {
    placed: BTreeSet<String>,
    rejected: BTreeSet<String>,
    /// Orders that go on because of a payment that was there before them, by what they become.
    gone_on: BTreeMap<&'static str, BTreeSet<String>>,
    /// Pieces that are sold, by product.
    sold: BTreeMap<String, i64>,
    /// Notifications beside those of the customers.
    notified: usize,
    /// Pieces reserved and orders that reserved them, by product.
    reserved: BTreeMap<String, (i64, i64)>,
    /// Partition, offset and code.
    letters: BTreeSet<(i32, i64, String)>,
}

impl Expected {
    fn placed(orders: impl IntoIterator<Item = i64>) -> Self {
        Self {
            placed: orders.into_iter().map(|n| format!("o-{n}")).collect(),
            ..Self::default()
        }
    }

    fn rejected(mut self, orders: &[i64]) -> Self {
        self.rejected
            .extend(orders.iter().map(|n| format!("o-{n}")));
        self
    }

    fn reserved(mut self, product: &str, pieces: i64, orders: i64) -> Self {
        self.reserved.insert(product.to_owned(), (pieces, orders));
        self
    }

    fn gone_on(mut self, status: &'static str, n: i64) -> Self {
        self.gone_on
            .entry(status)
            .or_default()
            .insert(format!("o-{n}"));
        self
    }

    fn sold(mut self, product: &str, pieces: i64) -> Self {
        self.sold.insert(product.to_owned(), pieces);
        self
    }

    fn notified(mut self, count: usize) -> Self {
        self.notified = count;
        self
    }

    fn letter(mut self, partition: i32, offset: i64, code: &str) -> Self {
        self.letters.insert((partition, offset, code.to_owned()));
        self
    }
}

/// Returns what a case must come to; `None` for a case that is not known here.
fn expected(case: &str) -> Option<Expected> {
    let p1 = |pieces, orders| move |expected: Expected| expected.reserved("p-1", pieces, orders);
    Some(match case {
        "single" => p1(2, 1)(Expected::placed([1])).reserved("p-2", 1, 1),
        "batch" => p1(4, 3)(Expected::placed(11..=14))
            .reserved("p-2", 2, 1)
            .reserved("p-3", 4, 2)
            .rejected(&[15, 16]),
        "duplicate" => p1(2, 1)(Expected::placed([21, 22])).reserved("p-2", 1, 1),
        "poison" => p1(1, 1)(Expected::placed([31, 33]))
            .reserved("p-2", 1, 1)
            .letter(3, 32, "invalid_json"),
        "tombstone" => p1(1, 1)(Expected::placed([41]))
            .letter(4, 42, "tombstone")
            .letter(4, 43, "tombstone"),
        "null-headers" => p1(3, 3)(Expected::placed(51..=53)),
        "non-ascii-headers" => p1(3, 3)(Expected::placed(61..=63)),
        "unknown-fields" => p1(1, 1)(Expected::placed([71])),
        "old-schema-version" => {
            p1(2, 1)(Expected::placed([81])).letter(0, 82, "unsupported_schema_version")
        }
        // Order 91 changes p-1 once, order 92 twice: its pieces are reserved and released.
        "early-payment" => p1(0, 3)(Expected::placed([]))
            .sold("p-1", 2)
            .gone_on("paid", 91)
            .gone_on("payment_failed", 92)
            .rejected(&[93])
            .notified(1),
        "thousand" => (1..=10).fold(Expected::placed(1_001..=2_000), |expected, n| {
            expected.reserved(&format!("p-{n}"), 100, 100)
        }),
        _ => return None,
    })
}

#[test]
fn the_samples_are_what_the_code_says() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    for sample in samples::all() {
        let path = repository::root().join(sample.path());
        if fs::read_to_string(&path).unwrap_or_default() == sample.text {
            continue;
        }
        let name = sample.path().display().to_string();
        assert!(
            is_update,
            "{name} is not what the code says: run `{COMMAND}`"
        );
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &sample.text).unwrap();
    }
}

#[test]
fn no_sample_is_left_of_a_case_that_is_gone() {
    let known: BTreeSet<_> = samples::all().iter().map(Sample::path).collect();
    let folders: BTreeSet<_> = samples::all()
        .iter()
        .map(|sample| format!("events/{}", sample.function))
        .collect();
    for file in repository::files() {
        let is_in_folder = folders.iter().any(|folder| file.starts_with(folder));
        let is_sample = is_in_folder && file.extension().is_some_and(|e| e == "json");
        assert!(
            !is_sample || known.contains(&file),
            "{} is written by no code",
            file.display()
        );
    }
}

#[test]
fn every_sample_could_be_sent_by_a_mapping() {
    for sample in samples::of(FUNCTION) {
        let event: Value = serde_json::from_str(&sample.text).unwrap();
        let partitions = event["records"].as_object().unwrap().values();
        let records: usize = partitions
            .map(|records| records.as_array().unwrap().len())
            .sum();
        let bytes = event.to_string().len();
        assert!(
            (1..=BATCH_RECORDS_MAX).contains(&records),
            "{}: {records}",
            sample.case
        );
        assert!(bytes <= PAYLOAD_BYTES_MAX, "{}: {bytes}", sample.case);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_has_its_effect_once_however_often_it_is_sent() {
    for sample in samples::of(FUNCTION) {
        let Some(expected) = expected(sample.case) else {
            panic!("nothing is known of what {:?} must come to", sample.case);
        };
        let system = System::start().await;
        system.seed(&sample.seeds).await;
        let function = system.function(FUNCTION, true);
        let lambda = LocalLambda::start(0, vec![function]).await.unwrap();

        let (first, letters) = send(&system, &lambda, &sample).await;
        check(sample.case, &first, &letters, &expected);
        let (second, again) = send(&system, &lambda, &sample).await;
        assert_eq!(
            second, first,
            "{}: the second time changed something",
            sample.case
        );
        // A record that cannot be read leaves no mark; it is reported again, under the id it had.
        let (letters, again) = (letters.letters_by_id(), again.letters_by_id());
        let is_old = again
            .iter()
            .all(|(id, about)| letters.get(id) == Some(about));
        assert!(
            is_old,
            "{}: {again:?} are not all of {letters:?}",
            sample.case
        );
        lambda.shutdown().await;
    }
}

/// Invokes the function with the sample and reads what is there afterwards.
async fn send(system: &System, lambda: &LocalLambda, sample: &Sample) -> (Picture, Messages) {
    let outcome = lambda.invoke(FUNCTION, sample.text.clone()).await.unwrap();
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(outcome.function_error, None, "{}: {answer}", sample.case);
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        sample.case
    );
    (system.picture().await, system.take_messages().await)
}

fn check(case: &str, picture: &Picture, messages: &Messages, expected: &Expected) {
    assert_eq!(picture.orders("placed"), expected.placed, "{case}: placed");
    assert_eq!(
        picture.orders("rejected"),
        expected.rejected,
        "{case}: rejected"
    );
    for (status, orders) in &expected.gone_on {
        assert_eq!(picture.orders(status), *orders, "{case}: {status}");
    }
    let gone_on: usize = expected.gone_on.values().map(BTreeSet::len).sum();
    let orders = expected.placed.len() + expected.rejected.len() + gone_on;
    assert_eq!(
        picture.orders_count(),
        orders,
        "{case}: orders of another status"
    );
    for (product, stock) in picture.stock() {
        let (pieces, changes) = expected.reserved.get(&product).copied().unwrap_or((0, 0));
        let sold = expected.sold.get(&product).copied().unwrap_or(0);
        let right = Stock {
            available: PIECES - pieces - sold,
            reserved: pieces,
            sold,
            changes,
        };
        assert_eq!(stock, right, "{case}: {product}");
    }
    let letters: BTreeSet<_> = messages.letters_by_id().into_values().collect();
    assert_eq!(letters, expected.letters, "{case}: dead letters");
    assert_eq!(
        messages.letters.len(),
        letters.len(),
        "{case}: letters sent at once and twice"
    );
    assert!(
        messages
            .letters
            .iter()
            .all(|letter| letter.function == FUNCTION),
        "{case}"
    );
    let outgoing = picture.outgoing();
    let distinct: BTreeSet<_> = outgoing.iter().collect();
    assert_eq!(
        distinct.len(),
        outgoing.len(),
        "{case}: an event is published twice"
    );
    // One a product of a placed order, and of every order its statuses and one each for its user.
    let of_products: i64 = expected.reserved.values().map(|(_, orders)| orders).sum();
    let of_orders = 2 * (orders + gone_on) + expected.notified;
    assert_eq!(
        outgoing.len(),
        usize::try_from(of_products).unwrap() + of_orders,
        "{case}"
    );
}
