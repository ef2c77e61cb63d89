//! Notifications: each one that was asked for is in the mailbox, once.

use std::collections::BTreeMap;
use std::io;

use event_schema::events::NotificationRequested;

use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text};
use crate::screen::Screen;
use crate::text::{Table, bar, counted};

/// Characters of a bar.
const BAR_WIDTH: usize = 24;

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let asked: BTreeMap<(String, String), usize> =
        (evidence.distinct::<NotificationRequested>().into_iter())
            .map(|found| {
                let id = found.event_id.map(|id| id.to_string());
                (
                    (
                        found.event.recipient.as_str().to_owned(),
                        id.unwrap_or_default(),
                    ),
                    1,
                )
            })
            .collect();
    let mut delivered: BTreeMap<(String, String), usize> = BTreeMap::new();
    for ((recipient, _), mail) in evidence.items("mailbox") {
        let event_id = text(mail, "event_id").to_owned();
        *delivered.entry((recipient.clone(), event_id)).or_default() += 1;
    }
    let claim = format!(
        "{} notifications were asked for, and each was delivered once",
        counted(asked.len())
    );
    vec![Check::same(claim, &asked, &delivered)]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Notifications")?;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for found in evidence.distinct::<NotificationRequested>() {
        *kinds
            .entry(found.event.kind.as_str().to_owned())
            .or_default() += 1;
    }
    let most = kinds.values().copied().max().unwrap_or(0);
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut table = Table::new(&[true, false, true]);
    for (kind, count) in &kinds {
        let picture = bar(wide(*count), wide(most), BAR_WIDTH);
        table.row([kind.as_str(), &counted(*count), &picture]);
    }
    screen.line(&table.lay_out())
}
