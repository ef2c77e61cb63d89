//! The parts of the business: what is sent for each, what must have come of it, and a picture of it.
//!
//! What must have come of it is found by replaying the records of the topics one after the other, without any code of
//! the functions. Partitions and topics have no common order, so where the outcome depends on one (who gets the last
//! piece), the replay takes what was found there and checks that it fits the rest.

mod orders;

use super::checks::{self, Check};
use super::evidence::Evidence;
use super::plan::{PlanError, PlannedRecord, Recipe, Seed};
use super::random::Random;
use crate::screen::Screen;

/// What the business sends besides orders, and what is there before.
#[derive(Debug, Default)]
pub(super) struct Business {
    pub(super) records: Vec<PlannedRecord>,
    pub(super) seeds: Vec<Seed>,
}

/// Plans all areas but the orders.
pub(super) fn plan(_recipe: &Recipe, _random: &mut Random) -> Result<Business, PlanError> {
    Ok(Business::default())
}

/// Makes every check.
pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let mut all = orders::checks(evidence);
    all.extend(checks::of_all(evidence));
    all
}

/// Shows a picture of each area.
pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> std::io::Result<()> {
    orders::show(evidence, screen)
}
