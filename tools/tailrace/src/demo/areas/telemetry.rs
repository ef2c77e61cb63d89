//! Operations: metrics rolled up by the minute, errors grouped by what they are.

use std::collections::BTreeMap;
use std::io;

use event_schema::events::{
    ErrorLogged, LogLevel, MetricRecorded, NotificationKind, NotificationRequested,
};
use event_schema::{Decimal, Labels, MetricName, ServiceName, Timestamp};
use serde_json::json;

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text, whole};
use crate::demo::plan::{self, PlanError, Recipe, Seed};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Measured values.
const METRICS: u32 = 1_000;
/// What is measured, between which values, in tenths.
const SERIES: [(&str, &str, u32, u32); 3] = [
    ("cpu_usage", "api", 100, 999),
    ("cpu_usage", "worker", 50, 600),
    ("latency_ms", "api", 10, 4_000),
];
/// What is unusual.
const THRESHOLD: (&str, Decimal) = ("cpu_usage", Decimal::from_parts(95, 0, 0, false, 0));
/// Values lie so many milliseconds apart: the minute changes some times.
const METRIC_STEP_MS: i64 = 240;
/// Characters of a bar.
const BAR_WIDTH: usize = 24;
/// Errors that services report.
const ERRORS: u32 = 160;
/// What they report: a service, a type, a text with something in it that differs each time, and how bad it is.
const FAILURES: [(&str, &str, &str, LogLevel); 4] = [
    (
        "payments",
        "Timeout",
        "no answer from bank after {} ms",
        LogLevel::Error,
    ),
    (
        "payments",
        "Declined",
        "card was declined for order o-{}",
        LogLevel::Warning,
    ),
    (
        "search",
        "IndexError",
        "shard {} is gone",
        LogLevel::Critical,
    ),
    ("mail", "Bounce", "mailbox {} is full", LogLevel::Error),
];

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    business.seeds.push(Seed {
        table: "metric-thresholds",
        partition: THRESHOLD.0.to_owned(),
        sort: "-".to_owned(),
        item: json!({ "metric_name": THRESHOLD.0, "above": THRESHOLD.1.to_string() }),
    });
    for number in 0..METRICS {
        let chosen = usize::try_from(random.between(0, 2)).unwrap_or(0);
        let Some((metric, service, least, most)) = SERIES.get(chosen) else {
            continue;
        };
        let recorded = MetricRecorded {
            metric_name: MetricName::new(*metric)?,
            // Tenths: every value has one decimal.
            value: f64::from(random.between(*least, *most)) / 10.0,
            unit: None,
            tags: [("service", *service)].into_iter().collect::<Labels>(),
        };
        let at = recipe.starts_at.as_ms() + i64::from(number) * METRIC_STEP_MS;
        let id = format!("metric-{number}");
        business.push(plan::record(recorded, &id, Timestamp::from_ms(at))?, random);
    }
    for number in 0..ERRORS {
        let chosen = usize::try_from(random.between(0, 3)).unwrap_or(0);
        let Some((service, error_type, message, level)) = FAILURES.get(chosen) else {
            continue;
        };
        let logged = ErrorLogged {
            service: ServiceName::new(*service)?,
            error_type: Some((*error_type).to_owned()),
            message: message.replace("{}", &random.between(1_000, 99_999).to_string()),
            level: level.clone(),
            stack_trace: None,
            trace_id: None,
        };
        let record = plan::record(logged, &format!("error-{number}"), recipe.at(number))?;
        business.push(record, random);
    }
    Ok(())
}

/// Metric, service and the beginning of a minute.
type Minute = (String, String, String);

/// Count, sum, least and greatest, as exact numbers.
#[derive(Clone, Debug, PartialEq)]
struct Rollup {
    count: i64,
    sum: Decimal,
    min: Decimal,
    max: Decimal,
}

/// Rolls the values up as they lie in Kafka: one that was sent twice lies there twice.
fn rollups(evidence: &Evidence<'_>) -> BTreeMap<Minute, Rollup> {
    let mut rollups: BTreeMap<Minute, Rollup> = BTreeMap::new();
    for found in evidence.all::<MetricRecorded>() {
        // All values have one decimal.
        let value = Decimal::from_f64_retain(found.event.value).unwrap_or_default();
        let value = value.round_dp(1);
        let at = found.timestamp.as_ms();
        let minute = Timestamp::from_ms(at - at.rem_euclid(60_000));
        let service = found.event.tags.get("service").unwrap_or_default();
        let key = (
            found.event.metric_name.to_string(),
            service.to_owned(),
            minute.to_string(),
        );
        let rollup = rollups.entry(key).or_insert(Rollup {
            count: 0,
            sum: Decimal::ZERO,
            min: value,
            max: value,
        });
        rollup.count += 1;
        rollup.sum += value;
        rollup.min = rollup.min.min(value);
        rollup.max = rollup.max.max(value);
    }
    rollups
}

fn stored_rollups(evidence: &Evidence<'_>) -> BTreeMap<Minute, Rollup> {
    let items = evidence.items("metric-rollups").values();
    let read = items.map(|item| {
        let tags = item.get("tags").and_then(|tags| tags.get("service"));
        let service = tags.and_then(serde_json::Value::as_str).unwrap_or_default();
        let number = |name: &str| text(item, name).parse().unwrap_or(Decimal::MIN);
        let key = (
            text(item, "metric_name").to_owned(),
            service.to_owned(),
            text(item, "minute").to_owned(),
        );
        let rollup = Rollup {
            count: whole(item, "count"),
            sum: number("sum"),
            min: number("min"),
            max: number("max"),
        };
        (key, rollup)
    });
    read.collect()
}

/// How often, first and last, by service and kind of error.
type Groups = BTreeMap<(String, String), (i64, String, String)>;

fn groups(evidence: &Evidence<'_>) -> Groups {
    let mut groups = Groups::new();
    for found in evidence.distinct::<ErrorLogged>() {
        let kind = found.event.error_type.unwrap_or_default();
        let at = found.timestamp.to_string();
        let key = (found.event.service.to_string(), kind);
        let group = groups.entry(key).or_insert((0, at.clone(), at.clone()));
        group.0 += 1;
        // Timestamps of one form are in order as texts.
        group.1 = at.clone().min(group.1.clone());
        group.2 = at.max(group.2.clone());
    }
    groups
}

fn stored_groups(evidence: &Evidence<'_>) -> Groups {
    let items = evidence.items("error-groups").values();
    let read = items.map(|item| {
        let field = |name: &str| text(item, name).to_owned();
        let group = (
            whole(item, "count"),
            field("first_seen"),
            field("last_seen"),
        );
        ((field("service"), field("error_type")), group)
    });
    read.collect()
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let (rollups, groups) = (rollups(evidence), groups(evidence));
    let values: i64 = rollups.values().map(|rollup| rollup.count).sum();
    let errors: i64 = groups.values().map(|(count, ..)| count).sum();
    let crossed: BTreeMap<Minute, usize> = (rollups.iter())
        .filter(|((metric, ..), rollup)| metric == THRESHOLD.0 && rollup.max > THRESHOLD.1)
        .map(|(minute, _)| (minute.clone(), 1))
        .collect();
    let mut alerts: BTreeMap<Minute, usize> = BTreeMap::new();
    for found in evidence.distinct::<NotificationRequested>() {
        if found.event.kind == NotificationKind::MetricThreshold {
            let field = |name: &str| found.event.data.get(name).unwrap_or_default().to_owned();
            let service = field("tags").replace("service=", "");
            let minute = (field("metric_name"), service, field("minute"));
            *alerts.entry(minute).or_default() += 1;
        }
    }
    let rolled_up = format!(
        "{} values are rolled up in {} minutes of {} series: count, sum, least and greatest",
        grouped(values),
        counted(rollups.len()),
        counted(SERIES.len())
    );
    let grouped_errors = format!(
        "{} errors are in {} groups, first and last seen, whatever numbers they quote",
        grouped(errors),
        counted(groups.len())
    );
    let told = format!(
        "operations were told of {} minutes above a threshold, once each",
        counted(alerts.len())
    );
    vec![
        Check::same(rolled_up, &rollups, &stored_rollups(evidence)),
        Check::same(told, &crossed, &alerts),
        Check::same(grouped_errors, &groups, &stored_groups(evidence)),
    ]
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Metrics, by minute")?;
    let rollups = stored_rollups(evidence);
    let (metric, service) =
        (SERIES.first()).map_or(("", ""), |(metric, service, ..)| (*metric, *service));
    let mut table = Table::new(&[true, false, false, false, false, true]);
    table.row([
        &format!("{metric} of {service}"),
        "values",
        "min",
        "mean",
        "max",
        "mean",
    ]);
    for ((_, _, minute), rollup) in rollups
        .iter()
        .filter(|((one, of, _), _)| one == metric && of == service)
    {
        let mean = rollup.sum / Decimal::from(rollup.count.max(1));
        let percent = u64::try_from(mean.round().mantissa()).unwrap_or(0);
        table.row([
            minute,
            &grouped(rollup.count),
            &rollup.min.to_string(),
            &format!("{mean:.1}"),
            &rollup.max.to_string(),
            &bar(percent, 100, BAR_WIDTH),
        ]);
    }
    screen.line(&table.lay_out())?;
    screen.heading("Errors")?;
    let groups = stored_groups(evidence);
    let most = groups.values().map(|(count, ..)| *count).max().unwrap_or(0);
    let wide = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut table = Table::new(&[true, true, false, true]);
    for ((service, kind), (count, ..)) in &groups {
        let picture = bar(wide(*count), wide(most), BAR_WIDTH);
        table.row([service.as_str(), kind, &grouped(*count), &picture]);
    }
    screen.line(&table.lay_out())
}
