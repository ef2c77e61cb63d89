//! Holds what is in the tables, the queue and the topics against the replay.
//!
//! It lists every difference it finds; how the system came to them is not its concern.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use aws_adapters::DeadLetterDocument;
use aws_sdk_dynamodb::types::AttributeValue;
use system_tests::picture::Attributes;
use system_tests::topic::Position;

use crate::plan::{PIECES, PRODUCTS, SCARCE};
use crate::run::{Run, Trace};

/// The differences found so far.
#[derive(Debug, Default)]
pub(crate) struct Differences(pub(crate) Vec<String>);

impl Differences {
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn unless_equal<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.unless(found == expected, || {
            format!("{what}: found {found:?}, expected {expected:?}")
        });
    }

    /// Names each member that only one of two sets has.
    fn unless_equal_sets<T: Ord + Debug>(
        &mut self,
        what: &str,
        found: &BTreeSet<T>,
        expected: &BTreeSet<T>,
    ) {
        let lost = expected.difference(found);
        self.0
            .extend(lost.map(|one| format!("{what}: {one:?} is missing")));
        let excess = found.difference(expected);
        self.0
            .extend(excess.map(|one| format!("{what}: {one:?} should not be there")));
    }
}

/// Returns every difference between what a run left and what it should have.
pub(crate) fn differences(run: &Run) -> Differences {
    let mut found = Differences::default();
    for trace in &run.traces {
        offsets(trace, &mut found);
        letters(run, trace, &mut found);
    }
    let [histories_trace, orders_trace] = &run.traces[..] else {
        panic!("two functions are under test");
    };
    histories(run, histories_trace, &mut found);
    orders(run, orders_trace, &mut found);
    stock(run, &mut found);
    outbox(run, &mut found);
    found.unless(run.messages.documents.is_empty(), || {
        format!("given up by a mapping: {:?}", run.messages.documents)
    });
    found
}

fn offsets(trace: &Trace, found: &mut Differences) {
    let function = trace.subject.function;
    found.0.extend(
        trace
            .problem
            .iter()
            .map(|problem| format!("{function}: {problem}")),
    );
    found.unless_equal(
        &format!("{function}: committed offsets"),
        &trace.committed,
        &trace.ends,
    );
    let kept = trace.beginnings.values().all(|offset| *offset == 0);
    found.unless(kept, || {
        format!("{function}: Kafka dropped records: {:?}", trace.beginnings)
    });
    let ends: i64 = trace.ends.values().sum();
    found.unless_equal(
        &format!("{function}: records in the topic"),
        &usize::try_from(ends).unwrap(),
        &trace.planned.len(),
    );
}

/// Every refused record is one letter, whether it was sent once or twice, and nothing else is.
fn letters(run: &Run, trace: &Trace, found: &mut Differences) {
    let function = trace.subject.function;
    let letters = run.messages.letters.iter();
    let by_id: BTreeMap<_, _> = letters
        .filter(|letter| letter.function == function)
        .map(|letter| (letter.id, about(letter)))
        .collect();
    found.unless_equal(
        &format!("{function}: distinct letters"),
        &by_id.len(),
        &trace.expected.letters.len(),
    );
    let distinct: BTreeSet<_> = by_id.into_values().collect();
    found.unless_equal_sets(
        &format!("{function}: letters"),
        &distinct,
        &trace.expected.letters,
    );
}

fn about(letter: &DeadLetterDocument) -> (Position, String) {
    let position = letter.position.as_ref().unwrap();
    let (partition, offset) = (position.partition, position.offset);
    (Position { partition, offset }, letter.code.clone())
}

/// Each charge is in its user's history once, in the order of the offsets.
fn histories(run: &Run, trace: &Trace, found: &mut Differences) {
    let stored: BTreeMap<String, Vec<[i64; 3]>> = run
        .picture
        .items("histories")
        .iter()
        .map(|((user, _), item)| (user.clone(), entries(item)))
        .collect();
    let nothing = Vec::new();
    let expected = &trace.expected.histories;
    let users: BTreeSet<_> = stored.keys().chain(expected.keys()).collect();
    for user in users {
        let is = stored.get(user).unwrap_or(&nothing);
        let should = expected.get(user).unwrap_or(&nothing);
        let first = is
            .iter()
            .zip(should)
            .take_while(|(is, should)| is == should);
        let same = first.count();
        found.unless(is == should, || {
            format!(
                "history of {user}: {} entries of {}; from entry {same} on found {:?}, expected {:?}",
                is.len(),
                should.len(),
                &is[same..is.len().min(same + 3)],
                &should[same..should.len().min(same + 3)],
            )
        });
    }
}

fn entries(item: &Attributes) -> Vec<[i64; 3]> {
    let entries = item["entries"].as_l().unwrap().iter();
    let numbers = entries.map(|entry| {
        let numbers: Vec<i64> = entry.as_l().unwrap().iter().map(whole).collect();
        <[i64; 3]>::try_from(numbers).unwrap()
    });
    numbers.collect()
}

/// Each order is there once, as its first event says; as many of those that want the scarce product are placed as
/// there are pieces.
fn orders(run: &Run, trace: &Trace, found: &mut Differences) {
    let (placed, rejected) = (run.picture.orders("placed"), run.picture.orders("rejected"));
    let expected = &trace.expected.orders;
    let is: BTreeSet<_> = placed.union(&rejected).cloned().collect();
    found.unless_equal_sets("orders", &is, &expected.keys().cloned().collect());
    found.unless_equal("items of orders", &run.picture.orders_count(), &is.len());
    let wanting = trace.expected.wanting_the_scarce();
    let without = usize::try_from(run.scarce_pieces).unwrap();
    found.unless_equal(
        "rejected orders",
        &rejected.len(),
        &(wanting.len() - without),
    );
    found.unless(rejected.is_subset(&wanting), || {
        format!("rejected without need: {:?}", rejected.difference(&wanting))
    });
    for ((order, _), item) in run.picture.items("orders") {
        let Some(expected) = expected.get(order) else {
            continue;
        };
        let user = item["user_id"].as_s().unwrap();
        found.unless_equal(&format!("user of {order}"), user, &expected.user);
        let quantities = item["quantities"].as_m().unwrap().iter();
        let quantities = quantities.map(|(product, pieces)| (product.clone(), whole(pieces)));
        found.unless_equal(
            &format!("quantities of {order}"),
            &quantities.collect(),
            &expected.quantities,
        );
    }
}

/// The stock of each product is what the replayed orders leave of it.
fn stock(run: &Run, found: &mut Differences) {
    let stock = run.picture.stock();
    let orders = run.traces.iter().flat_map(|trace| &trace.expected.orders);
    let mut ordered: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (product, pieces) in orders.flat_map(|(_, order)| &order.quantities) {
        let (sum, orders) = ordered.entry(product).or_default();
        *sum += pieces;
        *orders += 1;
    }
    ordered.insert(SCARCE, (run.scarce_pieces, run.scarce_pieces));
    let pieces = PRODUCTS.map(|product| (product, PIECES));
    for (product, pieces) in pieces.into_iter().chain([(SCARCE, run.scarce_pieces)]) {
        let (reserved, changes) = ordered.get(product).copied().unwrap_or_default();
        let is = stock.get(product).copied().unwrap_or_default();
        found.unless_equal(
            &format!("available, reserved and changes of {product}"),
            &(is.available, is.reserved, is.changes),
            &(pieces - reserved, reserved, changes),
        );
    }
    found.unless_equal("products", &stock.len(), &(PRODUCTS.len() + 1));
}

/// Each order published its events once: one for each product, its status and one for the user.
fn outbox(run: &Run, found: &mut Differences) {
    let outgoing = run.picture.outgoing();
    let distinct: BTreeSet<_> = outgoing.iter().collect();
    found.unless_equal("distinct outgoing events", &distinct.len(), &outgoing.len());
    let stock = run.picture.stock();
    let changes: i64 = stock.values().map(|stock| stock.changes).sum();
    let (placed, rejected) = (run.picture.orders("placed"), run.picture.orders("rejected"));
    let expected = usize::try_from(changes).unwrap() + 2 * (placed.len() + rejected.len());
    found.unless_equal("outgoing events", &outgoing.len(), &expected);
}

fn whole(value: &AttributeValue) -> i64 {
    value.as_n().unwrap().parse().unwrap()
}
