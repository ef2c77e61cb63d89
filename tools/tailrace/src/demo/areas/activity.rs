//! Users: accounts, and what they do, counted by day and action.

use std::collections::BTreeMap;
use std::io;

use event_schema::events::{UserActivityRecorded, UserRegistered};
use event_schema::{Labels, Personal, UserId};

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text};
use crate::demo::plan::{self, PlanError, Recipe};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Accounts that are made.
const ACCOUNTS: u32 = 120;
/// Activities of their users.
const ACTIVITIES: u32 = 800;
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

/// Activities by user, day and action, as they lie in Kafka: one that was sent twice lies there twice.
type Days = BTreeMap<(String, String), BTreeMap<String, i64>>;

fn replay(evidence: &Evidence<'_>) -> Days {
    let mut days = Days::new();
    for found in evidence.all::<UserActivityRecorded>() {
        let day: String = found.timestamp.to_string().chars().take(10).collect();
        let actions = days
            .entry((found.event.user_id.to_string(), day))
            .or_default();
        *actions.entry(found.event.action).or_default() += 1;
    }
    days
}

fn stored(evidence: &Evidence<'_>) -> Days {
    let days = evidence.items("user-activity").iter();
    let days = days.map(|(key, item)| {
        let actions = item.get("actions").and_then(serde_json::Value::as_object);
        let actions = actions.into_iter().flatten();
        let actions = actions.map(|(name, count)| (name.clone(), count.as_i64().unwrap_or(-1)));
        (key.clone(), actions.collect())
    });
    days.collect()
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let (expected, found) = (replay(evidence), stored(evidence));
    let activities: i64 = found.values().flat_map(BTreeMap::values).sum();
    let claim = format!(
        "{} activities are counted by user, day and action",
        grouped(activities)
    );
    let registered: BTreeMap<String, String> = (evidence.distinct::<UserRegistered>().into_iter())
        .map(|found| {
            let locale = found.event.locale.unwrap_or_default();
            (found.event.user_id.to_string(), locale)
        })
        .collect();
    let profiles: BTreeMap<String, String> = (evidence.items("users").iter())
        .map(|((user, _), item)| (user.clone(), text(item, "locale").to_owned()))
        .collect();
    let accounts = format!("{} accounts have their profile", counted(profiles.len()));
    vec![
        Check::same(claim, &expected, &found),
        Check::same(accounts, &registered, &profiles),
    ]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("What users do")?;
    let mut actions: BTreeMap<String, i64> = BTreeMap::new();
    for (action, count) in stored(evidence).into_values().flatten() {
        *actions.entry(action).or_default() += count;
    }
    let most = actions.values().copied().max().unwrap_or(0);
    let wide = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut table = Table::new(&[true, false, true]);
    for (action, count) in &actions {
        let picture = bar(wide(*count), wide(most), BAR_WIDTH);
        table.row([action.as_str(), &grouped(*count), &picture]);
    }
    screen.line(&table.lay_out())
}
