//! Whether the books balance: items equal a sequential replay of what took effect, in the order of commits.

use std::collections::BTreeMap;

use super::Facts;
use super::facts::Effect;
use crate::broker::Place;
use crate::functions::orders::{
    Customer, ITEMS_A_LINE, Open, PIECES, PRODUCTS, Part, Product, pieces,
};
use crate::functions::{Account, COUPONS, Count, Function, Issued, Stock, Trail, partner};

pub(crate) fn balance(facts: &Facts) -> Vec<String> {
    match facts.function {
        Function::Ledger | Function::ParkingLedger => accounts(facts),
        Function::Coupons => coupons(facts),
        Function::Orders => orders(facts),
        Function::Activities => activities(facts),
        Function::Mail => Vec::new(),
    }
}

/// Places by user, in the order of commits.
fn histories(facts: &Facts) -> BTreeMap<&str, Vec<String>> {
    let mut histories: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for effect in &facts.effects {
        histories
            .entry(&effect.user)
            .or_default()
            .push(effect.place.to_string());
    }
    histories
}

fn accounts(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    for (number, effect) in facts.effects.iter().enumerate() {
        let amount = facts
            .produced
            .get(&effect.place)
            .map_or(0, |produced| produced.amount);
        *balances.entry(effect.user.clone()).or_default() += amount;
        let of = |user: &str| balances.get(user).copied().unwrap_or(0);
        let together = of(&effect.user) + of(&partner(&effect.user));
        if ends_its_transaction(facts, number, effect) && together < 0 {
            faults.push(format!(
                "{} leaves two accounts with {together}",
                effect.place
            ));
        }
    }
    let mut histories = histories(facts);
    for account in facts.table::<Account>("accounts") {
        let expected = histories.remove(account.user.as_str()).unwrap_or_default();
        if account.history != expected {
            faults.push(format!(
                "account {} holds {:?}, not {expected:?}",
                account.user, account.history
            ));
        }
        let expected = balances.get(&account.user).copied().unwrap_or(0);
        if account.balance != expected {
            faults.push(format!(
                "account {} has {}, not {expected}",
                account.user, account.balance
            ));
        }
    }
    faults.extend(
        histories
            .keys()
            .map(|user| format!("account {user} is missing")),
    );
    faults
}

fn ends_its_transaction(facts: &Facts, number: usize, effect: &Effect) -> bool {
    let next = facts.effects.get(number + 1);
    next.is_none_or(|next| next.transaction != effect.transaction)
}

fn coupons(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let issued = facts.table::<Issued>("issued");
    let count = i64::try_from(issued.len()).unwrap();
    let left = facts
        .table::<Stock>("stock")
        .first()
        .map_or(0, |stock| stock.left);
    if count > COUPONS || left != COUPONS - count {
        faults.push(format!(
            "{count} coupons are issued and {left} of {COUPONS} left"
        ));
    }
    let mut replayed: BTreeMap<&str, Place> = BTreeMap::new();
    for (number, effect) in facts.effects.iter().enumerate() {
        if effect.kind == "coupon_issued" {
            replayed.insert(&effect.user, effect.place);
            continue;
        }
        // What the same transaction issued may come later in this list.
        let later = facts.effects.iter().skip(number + 1);
        let together = later.take_while(|later| later.transaction == effect.transaction);
        let more = together
            .filter(|later| later.kind == "coupon_issued")
            .count();
        let sold_out = replayed.len() + more >= usize::try_from(COUPONS).unwrap();
        let has_one = issued.iter().any(|issued| issued.user == effect.user);
        if !sold_out && !has_one {
            faults.push(format!(
                "{} was refused while coupons were left",
                effect.place
            ));
        }
    }
    for issued in &issued {
        let place = replayed
            .remove(issued.user.as_str())
            .map(|place| place.to_string());
        if place.as_deref() != Some(issued.place.as_str()) {
            faults.push(format!(
                "the coupon of user {} is of {}, not {place:?}",
                issued.user, issued.place
            ));
        }
    }
    faults.extend(
        replayed
            .keys()
            .map(|user| format!("user {user} was told of a coupon that is not there")),
    );
    faults
}

fn activities(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let counted: i64 = facts
        .table::<Count>("counts")
        .iter()
        .map(|count| count.count)
        .sum();
    if counted != i64::try_from(facts.effects.len()).unwrap() {
        faults.push(format!(
            "{counted} activities are counted, {} were told of",
            facts.effects.len()
        ));
    }
    let mut histories = histories(facts);
    for trail in facts.table::<Trail>("trails") {
        let expected = histories.remove(trail.user.as_str()).unwrap_or_default();
        if trail.history != expected {
            faults.push(format!(
                "trail {} holds {:?}, not {expected:?}",
                trail.user, trail.history
            ));
        }
    }
    faults.extend(
        histories
            .keys()
            .map(|user| format!("trail {user} is missing")),
    );
    faults
}

fn orders(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let lines_of = |effect: &Effect| facts.produced.get(&effect.place).map_or(0, |p| p.amount);
    let is_taken = |effect: &&Effect| effect.kind == "order_placed";
    let left_after = |transaction: usize, product: usize| {
        let taken = facts.effects.iter().filter(is_taken);
        let before = taken.filter(|effect| effect.transaction <= transaction);
        PIECES
            - before
                .map(|effect| pieces(lines_of(effect), product))
                .sum::<i64>()
    };
    for effect in facts.effects.iter().filter(|effect| !is_taken(effect)) {
        let lines = lines_of(effect);
        if (0..PRODUCTS).all(|n| pieces(lines, n) <= left_after(effect.transaction, n)) {
            faults.push(format!("{} was refused while all was there", effect.place));
        }
    }
    for (n, product) in facts.table::<Product>("products").iter().enumerate() {
        let expected = left_after(usize::MAX, n);
        if product.left != expected || expected < 0 {
            faults.push(format!(
                "of product {n} are left {}, not {expected}",
                product.left
            ));
        }
    }
    let mut parts: BTreeMap<String, usize> = BTreeMap::new();
    for part in facts.table::<Part>("parts") {
        *parts.entry(part.place).or_default() += 1;
    }
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    for order in facts.table::<Open>("open") {
        open.insert(order.place, order.user);
    }
    for effect in facts.effects.iter().filter(is_taken) {
        let place = effect.place.to_string();
        let expected = usize::try_from(lines_of(effect)).unwrap() * ITEMS_A_LINE;
        let found = parts.remove(&place).unwrap_or(0);
        if found != expected || open.remove(&place).as_ref() != Some(&effect.user) {
            faults.push(format!("order {place} left {found} items, not {expected}"));
        }
    }
    faults.extend(
        parts
            .keys()
            .map(|place| format!("{place} left items and was not taken")),
    );
    faults.extend(
        open.keys()
            .map(|place| format!("{place} is open and was not taken")),
    );
    let mut histories = histories(facts);
    for customer in facts.table::<Customer>("customers") {
        let own = facts.effects.iter().filter(is_taken);
        let taken = own.filter(|effect| effect.user == customer.user).count();
        let expected = histories.remove(customer.user.as_str()).unwrap_or_default();
        if customer.history != expected || customer.taken != taken || customer.torn {
            faults.push(format!(
                "{customer:?} should have {expected:?}, {taken} of them taken"
            ));
        }
    }
    faults.extend(
        histories
            .keys()
            .map(|user| format!("customer {user} is missing")),
    );
    faults
}
