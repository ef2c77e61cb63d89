//! What a plan should come to: the rules of the saga once more, one event after another, on plain numbers.
//!
//! It knows nothing of the functions, their items or the engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Change, Happening, PlannedOrder, What};

/// The pieces of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
    /// What the catalogue side has put in, all in all.
    pub(crate) put_in: i64,
    version: Option<u64>,
}

#[derive(Clone, Debug)]
struct OrderState {
    statuses: Vec<&'static str>,
    /// The payment that paid it.
    payment: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Early {
    Paid { payment: u64, amount: i64 },
    Failed { payment: u64 },
    Done,
}

/// What there should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    orders: BTreeMap<u64, OrderState>,
    pub(crate) products: BTreeMap<String, Pieces>,
    early: BTreeMap<u64, Early>,
    seen: BTreeSet<usize>,
    codes: Vec<&'static str>,
    /// Requests for money to go back.
    pub(crate) refunds: usize,
}

impl Model {
    /// Lets an event happen; one that happened before changes nothing.
    pub(crate) fn happen(&mut self, happening: &Happening, planned: &[PlannedOrder]) {
        if !self.seen.insert(happening.number) {
            return;
        }
        let of = |order: &u64| &planned[usize::try_from(*order).unwrap()];
        let code = match &happening.what {
            What::Pending { order } => {
                self.orders.entry(*order).or_insert_with(|| OrderState {
                    statuses: vec!["pending"],
                    payment: None,
                });
                None
            }
            What::Created { order } => self.created(*order, of(order)),
            What::Paid {
                order,
                payment,
                amount,
            } => self.paid(*order, *payment, *amount, of(order)),
            What::Failed { order, payment } => self.failed(*order, *payment, of(order)),
            What::Status { order, status } => self.status(*order, status, of(order)),
            What::Stock {
                product,
                change,
                version,
            } => self.stock(product, *change, *version),
        };
        self.codes.extend(code);
    }

    /// The codes of all dead letters, sorted.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let mut codes = self.codes.clone();
        codes.sort_unstable();
        codes
    }

    /// The statuses of every order.
    pub(crate) fn statuses(&self) -> BTreeMap<u64, &[&'static str]> {
        let orders = self.orders.iter();
        orders.map(|(n, order)| (*n, &order.statuses[..])).collect()
    }

    fn now(&self, order: u64) -> Option<&'static str> {
        self.orders.get(&order)?.statuses.last().copied()
    }

    fn created(&mut self, order: u64, planned: &PlannedOrder) -> Option<&'static str> {
        match self.now(order) {
            None | Some("pending") => {}
            Some("cancelled") if !self.orders[&order].statuses.contains(&"placed") => return None,
            Some(_) => return Some("order_exists"),
        }
        let state = self.orders.entry(order).or_insert_with(|| OrderState {
            statuses: Vec::new(),
            payment: None,
        });
        let can_be_had = planned.quantities.iter().all(|(product, quantity)| {
            let pieces = self.products.get(product);
            pieces.is_some_and(|pieces| pieces.available >= *quantity)
        });
        state
            .statuses
            .push(if can_be_had { "placed" } else { "rejected" });
        if can_be_had {
            self.each(planned, |pieces, quantity| {
                pieces.available -= quantity;
                pieces.reserved += quantity;
            });
        }
        match self.early.insert(order, Early::Done) {
            Some(Early::Paid { payment, amount }) if can_be_had && amount == planned.total => {
                self.become_paid(order, planned, Some(payment));
            }
            Some(Early::Paid { .. }) => self.refunds += 1,
            Some(Early::Failed { .. }) if can_be_had => {
                self.release(order, planned, "payment_failed");
            }
            Some(Early::Failed { .. } | Early::Done) | None => {}
        }
        None
    }

    fn paid(
        &mut self,
        order: u64,
        payment: u64,
        amount: i64,
        planned: &PlannedOrder,
    ) -> Option<&'static str> {
        let paid_with = self.orders.get(&order).and_then(|state| state.payment);
        match self.now(order) {
            None | Some("pending") => match self.early.get(&order) {
                None => {
                    self.early.insert(order, Early::Paid { payment, amount });
                    None
                }
                Some(Early::Failed { .. }) => Some("not_payable"),
                Some(Early::Paid {
                    payment: before, ..
                }) if *before == payment => None,
                Some(_) => Some("already_paid"),
            },
            _ if paid_with == Some(payment) => None,
            Some("paid" | "completed") if paid_with.is_some() => Some("already_paid"),
            Some("placed" | "paid" | "completed") if amount != planned.total => {
                Some("amount_mismatch")
            }
            Some("placed") => {
                self.become_paid(order, planned, Some(payment));
                None
            }
            Some("paid" | "completed") => {
                self.orders.get_mut(&order).unwrap().payment = Some(payment);
                None
            }
            Some(_) => Some("not_payable"),
        }
    }

    fn failed(&mut self, order: u64, payment: u64, planned: &PlannedOrder) -> Option<&'static str> {
        let paid_with = self.orders.get(&order).and_then(|state| state.payment);
        match self.now(order) {
            None | Some("pending") => match self.early.get(&order) {
                None => {
                    self.early.insert(order, Early::Failed { payment });
                    None
                }
                Some(Early::Paid {
                    payment: before, ..
                }) if *before == payment => Some("payment_completed"),
                Some(_) => None,
            },
            _ if paid_with == Some(payment) => Some("payment_completed"),
            Some("placed") => {
                self.release(order, planned, "payment_failed");
                None
            }
            Some(_) => None,
        }
    }

    fn status(
        &mut self,
        order: u64,
        status: &'static str,
        planned: &PlannedOrder,
    ) -> Option<&'static str> {
        let Some(state) = self.orders.get(&order) else {
            return Some("unknown_order");
        };
        if state.statuses.contains(&status) {
            return None;
        }
        match (self.now(order).unwrap(), status) {
            (_, "placed") => return Some("undecided_order"),
            ("pending", "cancelled") => {
                self.orders.get_mut(&order).unwrap().statuses.push(status);
                if let Some(Early::Paid { .. }) = self.early.get(&order) {
                    self.early.insert(order, Early::Done);
                    self.refunds += 1;
                }
            }
            ("placed", "cancelled" | "payment_failed") => self.release(order, planned, status),
            ("placed", "paid") => self.become_paid(order, planned, None),
            ("paid", "completed") => {
                self.orders.get_mut(&order).unwrap().statuses.push(status);
            }
            ("paid", "cancelled") => {
                self.orders.get_mut(&order).unwrap().statuses.push(status);
                self.refunds += 1;
                self.each(planned, |pieces, quantity| {
                    pieces.sold -= quantity;
                    pieces.available += quantity;
                });
            }
            _ => return Some("impossible_transition"),
        }
        None
    }

    fn stock(
        &mut self,
        product: &str,
        change: Change,
        version: Option<u64>,
    ) -> Option<&'static str> {
        let mut pieces = self.products.get(product).copied().unwrap_or_default();
        if version.is_some() && pieces.version.is_some() && version <= pieces.version {
            return None;
        }
        let after = match change {
            Change::To(number) => number,
            Change::By(number) => pieces.available + number,
        };
        if after < 0 {
            return Some("below_zero");
        }
        pieces.put_in += after - pieces.available;
        pieces.available = after;
        pieces.version = version.or(pieces.version);
        self.products.insert(product.to_owned(), pieces);
        None
    }

    fn become_paid(&mut self, order: u64, planned: &PlannedOrder, payment: Option<u64>) {
        let state = self.orders.get_mut(&order).unwrap();
        state.statuses.push("paid");
        state.payment = payment;
        self.each(planned, |pieces, quantity| {
            pieces.reserved -= quantity;
            pieces.sold += quantity;
        });
    }

    fn release(&mut self, order: u64, planned: &PlannedOrder, status: &'static str) {
        self.orders.get_mut(&order).unwrap().statuses.push(status);
        self.each(planned, |pieces, quantity| {
            pieces.reserved -= quantity;
            pieces.available += quantity;
        });
    }

    fn each(&mut self, planned: &PlannedOrder, change: impl Fn(&mut Pieces, i64)) {
        for (product, quantity) in &planned.quantities {
            change(self.products.get_mut(product).unwrap(), *quantity);
        }
    }
}
