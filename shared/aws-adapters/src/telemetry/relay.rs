//! The log line and the metrics of one invocation of the outbox relay.

use std::io;

use event_schema::Timestamp;
use processing::Relayed;
use tracing::{info, warn};

use super::RELAY_METRICS;
use super::emf::{self, Line};

/// One invocation as it is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayReport<'a> {
    pub(crate) function: &'static str,
    pub(crate) namespace: &'a str,
    /// Rows that the stream delivered.
    pub(crate) rows: usize,
    pub(crate) relayed: &'a Relayed,
    pub(crate) batch_ms: u64,
    pub(crate) now: Timestamp,
}

impl RelayReport<'_> {
    /// Logs the invocation and writes its metrics to standard output.
    pub(crate) fn publish(&self) {
        for refusal in &self.relayed.unfinished {
            warn!(
                handler = self.function,
                code = refusal.code,
                causes = refusal.chain.join(": "),
                "a lane of the outbox stopped"
            );
        }
        info!(
            handler = self.function,
            rows = self.rows,
            events_published = self.relayed.events_published,
            events_dead_lettered = self.relayed.events_dead_lettered,
            lanes_stopped = self.relayed.unfinished.len(),
            batch_ms = self.batch_ms,
            "the outbox was relayed"
        );
        if let Err(error) = emf::write_lines(&[self.line()], &mut io::stdout().lock()) {
            warn!(%error, "the metrics of the relay could not be written");
        }
    }

    fn line(&self) -> Line<'_> {
        let count = |count: usize| Some(u64::try_from(count).unwrap_or(u64::MAX));
        let values = [
            count(self.rows),
            count(self.relayed.events_published),
            count(self.relayed.events_dead_lettered),
            count(self.relayed.rows_left),
            count(self.relayed.unfinished.len()),
            self.oldest_row_age_ms(),
            Some(self.batch_ms),
        ];
        let metrics = RELAY_METRICS.iter().zip(values);
        Line {
            namespace: self.namespace,
            timestamp_ms: self.now.as_ms(),
            dimensions: vec![("function", self.function)],
            metrics: metrics
                .filter_map(|((name, unit), value)| Some((*name, *unit, value?)))
                .collect(),
        }
    }

    /// A row from the future is 0 old.
    fn oldest_row_age_ms(&self) -> Option<u64> {
        let age_ms = self.now.as_ms() - self.relayed.oldest_row_at?.as_ms();
        Some(u64::try_from(age_ms).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_the_oldest_row_is_a_metric_where_there_is_one() {
        let now = Timestamp::from_ms(10_000);
        for (oldest_ms, age) in [
            (None, None),
            (Some(4_000), Some(6_000)),
            (Some(11_000), Some(0)),
        ] {
            let relayed = Relayed {
                events_published: 3,
                oldest_row_at: oldest_ms.map(Timestamp::from_ms),
                ..Relayed::default()
            };
            let report = RelayReport {
                function: "outbox-relay",
                namespace: "Test",
                rows: 2,
                relayed: &relayed,
                batch_ms: 7,
                now,
            };
            let line = serde_json::to_value(report.line()).unwrap();
            assert_eq!(line["events_published"], 3);
            assert_eq!(line["rows"], 2);
            assert_eq!(
                line.get("oldest_row_age_ms")
                    .and_then(serde_json::Value::as_u64),
                age
            );
        }
    }
}
