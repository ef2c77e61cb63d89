//! What the records must come to: each in its turn, one after the other, as if nothing had ever gone wrong.
//!
//! It knows the rules of the two functions in words, and nothing of batches, marks, transactions or retries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use system_tests::topic::Position;

use crate::plan::{Meaning, Planned, SCARCE};

/// How a function knows a record again that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownBy {
    EventId,
    Position,
}

/// What the records of one topic come to.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// By user: offset, amount and balance of each charge that takes effect, in order.
    pub(crate) histories: BTreeMap<String, Vec<[i64; 3]>>,
    /// By order: what the first event of it says.
    pub(crate) orders: BTreeMap<String, Order>,
    /// Where dead letters come from, and their codes.
    pub(crate) letters: BTreeSet<(Position, String)>,
    /// The user or order of each record that takes effect.
    pub(crate) effects: HashMap<Position, String>,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) user: String,
    pub(crate) quantities: BTreeMap<String, i64>,
}

impl Expected {
    /// Replays records; `positions` says where each was appended.
    pub(crate) fn of(planned: &[Planned], positions: &[Position], known_by: KnownBy) -> Self {
        assert_eq!(planned.len(), positions.len());
        let mut in_order: Vec<_> = positions.iter().zip(planned).collect();
        in_order.sort_by_key(|(position, _)| **position);
        let mut expected = Self::default();
        // The payload under which each event id was there first.
        let mut first: HashMap<&str, Option<&str>> = HashMap::new();
        for (position, Planned { record, meaning }) in in_order {
            let (Meaning::Charge { id, .. } | Meaning::Order { id, .. }) = meaning else {
                expected.step(*position, meaning);
                continue;
            };
            let payload = record.2.as_deref();
            match first.get(id.as_str()) {
                Some(same) if known_by == KnownBy::EventId && *same == payload => {}
                Some(_) if known_by == KnownBy::EventId => {
                    expected.refuse(*position, "event_id_reused");
                }
                Some(_) | None => {
                    first.entry(id).or_insert(payload);
                    expected.step(*position, meaning);
                }
            }
        }
        expected
    }

    /// Applies or refuses one record that was not there before.
    fn step(&mut self, position: Position, meaning: &Meaning) {
        match meaning {
            Meaning::Poison(code) => self.refuse(position, code),
            Meaning::Charge { user, amount, .. } => {
                let history = self.histories.get(user);
                let before = history.and_then(|entries| entries.last());
                let balance = before.map_or(0, |[_, _, balance]| *balance) + amount;
                if balance < 0 {
                    return self.refuse(position, "overdrawn");
                }
                let history = self.histories.entry(user.clone()).or_default();
                history.push([position.offset, *amount, balance]);
                self.effects.insert(position, user.clone());
            }
            Meaning::Order {
                order,
                user,
                quantities,
                ..
            } => {
                if self.orders.contains_key(order) {
                    return self.refuse(position, "order_exists");
                }
                let (user, quantities) = (user.clone(), quantities.clone());
                self.orders
                    .insert(order.clone(), Order { user, quantities });
                self.effects.insert(position, order.clone());
            }
        }
    }

    fn refuse(&mut self, position: Position, code: &str) {
        self.letters.insert((position, code.to_owned()));
    }

    /// Returns the orders that want the scarce product; those that find none are rejected.
    pub(crate) fn wanting_the_scarce(&self) -> BTreeSet<String> {
        let orders = self.orders.iter();
        let wanting = orders.filter(|(_, order)| order.quantities.contains_key(SCARCE));
        wanting.map(|(id, _)| id.clone()).collect()
    }
}
