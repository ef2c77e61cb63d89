//! Decides what a measured value does: its minute's rollup takes it in, and tells operations of a crossed threshold.
//!
//! It knows one minute at a time; averages over longer times are for whoever reads the rollups.

use event_schema::Recipient;
use event_schema::events::{
    MetricRecorded, NotificationChannel, NotificationKind, NotificationRequested,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};
use rust_decimal::Decimal;

use crate::items::{Breach, Rollup, Threshold, minute_of, series_of};
use crate::number::exact;

/// The user id to which alerts go; its profile says where mail reaches operations.
pub const OPERATIONS: &str = "operations";

/// Bytes of a metric's tags, names and texts together.
const TAGS_BYTES_MAX: usize = 8_192;

/// Handles `metric.recorded`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricRecordedHandler;

impl Decide for MetricRecordedHandler {
    type Event = MetricRecorded;
    const NAME: &'static str = "metric-recorded";
    const DEDUP: Dedup = Dedup::Position;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<MetricRecorded>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        let metric = &record.event;
        let value = exact(metric.value)?;
        let series = series(metric)?;
        let minute = minute_of(record.timestamp);
        // Both are asked for before either is missed: one round loads them.
        let threshold = work.peek::<Threshold>(metric.metric_name.as_str());
        let rollup = work.get::<Rollup>((&series, minute.to_string()));
        let (threshold, rollup) = (threshold?, rollup?);
        let mut rollup = rollup.unwrap_or_else(|| Rollup::empty(series, metric, minute, value));
        rollup.take_in(value)?;
        let breach = threshold.and_then(|threshold| threshold.breach(value));
        if let Some(breach) = breach.filter(|_| rollup.alert.is_none()) {
            rollup.alert = Some(work.next_event_id());
            alert(&rollup, value, breach, work)?;
        }
        work.put(&rollup);
        Ok(())
    }
}

fn series(metric: &MetricRecorded) -> Result<String, Rejection> {
    let tags = metric.tags.iter();
    let bytes: usize = tags.map(|(name, text)| name.len() + text.len()).sum();
    if bytes > TAGS_BYTES_MAX {
        return Err(Rejection::permanent(
            "tags_too_large",
            format!("the metric's tags have {bytes} bytes of at most {TAGS_BYTES_MAX}"),
        ));
    }
    Ok(series_of(&metric.metric_name, &metric.tags))
}

fn alert(
    rollup: &Rollup,
    value: Decimal,
    breach: Breach,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let recipient = Recipient::new(OPERATIONS).map_err(|error| {
        Rejection::permanent("invalid_recipient", "operations cannot be notified").caused_by(error)
    })?;
    let tags = rollup.tags.iter();
    let tags: Vec<_> = tags.map(|(name, text)| format!("{name}={text}")).collect();
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::MetricThreshold,
        channel: NotificationChannel::default(),
        locale: None,
        data: [
            ("metric_name", rollup.metric_name.to_string()),
            ("tags", tags.join(", ")),
            ("minute", rollup.minute.to_string()),
            ("value", value.to_string()),
            ("crossed", breach.side.to_owned()),
            ("threshold", breach.limit.normalize().to_string()),
        ]
        .into_iter()
        .collect(),
    });
    Ok(())
}
