//! Users: accounts, and what they do, counted by day and action.

use std::collections::BTreeMap;
use std::io;

use event_schema::events::{UserActivityRecorded, UserRegistered};
use event_schema::{Labels, Personal, UserId};

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::Evidence;
use crate::demo::plan::{self, PlanError, Recipe};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted};

/// Accounts that are made.
const ACCOUNTS: u32 = 120;
/// Activities of their users.
const ACTIVITIES: u32 = 1_500;
/// What users do.
const ACTIONS: [&str; 5] = ["login", "view_product", "search", "add_to_cart", "logout"];
/// Characters of a bar.
const BAR_WIDTH: usize = 24;

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    for number in 0..ACCOUNTS {
        let locale = if number % 2 == 0 { "ko-KR" } else { "en" };
        let registered = UserRegistered {
            user_id: UserId::new(format!("u-{number:03}"))?,
            email: Some(Personal::new(format!("u-{number:03}@example.com"))?),
            name: Some(Personal::new(format!("User {number}"))?),
            locale: Some(locale.to_owned()),
            registered_at: None,
        };
        let record = plan::record(registered, &format!("account-{number}"), recipe.at(number))?;
        business.push(record, random);
    }
    for number in 0..ACTIVITIES {
        let chosen = random.between(0, 4);
        let action = ACTIONS.get(usize::try_from(chosen).unwrap_or(0));
        let activity = UserActivityRecorded {
            user_id: UserId::new(format!("u-{:03}", random.between(0, ACCOUNTS - 1)))?,
            action: (*action.unwrap_or(&"login")).to_owned(),
            target_id: None,
            data: Labels::default(),
        };
        let record = plan::record(activity, &format!("activity-{number}"), recipe.at(number))?;
        business.push(record, random);
    }
    Ok(())
}
