//! Coupons: a rush on fewer coupons than there are requests; who stands first in the partition gets one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::events::CouponIssueRequested;
use event_schema::{CouponId, UserId};
use serde_json::json;

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text, whole};
use crate::demo::plan::{self, PlanError, Recipe, Seed};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Each campaign with its coupons and the requests for them.
const CAMPAIGNS: [(&str, i64, u32); 2] = [("spring", 300, 1_000), ("anniversary", 40, 150)];
/// Users that ask; some of them ask again.
const USERS: u32 = 700;
/// Characters of a bar.
const BAR_WIDTH: usize = 24;

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    for (coupon, quantity, requests) in CAMPAIGNS {
        business.seeds.push(Seed {
            table: "coupons",
            partition: coupon.to_owned(),
            sort: "-".to_owned(),
            item: json!({ "coupon_id": coupon, "quantity": quantity, "issued": 0 }),
        });
        for number in 0..requests {
            let request = CouponIssueRequested {
                coupon_id: CouponId::new(coupon)?,
                user_id: UserId::new(format!("u-{:03}", random.between(1, USERS)))?,
                requested_at: None,
            };
            let id = format!("coupon-{coupon}-{number}");
            let record = plan::record(request, &id, recipe.at(number))?;
            business.push(record, random);
        }
    }
    Ok(())
}

/// The first that asked, each once, as long as there were coupons: by offsets, whatever the function did.
fn replay(evidence: &Evidence<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut issued: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in evidence.all::<CouponIssueRequested>() {
        let (coupon, user) = (found.event.coupon_id.to_string(), found.event.user_id);
        let seed = CAMPAIGNS.iter().find(|(name, ..)| *name == coupon);
        let quantity = seed.map_or(0, |(_, quantity, _)| *quantity);
        let holders = issued.entry(coupon).or_default();
        if i64::try_from(holders.len()).is_ok_and(|count| count < quantity) {
            holders.insert(user.to_string());
        }
    }
    issued
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let expected = replay(evidence);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (coupon, user) in evidence.items("issued-coupons").keys() {
        let holders = found.entry(coupon.clone()).or_default();
        holders.insert(user.clone());
    }
    let count: usize = found.values().map(BTreeSet::len).sum();
    let claim = format!(
        "{} coupons went to those who asked first, one each",
        counted(count)
    );
    let counters = evidence.items("coupons").iter();
    let counters: BTreeMap<String, i64> = counters
        .map(|((coupon, _), item)| (coupon.clone(), whole(item, "issued")))
        .collect();
    let by_replay = expected.iter();
    let by_replay = by_replay
        .map(|(coupon, holders)| (coupon.clone(), i64::try_from(holders.len()).unwrap_or(-1)))
        .collect();
    vec![
        Check::same(claim, &expected, &found),
        Check::same(
            "what a campaign has counted is what it has issued, never more than there was",
            &by_replay,
            &counters,
        ),
    ]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Coupons")?;
    let mut table = Table::new(&[true, false, false, false, true]);
    table.row(["campaign", "requests", "coupons", "issued", ""]);
    let requests = evidence.all::<CouponIssueRequested>();
    for ((coupon, _), item) in evidence.items("coupons") {
        let asked = requests.iter();
        let asked = asked.filter(|found| found.event.coupon_id.as_str() == coupon);
        let (issued, quantity) = (whole(item, "issued"), whole(item, "quantity"));
        let wide = |number: i64| u64::try_from(number).unwrap_or(0);
        table.row([
            text(item, "coupon_id"),
            &counted(asked.count()),
            &grouped(quantity),
            &grouped(issued),
            &bar(wide(issued), wide(quantity), BAR_WIDTH),
        ]);
    }
    screen.line(&table.lay_out())
}
