//! Sales and totals: what was sold, by hour, product and user, and what all events come to.

use std::collections::BTreeMap;
use std::io;

use event_schema::Decimal;
use event_schema::events::{ConcertSoldOut, OrderCompleted, PaymentCompleted, ReservationCreated};

use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text, whole};
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Characters of a bar.
const BAR_WIDTH: usize = 24;
/// Products that the picture shows.
const SHOWN: usize = 8;

/// How many, and what they come to.
type Sum = (i64, Decimal);

/// Adds one to a sum.
fn add(sums: &mut BTreeMap<String, Sum>, what: String, amount: Option<Decimal>) {
    let sum = sums.entry(what).or_default();
    sum.0 += 1;
    sum.1 += amount.unwrap_or_default();
}

/// The sums of the totals by what they are counted by, whatever their shares.
fn stored_totals(evidence: &Evidence<'_>) -> BTreeMap<String, Sum> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for ((by, _), item) in evidence.items("totals") {
        let sum = sums.entry(by.clone()).or_default();
        sum.0 += whole(item, "events");
        sum.1 += amount(item);
    }
    sums
}

fn amount(item: &processing::Body) -> Decimal {
    match item.get("amount") {
        Some(serde_json::Value::Number(number)) => number.to_string().parse().unwrap_or_default(),
        Some(_) => text(item, "amount").parse().unwrap_or(Decimal::MIN),
        None => Decimal::ZERO,
    }
}

/// Counts the events of the four topics by hour, concert, user and method.
fn replayed_totals(evidence: &Evidence<'_>) -> BTreeMap<String, Sum> {
    let mut sums = BTreeMap::new();
    let hour = |at: event_schema::Timestamp| -> String {
        let hour: String = at.to_string().chars().take(13).collect();
        format!("hour#{hour}")
    };
    for found in evidence.distinct::<OrderCompleted>() {
        let (event, amount) = (&found.event, found.event.total_amount);
        add(
            &mut sums,
            hour(event.completed_at.unwrap_or(found.timestamp)),
            amount,
        );
        add(&mut sums, format!("user#{}", event.user_id), amount);
    }
    for found in evidence.distinct::<PaymentCompleted>() {
        let (event, amount) = (&found.event, Some(found.event.amount));
        add(
            &mut sums,
            hour(event.paid_at.unwrap_or(found.timestamp)),
            amount,
        );
        if let Some(user) = &event.user_id {
            add(&mut sums, format!("user#{user}"), amount);
        }
        let method = event
            .method
            .as_ref()
            .map_or("unknown", |method| method.as_str());
        add(&mut sums, format!("method#{method}"), amount);
    }
    for found in evidence.distinct::<ReservationCreated>() {
        let (event, amount) = (&found.event, found.event.amount);
        add(&mut sums, hour(found.timestamp), amount);
        add(&mut sums, format!("user#{}", event.user_id), amount);
        add(&mut sums, format!("concert#{}", event.concert_id), amount);
    }
    for found in evidence.distinct::<ConcertSoldOut>() {
        if found.event.cursor.is_none() {
            let at = found.event.sold_out_at.unwrap_or(found.timestamp);
            add(&mut sums, hour(at), None);
            add(
                &mut sums,
                format!("concert#{}", found.event.concert_id),
                None,
            );
        }
    }
    sums
}

/// Orders, pieces and amounts that were sold, by day and user; pieces by product.
fn replayed_sales(evidence: &Evidence<'_>) -> BTreeMap<String, (i64, Decimal)> {
    let mut sales: BTreeMap<String, (i64, Decimal)> = BTreeMap::new();
    for found in evidence.distinct::<OrderCompleted>() {
        let order = &found.event;
        let at = order.completed_at.unwrap_or(found.timestamp);
        let day: String = at.to_string().chars().take(10).collect();
        let amount = order.total_amount.unwrap_or_default();
        for (what, pieces) in std::iter::once((format!("day#{day}"), None))
            .chain([(format!("user#{}", order.user_id), None)])
            .chain((order.items.iter()).map(|line| {
                let cost = line.unit_price.unwrap_or_default() * Decimal::from(line.quantity);
                (
                    format!("product#{}", line.product_id),
                    Some((i64::from(line.quantity), cost)),
                )
            }))
        {
            let all: i64 = order
                .items
                .iter()
                .map(|line| i64::from(line.quantity))
                .sum();
            let (pieces, amount) = pieces.unwrap_or((all, amount));
            let sum = sales.entry(what).or_default();
            sum.0 += pieces;
            sum.1 += amount;
        }
    }
    sales
}

fn stored_sales(evidence: &Evidence<'_>) -> BTreeMap<String, (i64, Decimal)> {
    let mut sales: BTreeMap<String, (i64, Decimal)> = BTreeMap::new();
    for ((what, _), item) in evidence.items("sales") {
        // Those are the marks of orders that are counted.
        if !what.starts_with("order#") {
            let sum = sales.entry(what.clone()).or_default();
            sum.0 += whole(item, "pieces");
            sum.1 += amount(item);
        }
    }
    sales
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let (sales, totals) = (stored_sales(evidence), stored_totals(evidence));
    let events: i64 = (totals.iter())
        .filter(|(by, _)| by.starts_with("hour#"))
        .map(|(_, (events, _))| events)
        .sum();
    let raw = evidence.items("raw-events").keys();
    let raw: std::collections::BTreeSet<_> = raw.map(|(subject, _)| subject).collect();
    let kept = i64::try_from(raw.len()).unwrap_or(-1);
    let mut whole_events = Check::of(
        format!(
            "{} events are kept whole for a replay, each once",
            grouped(kept)
        ),
        &[],
    );
    if kept != events {
        whole_events.problem = Some(format!("{} are counted", grouped(events)));
    }
    vec![
        Check::same(
            "pieces and amounts sold, by day, product and user, are those of completed orders",
            &replayed_sales(evidence),
            &sales,
        ),
        Check::same(
            format!(
                "{} totals by hour, concert, user and means of payment are what the events come to",
                counted(totals.len())
            ),
            &replayed_totals(evidence),
            &totals,
        ),
        whole_events,
    ]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Best-selling products")?;
    let sales = stored_sales(evidence);
    let products = sales.iter();
    let mut products: Vec<(i64, &str, Decimal)> = products
        .filter_map(|(what, (pieces, amount))| {
            Some((*pieces, what.strip_prefix("product#")?, *amount))
        })
        .collect();
    products.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let most = products.first().map_or(0, |(pieces, ..)| *pieces);
    let wide = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut table = Table::new(&[true, false, true, false]);
    table.row(["product", "pieces", "", "amount"]);
    for (pieces, product, amount) in products.into_iter().take(SHOWN) {
        let picture = bar(wide(pieces), wide(most), BAR_WIDTH);
        let amount = grouped(amount.trunc().mantissa() / 10_i128.pow(amount.trunc().scale()));
        table.row([product, &grouped(pieces), &picture, &amount]);
    }
    screen.line(&table.lay_out())
}
