//! Orders with duplicates and poison among them, and what they must come to.
//!
//! It is the same each time; which orders get the scarce product depends on who comes first, how many does not.

use system_tests::topic::Produced;

/// Orders, `o-0` and so on.
pub(crate) const ORDERS: usize = 300;
/// The product that more orders want than there are pieces.
pub(crate) const SCARCE: &str = "p-scarce";
/// The pieces of it.
pub(crate) const SCARCE_PIECES: i64 = 20;

/// Every so many orders wants the scarce product.
const SCARCE_EVERY: usize = 10;
/// Every so many orders is produced twice in a row.
const DOUBLED_EVERY: usize = 5;
/// Every so many orders is produced once more when all others have been.
const LATE_EVERY: usize = 7;
/// Every so many orders is preceded by a poison record of its own key.
const POISON_EVERY: usize = 25;
/// The products that orders spread over, with more pieces than are wanted.
const PRODUCTS: [&str; 5] = ["p-1", "p-2", "p-3", "p-4", "p-5"];
/// The pieces of each.
const PIECES: i64 = 1_000;

/// The records to produce, in their order.
pub(crate) struct Workload {
    records: Vec<Produced>,
    /// Which of them are poison, with the code of their dead letters.
    poison: Vec<(usize, &'static str)>,
}

impl Workload {
    /// Spreads the orders over as many partitions; all records of an order are in one.
    pub(crate) fn new(partitions: i32) -> Self {
        let mut workload = Self {
            records: Vec::new(),
            poison: Vec::new(),
        };
        let partition = |n: usize| i32::try_from(n).unwrap() % partitions;
        let record = |n: usize| (partition(n), format!("o-{n}"), Some(order(n)));
        for n in 0..ORDERS {
            if n % POISON_EVERY == 0 {
                let (code, value) = poison(n);
                workload.poison.push((workload.records.len(), code));
                workload
                    .records
                    .push((partition(n), format!("o-{n}"), value));
            }
            workload.records.push(record(n));
            if n % DOUBLED_EVERY == 0 {
                workload.records.push(record(n));
            }
        }
        workload
            .records
            .extend((0..ORDERS).step_by(LATE_EVERY).map(record));
        workload
    }

    /// Returns the records.
    pub(crate) fn records(&self) -> Vec<Produced> {
        self.records.clone()
    }

    /// Returns the places of the poison records, with the codes of their dead letters.
    pub(crate) fn poison(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.poison.iter().copied()
    }
}

/// Returns the products and their pieces before anything is ordered.
pub(crate) fn stock() -> Vec<(&'static str, i64)> {
    let plenty = PRODUCTS.map(|product| (product, PIECES));
    plenty
        .into_iter()
        .chain([(SCARCE, SCARCE_PIECES)])
        .collect()
}

/// Returns how many orders cannot be placed.
pub(crate) fn rejected() -> usize {
    ORDERS / SCARCE_EVERY - usize::try_from(SCARCE_PIECES).unwrap()
}

/// The value of order `n`, the same each time.
fn order(n: usize) -> String {
    let product = PRODUCTS[n % PRODUCTS.len()];
    let scarce = if n % SCARCE_EVERY == SCARCE_EVERY - 1 {
        format!(r#",{{"product_id":"{SCARCE}","quantity":1}}"#)
    } else {
        String::new()
    };
    let quantity = n % 3 + 1;
    format!(
        r#"{{"event_id":"e-{n}","event_type":"order.created","schema_version":"1.0","order_id":"o-{n}","user_id":"u-{n}","items":[{{"product_id":"{product}","quantity":{quantity}}}{scarce}]}}"#
    )
}

/// A record that can never be applied, with the code that says why.
fn poison(n: usize) -> (&'static str, Option<String>) {
    let kinds = [
        ("invalid_json", Some(r#"{"event_id":"#.to_owned())),
        ("tombstone", None),
        (
            "missing_event_id",
            Some(order(n).replacen("event_id", "id", 1)),
        ),
        (
            "unsupported_schema_version",
            Some(order(n).replace(r#""1.0""#, r#""9.0""#)),
        ),
        (
            "invalid_event",
            Some(order(n).replace(r#""quantity":"#, r#""quantity":0,"was":"#)),
        ),
        (
            "missing_field",
            Some(r#"{"event_id":"e-bad","items":[]}"#.to_owned()),
        ),
    ];
    let nth = n / POISON_EVERY % kinds.len();
    kinds.into_iter().nth(nth).unwrap()
}
