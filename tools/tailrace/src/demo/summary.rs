//! Shows what was sent, what was found, and whether the books balance.
//!
//! All numbers under "found" come from the books.

use std::collections::BTreeMap;
use std::io;

use super::areas;
use super::checks::{self, Check};
use super::evidence::Evidence;
use super::plan::{Kind, Poison};
use crate::screen::Screen;
use crate::text::{Table, bar, counted};

/// Characters of a bar.
const BAR_WIDTH: usize = 24;

/// Shows the whole summary.
pub(super) fn show(
    evidence: &Evidence<'_>,
    checks: &[Check],
    screen: &mut Screen,
) -> io::Result<()> {
    screen.heading("Records on the topics, with those that functions and partners published")?;
    screen.line(&topics(evidence).lay_out())?;
    areas::show(evidence, screen)?;
    screen.heading("Dead letters")?;
    screen.line(&letters(evidence).lay_out())?;
    screen.heading("Checks")?;
    for check in checks {
        let mark = screen.mark(check.problem.is_none());
        screen.line(&format!("  {mark} {}", check.claim))?;
        if let Some(problem) = &check.problem {
            screen.line(&format!("      {problem}"))?;
        }
    }
    Ok(())
}

fn topics(evidence: &Evidence<'_>) -> Table {
    let topics = &evidence.books.topics;
    let most = topics.values().map(Vec::len).max().unwrap_or(0);
    let mut table = Table::new(&[true, false, true, true]);
    for (topic, kept) in topics.iter().filter(|(_, kept)| !kept.is_empty()) {
        let of_topic = |is: fn(Kind) -> bool| {
            let sent = evidence.sent.iter();
            sent.filter(|sent| sent.topic == *topic && is(sent.kind))
                .count()
        };
        let twice = of_topic(|kind| kind == Kind::Duplicate);
        let poison = of_topic(|kind| matches!(kind, Kind::Poison(_)));
        let mut notes = Vec::new();
        if twice > 0 {
            notes.push(format!("{} sent twice", counted(twice)));
        }
        if poison > 0 {
            notes.push(format!("{} poison", counted(poison)));
        }
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let picture = bar(wide(kept.len()), wide(most), BAR_WIDTH);
        table.row([
            *topic,
            counted(kept.len()).as_str(),
            picture.as_str(),
            notes.join(", ").as_str(),
        ]);
    }
    table
}

fn letters(evidence: &Evidence<'_>) -> Table {
    let found = checks::letters_by_code(evidence);
    let words: BTreeMap<&str, &str> = Poison::ALL
        .map(|poison| (poison.code(), poison.words()))
        .into();
    let mut table = Table::new(&[true, false, false, true]);
    table.row(["code", "records", "letters", "the record"]);
    for (code, letters) in found {
        let sent = evidence.sent.iter();
        let sent =
            sent.filter(|sent| matches!(sent.kind, Kind::Poison(poison) if poison.code() == code));
        let about = words.get(code.as_str()).copied().unwrap_or("not expected");
        table.row([
            code.as_str(),
            &counted(sent.count()),
            &counted(letters),
            about,
        ]);
    }
    table
}
