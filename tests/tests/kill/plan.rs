//! What is produced: charges of many users and orders of hot products, drawn from a seed.
//!
//! Each record says what it means, for the replay; what it comes to is the replay's business. Keys are
//! interleaved, some records are sent twice, some can never be applied.

use std::collections::BTreeMap;

use system_tests::topic::Produced;
use testkit::Random;

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 6;
/// The product that more orders want than there are pieces.
pub(crate) const SCARCE: &str = "p-scarce";
/// The products that the other orders spread over.
pub(crate) const PRODUCTS: [&str; 5] = ["p-1", "p-2", "p-3", "p-4", "p-5"];
/// The pieces of each of them: more than are wanted.
pub(crate) const PIECES: i64 = 10_000_000;

/// Charges of one user, on average.
const CHARGES_OF_A_USER: usize = 50;
/// The fewest users.
const USERS_MIN: usize = 20;
/// Users with many charges.
const HOT_USERS: u64 = 4;

/// One record and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) record: Produced,
    pub(crate) meaning: Meaning,
}

/// What a record means.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Money for a user, or from one.
    Charge {
        id: String,
        user: String,
        amount: i64,
    },
    /// Pieces by product.
    Order {
        id: String,
        order: String,
        user: String,
        quantities: BTreeMap<String, i64>,
    },
    /// It can never be applied, for the reason that this code names.
    Poison(&'static str),
}

/// Draws so many charges.
pub(crate) fn charges(random: &mut Random, count: usize) -> Vec<Planned> {
    let users = u64::try_from((count / CHARGES_OF_A_USER).max(USERS_MIN)).unwrap();
    let mut planned: Vec<Planned> = Vec::with_capacity(count);
    let mut sent: Vec<Planned> = Vec::new();
    while planned.len() < count {
        let is_hot = random.below(5) == 0;
        let user = random.below(if is_hot { HOT_USERS } else { users });
        let next = charge(user, sent.len(), drawn_amount(random));
        match (random.below(1_000), random.pick(&sent).cloned()) {
            (0..20, _) => planned.push(poisoned_charge(&next, random)),
            (20..60, Some(earlier)) => planned.push(earlier),
            (60..75, Some(earlier)) => planned.push(with_its_id_reused(&earlier)),
            (75..120, _) => {
                planned.extend([next.clone(), next.clone()]);
                sent.push(next);
            }
            _ => {
                planned.push(next.clone());
                sent.push(next);
            }
        }
    }
    planned
}

fn drawn_amount(random: &mut Random) -> i64 {
    let amount = i64::try_from(random.below(99)).unwrap() + 1;
    if random.below(4) == 0 {
        -amount
    } else {
        amount
    }
}

fn charge(user: u64, number: usize, amount: i64) -> Planned {
    let (id, user_id) = (format!("c-{number}"), format!("u-{user}"));
    let value = format!(
        r#"{{"event_id":"{id}","event_type":"balance.charged","schema_version":"1.0","user_id":"{user_id}","amount":{amount}}}"#
    );
    Planned {
        record: (partition_of(user), format!("user:{user_id}"), Some(value)),
        meaning: Meaning::Charge {
            id,
            user: user_id,
            amount,
        },
    }
}

/// The same event id with another payload.
fn with_its_id_reused(earlier: &Planned) -> Planned {
    let Meaning::Charge { id, user, amount } = &earlier.meaning else {
        panic!("only charges are sent again: {earlier:?}");
    };
    let (partition, key, value) = earlier.record.clone();
    // One more, or one less, of the same sign.
    let other = amount + amount.signum();
    let value = value.map(|value| value.replace(&format!(":{amount}}}"), &format!(":{other}}}")));
    Planned {
        record: (partition, key, value),
        meaning: Meaning::Charge {
            id: id.clone(),
            user: user.clone(),
            amount: other,
        },
    }
}

fn poisoned_charge(charge: &Planned, random: &mut Random) -> Planned {
    let (partition, key, value) = charge.record.clone();
    let value = value.unwrap_or_default().replace("\"c-", "\"bad-c-");
    let kinds = [
        ("invalid_json", Some(value.replace('}', ""))),
        ("tombstone", None),
        ("missing_field", Some(value.replace("user_id", "user"))),
        (
            "unsupported_schema_version",
            Some(value.replace(r#""1.0""#, r#""9.0""#)),
        ),
        (
            "invalid_event",
            Some(value.replace("\"amount\":", "\"amount\":0,\"was\":")),
        ),
    ];
    poisoned(partition, key, random.pick(&kinds).unwrap())
}

/// Draws so many records of orders.
pub(crate) fn orders(random: &mut Random, count: usize) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::with_capacity(count);
    let mut sent: Vec<Planned> = Vec::new();
    while planned.len() < count {
        let number = u64::try_from(sent.len()).unwrap();
        let next = order(
            number,
            &format!("o-event-{number}"),
            number,
            &drawn_lines(random),
        );
        match (random.below(1_000), random.pick(&sent).cloned()) {
            (0..20, _) => planned.push(poisoned_order(&next, random)),
            (20..60, Some(earlier)) => planned.push(earlier),
            (60..75, Some(_)) => {
                // An order that was placed before, under another event id and for another user.
                let earlier = random.below(number);
                let id = format!("o-again-{}", planned.len());
                planned.push(order(earlier, &id, number, &drawn_lines(random)));
            }
            (75..120, _) => {
                planned.extend([next.clone(), next.clone()]);
                sent.push(next);
            }
            _ => {
                planned.push(next.clone());
                sent.push(next);
            }
        }
    }
    planned
}

/// One piece of the scarce product, or some of one or two others.
fn drawn_lines(random: &mut Random) -> BTreeMap<String, i64> {
    if random.below(20) == 0 {
        return BTreeMap::from([(SCARCE.to_owned(), 1)]);
    }
    let lines = 1 + random.below(2);
    let mut line = || {
        let product = *random.pick(&PRODUCTS).unwrap();
        (
            product.to_owned(),
            i64::try_from(random.below(3)).unwrap() + 1,
        )
    };
    (0..lines).map(|_| line()).collect()
}

fn order(number: u64, id: &str, user: u64, quantities: &BTreeMap<String, i64>) -> Planned {
    let (order, user) = (format!("o-{number}"), format!("u-{user}"));
    let lines: Vec<_> = quantities
        .iter()
        .map(|(product, pieces)| format!(r#"{{"product_id":"{product}","quantity":{pieces}}}"#))
        .collect();
    let lines = lines.join(",");
    let value = format!(
        r#"{{"event_id":"{id}","event_type":"order.created","schema_version":"1.0","order_id":"{order}","user_id":"{user}","items":[{lines}]}}"#
    );
    Planned {
        record: (partition_of(number), order.clone(), Some(value)),
        meaning: Meaning::Order {
            id: id.to_owned(),
            order,
            user,
            quantities: quantities.clone(),
        },
    }
}

fn poisoned_order(order: &Planned, random: &mut Random) -> Planned {
    let (partition, key, value) = order.record.clone();
    let value = value
        .unwrap_or_default()
        .replace("\"o-event-", "\"bad-o-event-");
    let kinds = [
        ("invalid_json", Some(value.replace('}', ""))),
        ("tombstone", None),
        (
            "missing_event_id",
            Some(value.replacen("event_id", "id", 1)),
        ),
        ("missing_field", Some(value.replace("user_id", "user"))),
        (
            "invalid_event",
            Some(value.replace("\"quantity\":", "\"quantity\":0,\"was\":")),
        ),
    ];
    poisoned(partition, key, random.pick(&kinds).unwrap())
}

fn poisoned(partition: i32, key: String, kind: &(&'static str, Option<String>)) -> Planned {
    let (code, value) = kind.clone();
    Planned {
        record: (partition, key, value),
        meaning: Meaning::Poison(code),
    }
}

/// All records of a key are in one partition.
fn partition_of(number: u64) -> i32 {
    let partitions = u64::from(PARTITIONS.unsigned_abs());
    i32::try_from(number % partitions).unwrap()
}
