//! Holds the books against the plan: each check is one claim, and what was expected and found where it fails.
//!
//! The stock allows more than one outcome, since partitions have no common order; so an order is not compared with
//! a status computed beforehand, but every status must fit the stock that was found in the end.

mod letters;
mod orders;
mod outbox;
mod stock;

use super::books::Books;
use super::plan::Plan;
use super::produce::Sent;
use crate::text::{counted, grouped, plural};

/// Differences that are spelt out; the rest is counted.
const DIFFERENCES_SHOWN_MAX: usize = 3;

/// One claim about the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) claim: String,
    /// What was expected and found; none if the claim holds.
    pub(crate) problem: Option<String>,
}

/// What happened, as far as it is known from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) sent: &'a [Sent],
    pub(crate) books: &'a Books,
    /// Records that the mapping handed to the function, each time counted.
    pub(crate) delivered: u64,
}

impl Evidence<'_> {
    /// Makes every check.
    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![
            orders::all_are_stored_once(self),
            orders::all_hold_what_was_sent(self),
            orders::all_are_decided_as_the_stock_allows(self),
            stock::nothing_is_lost_or_negative(self),
            stock::reserved_is_what_placed_orders_hold(self),
            stock::each_placed_order_took_effect_once(self),
            letters::each_poison_is_one_letter(self),
            letters::nothing_else_is_a_letter(self),
            outbox::ids_are_distinct(self),
            outbox::stock_updates_match(self),
            outbox::statuses_match(self),
            outbox::notifications_match(self),
            self.some_records_came_twice(),
            self.nothing_is_left_to_read(),
        ]
    }

    /// The faults on purpose took place: otherwise the demo would show less than it says.
    fn some_records_came_twice(&self) -> Check {
        let sent = u64::try_from(self.sent.len()).unwrap_or(u64::MAX);
        let delivered = grouped(self.delivered);
        let problem = (self.delivered <= sent).then(|| {
            format!(
                "expected more deliveries than the {} records, found {delivered}",
                grouped(sent)
            )
        });
        Check {
            claim: format!(
                "{} records were delivered to the function {delivered} times",
                grouped(sent)
            ),
            problem,
        }
    }

    fn nothing_is_left_to_read(&self) -> Check {
        let lag = self.books.lag;
        Check {
            claim: "the consumer group has committed everything (lag 0)".to_owned(),
            problem: (lag > 0).then(|| format!("expected a lag of 0, found {}", grouped(lag))),
        }
    }
}

impl Check {
    /// Makes a check that holds if there are no differences.
    fn of(claim: impl Into<String>, differences: &[String]) -> Self {
        let shown = differences.iter().take(DIFFERENCES_SHOWN_MAX);
        let mut problem = shown.cloned().collect::<Vec<_>>().join("; ");
        let hidden = differences.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
        if hidden > 0 {
            let more = format!(
                "; and {} more difference{}",
                counted(hidden),
                plural(hidden)
            );
            problem.push_str(&more);
        }
        Self {
            claim: claim.into(),
            problem: (!differences.is_empty()).then_some(problem),
        }
    }
}

#[cfg(test)]
mod tests;
