//! The parts of the business: what is sent for each, what must have come of it, and a picture of it.
//!
//! What must have come of it is found by replaying the records of the topics one after the other, without any code of
//! the functions. Partitions and topics have no common order, so where the outcome depends on one (who gets the last
//! piece), the replay takes what was found there and checks that it fits the rest.

mod activity;
mod balances;
mod books;
mod concerts;
mod coupons;
mod notifications;
mod orders;
mod telemetry;
#[cfg(test)]
mod tests;

use super::checks::{self, Check};
use super::evidence::Evidence;
use super::plan::{PlanError, PlannedRecord, Recipe, Seed};
use super::random::Random;
use crate::screen::Screen;

/// Of a hundred events, those that their producer sends a second time.
const DUPLICATE_PERCENT: u32 = 4;

/// What the business sends besides orders, and what is there before.
#[derive(Debug, Default)]
pub(super) struct Business {
    /// With those that are sent twice marked.
    pub(super) records: Vec<(PlannedRecord, bool)>,
    pub(super) seeds: Vec<Seed>,
}

impl Business {
    /// Adds a record; some are sent twice.
    fn push(&mut self, record: PlannedRecord, random: &mut Random) {
        let is_sent_twice = random.percent(DUPLICATE_PERCENT);
        self.records.push((record, is_sent_twice));
    }
}

/// Plans all areas but the orders.
pub(super) fn plan(recipe: &Recipe, random: &mut Random) -> Result<Business, PlanError> {
    let mut business = Business::default();
    coupons::plan(recipe, random, &mut business)?;
    balances::plan(recipe, random, &mut business)?;
    concerts::plan(recipe, random, &mut business)?;
    activity::plan(recipe, random, &mut business)?;
    telemetry::plan(recipe, random, &mut business)?;
    Ok(business)
}

/// Makes every check.
pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let mut all = orders::checks(evidence);
    all.extend(books::checks(evidence));
    all.extend(coupons::checks(evidence));
    all.extend(concerts::checks(evidence));
    all.extend(balances::checks(evidence));
    all.extend(activity::checks(evidence));
    all.extend(telemetry::checks(evidence));
    all.extend(notifications::checks(evidence));
    all.extend(checks::of_all(evidence));
    all
}

/// Shows a picture of each area.
pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> std::io::Result<()> {
    orders::show(evidence, screen)?;
    books::show(evidence, screen)?;
    coupons::show(evidence, screen)?;
    concerts::show(evidence, screen)?;
    balances::show(evidence, screen)?;
    activity::show(evidence, screen)?;
    notifications::show(evidence, screen)?;
    telemetry::show(evidence, screen)
}
