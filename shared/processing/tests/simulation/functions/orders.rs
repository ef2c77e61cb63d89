//! Orders of many lines: one record takes a good part of a transaction, a batch of them several.
//!
//! What a customer has open is asked for by a query and counted in an item; the two must never disagree.

use event_schema::events::{NotificationKind, OrderCreated};
use processing::{Decide, Dedup, Item, Key, OnPoison, Record, Rejection, Work};
use serde::{Deserialize, Serialize};

use super::{dependency, told};
use crate::broker::Place;
use crate::ports::Line;

/// Products there are.
pub(crate) const PRODUCTS: usize = 3;
/// Pieces of each; fewer than are ordered.
pub(crate) const PIECES: i64 = 40;
/// Lines of an order whose changes do not fit a transaction.
pub(crate) const LINES_TOO_MANY: i64 = 50;
/// Lines of an order that fits.
pub(crate) const LINES_MAX: i64 = 30;
/// Items that each line leaves.
pub(crate) const ITEMS_A_LINE: usize = 2;

/// How many of a product an order of so many lines, of a piece each, asks for.
pub(crate) fn pieces(lines: i64, product: usize) -> i64 {
    let lines = usize::try_from(lines).unwrap_or(0);
    let count = (0..lines).filter(|line| line % PRODUCTS == product).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What is left of a product.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) left: i64,
}

impl Item for Product {
    const TABLE: &'static str = "products";
    fn key(&self) -> Key {
        Key::from("any")
    }
}

/// A customer: the places of all orders, in order, and how many of them were taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) user: String,
    pub(crate) history: Vec<String>,
    pub(crate) taken: usize,
    /// The query and the count disagreed.
    pub(crate) torn: bool,
}

impl Item for Customer {
    const TABLE: &'static str = "customers";
    fn key(&self) -> Key {
        Key::from(&self.user)
    }
}

/// An order that was taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) user: String,
    pub(crate) place: String,
}

impl Item for Open {
    const TABLE: &'static str = "open";
    fn key(&self) -> Key {
        Key::from((&self.user, &self.place))
    }
}

/// Part of a line of an order that was taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) place: String,
    pub(crate) number: String,
}

impl Item for Part {
    const TABLE: &'static str = "parts";
    fn key(&self) -> Key {
        Key::from((&self.place, &self.number))
    }
}

pub(crate) struct Orders(pub(crate) Line);

impl Decide for Orders {
    type Event = OrderCreated;
    const NAME: &'static str = "orders";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<OrderCreated>, work: &mut Work<'_>) -> Result<(), Rejection> {
        dependency(&self.0)?;
        let user = record.event.user_id.to_string();
        let place = Place::of(&record.position, 0).to_string();
        let lines = i64::try_from(record.event.items.len()).unwrap_or(i64::MAX);
        let mut customer = work.get::<Customer>(&user)?.unwrap_or_default();
        let open = work.query::<Open>(&user, "", None, 1_000)?;
        let names: Vec<_> = (0..PRODUCTS).map(|n| format!("p-{n}")).collect();
        let products = work.peek_many::<Product, _>(&names)?;
        customer.torn |= open.len() != customer.taken;
        customer.user.clone_from(&user);
        customer.history.push(place.clone());
        let left = |n: usize| products.get(n).cloned().flatten().unwrap_or_default().left;
        let taken = (0..PRODUCTS).all(|n| pieces(lines, n) <= left(n));
        if taken {
            customer.taken += 1;
            for (n, name) in names.iter().enumerate() {
                work.add::<Product>(name, "left", -pieces(lines, n))
                    .at_least(0);
            }
            for number in 0..record.event.items.len() * ITEMS_A_LINE {
                let number = number.to_string();
                let place = place.clone();
                work.put(&Part { place, number });
            }
            work.put(&Open {
                user: user.clone(),
                place: place.clone(),
            });
        }
        let kind = if taken {
            NotificationKind::OrderPlaced
        } else {
            NotificationKind::OrderRejected
        };
        work.put(&customer);
        work.publish(told(&user, kind, &place)?);
        Ok(())
    }
}
