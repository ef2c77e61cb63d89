//! Balances: charges in order, none below zero, and a ledger that says the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::events::BalanceCharged;
use event_schema::{ChargeId, Decimal, UserId};
use processing::Body;

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text};
use crate::demo::plan::{self, PlanError, Recipe};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, counted};

/// Users with a balance.
const USERS: u32 = 60;
/// Charges and withdrawals.
const CHARGES: u32 = 400;
/// Of a hundred, those that take something; some take more than there is.
const WITHDRAWAL_PERCENT: u32 = 45;
/// Users that the picture shows.
const SHOWN: usize = 5;

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    for number in 0..CHARGES {
        let amount = Decimal::from(random.between(1, 100) * 500);
        let takes = random.percent(WITHDRAWAL_PERCENT);
        let charge = BalanceCharged {
            user_id: UserId::new(format!("u-{:03}", random.between(1, USERS)))?,
            amount: if takes { -amount } else { amount },
            charge_id: Some(ChargeId::new(format!("charge-{number}"))?),
            method: None,
        };
        let record = plan::record(charge, &format!("charge-{number}"), recipe.at(number))?;
        business.push(record, random);
    }
    Ok(())
}

/// What each user has after all charges in the order of their offsets, and which were refused.
fn replay(evidence: &Evidence<'_>) -> (BTreeMap<String, Decimal>, BTreeSet<String>) {
    let (mut balances, mut refused) = (BTreeMap::new(), BTreeSet::new());
    for found in evidence.distinct::<BalanceCharged>() {
        let balance = balances.entry(found.event.user_id.to_string()).or_default();
        if *balance + found.event.amount < Decimal::ZERO {
            refused.extend(found.event_id.map(|id| id.to_string()));
            continue;
        }
        *balance += found.event.amount;
    }
    (balances, refused)
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let (expected, refused) = replay(evidence);
    let amount =
        |item: &Body, field: &str| -> Decimal { text(item, field).parse().unwrap_or(Decimal::MIN) };
    let mut found: BTreeMap<String, Decimal> = BTreeMap::new();
    for ((user, _), item) in evidence.items("balances") {
        found.insert(user.clone(), amount(item, "balance"));
    }
    let (mut booked, mut refusals) = (BTreeMap::new(), BTreeSet::new());
    for ((user, _), entry) in evidence.items("ledger") {
        let sum: &mut Decimal = booked.entry(user.clone()).or_default();
        if text(entry, "outcome") == "applied" {
            *sum += amount(entry, "amount");
        } else {
            refusals.insert(text(entry, "event_id").to_owned());
        }
    }
    let once = |ids: &BTreeSet<String>| -> BTreeMap<String, usize> {
        ids.iter().map(|id| (id.clone(), 1)).collect()
    };
    let claim = format!(
        "{} users have what their charges come to in order, none below zero",
        counted(found.len())
    );
    let refused_claim = format!(
        "{} charges that would have taken more than there was are in the ledger as refused",
        counted(refusals.len())
    );
    vec![
        Check::same(claim, &expected, &found),
        Check::same("every ledger adds up to its balance", &found, &booked),
        Check::same(refused_claim, &once(&refused), &once(&refusals)),
    ]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Balances, the first of them")?;
    let mut table = Table::new(&[true, false, false, false]);
    table.row(["user", "applied", "refused", "balance"]);
    for ((user, _), item) in evidence.items("balances").iter().take(SHOWN) {
        let entries = evidence.items("ledger").iter();
        let entries = entries.filter(|((of, _), _)| of == user);
        let (applied, refused): (Vec<_>, Vec<_>) =
            entries.partition(|(_, entry)| text(entry, "outcome") == "applied");
        table.row([
            user.as_str(),
            &counted(applied.len()),
            &counted(refused.len()),
            text(item, "balance"),
        ]);
    }
    screen.line(&table.lay_out())
}
