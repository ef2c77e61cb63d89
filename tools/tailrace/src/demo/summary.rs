//! Shows what was sent, what was found, and whether the books balance.
//!
//! All numbers under "found" come from the books.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::events::OrderStatus;

use super::checks::{Check, Evidence};
use super::plan::{Kind, Poison};
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Characters of a bar.
const BAR_WIDTH: usize = 24;

/// Shows the whole summary.
pub(super) fn show(
    evidence: &Evidence<'_>,
    checks: &[Check],
    screen: &mut Screen,
) -> io::Result<()> {
    screen.heading("Sent to Kafka")?;
    screen.line(&sent(evidence).lay_out())?;
    screen.heading("Found in DynamoDB and SQS")?;
    screen.line(&found(evidence).lay_out())?;
    screen.heading("Dead letters")?;
    screen.line(&letters(evidence).lay_out())?;
    screen.heading("Stock")?;
    screen.line(&stock(evidence).lay_out())?;
    screen.heading("Outbox")?;
    screen.line(&outbox(evidence).lay_out())?;
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

/// Appends a row with a bar of a part of a whole.
fn row(table: &mut Table, what: &str, part: usize, whole: usize, note: &str) {
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let picture = bar(wide(part), wide(whole), BAR_WIDTH);
    table.row([what, &counted(part), &picture, note]);
}

fn sent(evidence: &Evidence<'_>) -> Table {
    let plan = evidence.plan;
    let all = evidence.sent.len();
    let count = |is: fn(Kind) -> bool| evidence.sent.iter().filter(|sent| is(sent.kind)).count();
    let mut table = Table::new(&[true, false, true, true]);
    let orders = count(|kind| kind == Kind::Order);
    row(&mut table, "orders", orders, all, "");
    let legacy = count(|kind| kind == Kind::LegacyOrder);
    let note = "as older producers write them (camelCase)";
    row(&mut table, "older orders", legacy, all, note);
    let duplicates = count(|kind| kind == Kind::Duplicate);
    let note = "the same event at a new offset";
    row(&mut table, "duplicates", duplicates, all, note);
    let poison = plan.count(|kind| matches!(kind, Kind::Poison(_)));
    row(&mut table, "poison", poison, all, "");
    row(&mut table, "records", all, all, "");
    table
}

fn found(evidence: &Evidence<'_>) -> Table {
    let orders = &evidence.books.orders;
    let all = evidence.sent.len();
    let with = |status: &OrderStatus| {
        let orders = orders.values();
        orders.filter(|order| order.status == *status).count()
    };
    let mut table = Table::new(&[true, false, true, true]);
    row(
        &mut table,
        "orders placed",
        with(&OrderStatus::Placed),
        all,
        "",
    );
    let note = "too little stock";
    row(
        &mut table,
        "orders rejected",
        with(&OrderStatus::Rejected),
        all,
        note,
    );
    let dropped = evidence.plan.valid_records().saturating_sub(orders.len());
    let note = "valid records without an order of their own";
    row(&mut table, "duplicates dropped", dropped, all, note);
    let ids: BTreeSet<&str> = evidence
        .books
        .letters
        .iter()
        .map(|letter| letter.id.as_str())
        .collect();
    let messages = evidence.books.letters.len();
    let note = format!("in {} messages", counted(messages));
    row(&mut table, "dead letters", ids.len(), all, &note);
    table
}

fn letters(evidence: &Evidence<'_>) -> Table {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for letter in &evidence.books.letters {
        ids.entry(letter.code.as_str())
            .or_default()
            .insert(&letter.id);
    }
    let mut table = Table::new(&[true, false, false, true]);
    table.row(["code", "sent", "found", "the record"]);
    for poison in Poison::ALL {
        let sent = evidence.plan.count(|kind| kind == Kind::Poison(poison));
        let found = ids.remove(poison.code()).map_or(0, |ids| ids.len());
        table.row([
            poison.code(),
            &counted(sent),
            &counted(found),
            poison.words(),
        ]);
    }
    for (code, ids) in ids {
        table.row([code, "0", &counted(ids.len()), "not expected"]);
    }
    table
}

/// The scarce products one by one, all others in one row.
fn stock(evidence: &Evidence<'_>) -> Table {
    let mut table = Table::new(&[true, false, false, false, false, true]);
    table.row([
        "product",
        "initial",
        "available",
        "reserved",
        "sold",
        "reserved",
    ]);
    let mut others = [0; 4];
    let mut count = 0_usize;
    for (id, stock) in &evidence.plan.products {
        let Some(product) = evidence.books.products.get(id.as_str()) else {
            continue;
        };
        let numbers = [
            stock.pieces,
            product.available,
            product.reserved,
            product.sold,
        ];
        if stock.is_scarce {
            stock_row(&mut table, id.as_str(), numbers);
        } else {
            count += 1;
            for (sum, number) in others.iter_mut().zip(numbers) {
                *sum += number;
            }
        }
    }
    stock_row(&mut table, &format!("{} others", counted(count)), others);
    table
}

fn stock_row(table: &mut Table, what: &str, numbers: [i64; 4]) {
    let [initial, _, reserved, _] = numbers.map(|number| u64::try_from(number).unwrap_or(0));
    let mut cells = vec![what.to_owned()];
    cells.extend(numbers.map(grouped));
    cells.push(bar(reserved, initial, BAR_WIDTH));
    table.row(cells);
}

fn outbox(evidence: &Evidence<'_>) -> Table {
    let published = &evidence.books.published;
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for event in published {
        *types.entry(event.event_type.as_str()).or_default() += 1;
    }
    let mut table = Table::new(&[true, false, true, true]);
    for (event_type, count) in types {
        row(&mut table, event_type, count, published.len(), "");
    }
    table
}
