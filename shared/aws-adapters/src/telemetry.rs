//! What an operator sees of a function: log lines, and metrics in `CloudWatch`'s embedded metric format.
//!
//! One summary line and one metric line a batch, and a line for each record that was not applied and should
//! have been. Never a payload, a header or a key: an ordering key appears as the beginning of its SHA-256,
//! which is also the beginning of `key_hash` in its dead letter. It sends nothing over the network.

mod emf;
mod lines;
mod relay;
mod request;
mod subscriber;

use std::io;

use event_schema::Timestamp;
use processing::{Outcome, Processed};

pub(crate) use relay::RelayReport;
pub(crate) use request::RequestReport;
pub(crate) use subscriber::init;

/// The metrics of every batch, with their `CloudWatch` units; the dimension is `function`.
///
/// `dead_lettered` is also counted under the dimensions `function` and `code`. `event_age_ms_max` is left
/// out of a batch in which no record has a timestamp.
pub const METRICS: [(&str, &str); 15] = [
    ("received", "Count"),
    ("applied", "Count"),
    ("duplicates", "Count"),
    ("ignored", "Count"),
    ("parked", "Count"),
    ("dead_lettered", "Count"),
    ("unfinished", "Count"),
    ("conflicts", "Count"),
    ("new_epochs", "Count"),
    ("load_calls", "Count"),
    ("query_calls", "Count"),
    ("commit_calls", "Count"),
    ("dead_letter_calls", "Count"),
    ("batch_ms", "Milliseconds"),
    ("event_age_ms_max", "Milliseconds"),
];

/// The metrics of every request, with their `CloudWatch` units; the dimension is `function`.
pub const HTTP_METRICS: [(&str, &str); 4] = [
    ("requests", "Count"),
    ("client_errors", "Count"),
    ("server_errors", "Count"),
    ("request_ms", "Milliseconds"),
];

/// The metrics of every invocation of the outbox relay, with their `CloudWatch` units; the dimension is
/// `function`. `oldest_row_age_ms` is left out where no row was found that a stream had not just delivered.
pub const RELAY_METRICS: [(&str, &str); 7] = [
    ("rows", "Count"),
    ("events_published", "Count"),
    ("events_dead_lettered", "Count"),
    ("rows_left", "Count"),
    ("lanes_stopped", "Count"),
    ("oldest_row_age_ms", "Milliseconds"),
    ("batch_ms", "Milliseconds"),
];

/// One batch as it is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchReport<'a> {
    pub(crate) function: &'static str,
    pub(crate) namespace: &'a str,
    pub(crate) processed: &'a Processed,
    pub(crate) batch_ms: u64,
    pub(crate) now: Timestamp,
}

impl BatchReport<'_> {
    /// Logs the batch and writes its metrics to standard output.
    pub(crate) fn publish(&self) {
        lines::log(self);
        if let Err(error) = emf::write(self, &mut io::stdout().lock()) {
            tracing::warn!(%error, "the metrics of a batch could not be written");
        }
    }

    /// The values of [`METRICS`], in their order.
    fn values(&self) -> [Option<u64>; METRICS.len()] {
        let effort = self.processed.effort;
        let count = |is: fn(&Outcome) -> bool| Some(self.count(is));
        let calls = |calls: u32| Some(u64::from(calls));
        [
            Some(self.count(|_| true)),
            count(|outcome| matches!(outcome, Outcome::Applied)),
            count(|outcome| matches!(outcome, Outcome::Duplicate)),
            count(|outcome| matches!(outcome, Outcome::Ignored)),
            count(|outcome| matches!(outcome, Outcome::Parked)),
            count(|outcome| matches!(outcome, Outcome::DeadLettered(_))),
            count(|outcome| matches!(outcome, Outcome::Unfinished(_))),
            calls(effort.conflicts),
            calls(effort.new_epochs),
            calls(effort.load_calls),
            calls(effort.query_calls),
            calls(effort.commit_calls),
            calls(effort.dead_letter_sends),
            Some(self.batch_ms),
            self.event_age_ms_max(),
        ]
    }

    fn count(&self, is: fn(&Outcome) -> bool) -> u64 {
        u64::try_from(self.processed.count(is)).unwrap_or(u64::MAX)
    }

    /// The age of the oldest record; a record from the future is 0 old.
    fn event_age_ms_max(&self) -> Option<u64> {
        let ages = self.processed.records.iter().filter_map(|record| {
            let age_ms = self.now.as_ms().saturating_sub(record.timestamp_ms?);
            Some(u64::try_from(age_ms).unwrap_or(0))
        });
        ages.max()
    }
}

#[cfg(test)]
mod tests;
