//! The log lines of a batch: its summary, and each record that did not take effect and should have.
//!
//! Levels say what follows: ERROR means that an operator has to act, WARN that something is put off and heals
//! by itself.

use std::fmt::Write as _;

use processing::{Answer, Outcome, RecordReport, Refusal};
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

use super::BatchReport;

/// Lines that a batch may take for unfinished records: in an outage every delivery leaves all of them so.
const UNFINISHED_LINES_MAX: usize = 100;
/// Characters of an ordering key's hash that are logged: enough to find its dead letters by `key_hash`.
const KEY_HASH_CHARS: usize = 16;
/// Why a record stays unfinished until an operator acts, rather than until a service is back.
const UNFINISHED_FOR_GOOD: [&str; 4] = [
    "dead_letter_too_large",
    "no_key",
    "store_refused",
    "too_large_to_park",
];

/// Logs a batch.
pub(crate) fn log(report: &BatchReport<'_>) {
    let mut unfinished_lines = 0_usize;
    for record in &report.processed.records {
        match &record.outcome {
            Outcome::Applied | Outcome::Duplicate | Outcome::Ignored => {}
            Outcome::Parked => Line::of(report, record).parked(),
            Outcome::DeadLettered(refusal) => Line::of(report, record).dead_lettered(refusal),
            Outcome::Unfinished(refusal) => {
                unfinished_lines += 1;
                if unfinished_lines <= UNFINISHED_LINES_MAX {
                    Line::of(report, record).unfinished(refusal);
                }
            }
        }
    }
    let unfinished_beyond = unfinished_lines.saturating_sub(UNFINISHED_LINES_MAX);
    if unfinished_beyond > 0 {
        warn!(
            handler = report.function,
            unfinished_beyond, "more records are unfinished"
        );
    }
    let new_epochs = report.processed.effort.new_epochs;
    if new_epochs > 0 {
        warn!(
            handler = report.function,
            new_epochs, "a topic was made again; its offsets start over"
        );
    }
    summary(report);
}

fn summary(report: &BatchReport<'_>) {
    let [
        received,
        applied,
        duplicates,
        ignored,
        parked,
        dead_lettered,
        unfinished,
        conflicts,
        new_epochs,
        load_calls,
        query_calls,
        commit_calls,
        dead_letter_calls,
        batch_ms,
        event_age_ms_max,
    ] = report.values();
    let answer = match &report.processed.answer {
        Answer::Respond(_) => "respond",
        Answer::Fail { .. } => "fail",
    };
    info!(
        handler = report.function,
        answer,
        received,
        applied,
        duplicates,
        ignored,
        parked,
        dead_lettered,
        unfinished,
        conflicts,
        new_epochs,
        load_calls,
        query_calls,
        commit_calls,
        dead_letter_calls,
        batch_ms,
        event_age_ms_max,
        "a batch was processed"
    );
}

/// What the line of a record says, whatever became of it.
struct Line<'a> {
    handler: &'static str,
    record: &'a RecordReport,
    ordering_key: Option<String>,
    trace_id: Option<&'a str>,
}

/// Writes a record's line at a level that has to be known at compile time.
macro_rules! line {
    ($level:ident, $line:expr, $code:expr, $causes:expr, $message:literal) => {{
        let line = $line;
        let position = line.record.position.as_ref();
        $level!(
            handler = line.handler,
            topic = position.map(|position| position.topic.as_str()),
            partition = position.map(|position| position.partition),
            offset = position.map(|position| position.offset),
            ordering_key = line.ordering_key.as_deref(),
            event_id = line.record.event_id.as_ref().map(AsRef::<str>::as_ref),
            trace_id = line.trace_id,
            code = $code,
            causes = $causes,
            $message
        );
    }};
}

impl<'a> Line<'a> {
    fn of(report: &BatchReport<'_>, record: &'a RecordReport) -> Self {
        Self {
            handler: report.function,
            record,
            ordering_key: record.ordering_key.as_deref().map(short_hash),
            trace_id: record.traceparent.as_deref().and_then(trace_id),
        }
    }

    fn parked(&self) {
        let none = None::<&str>;
        line!(
            warn,
            self,
            none,
            none,
            "a record waits behind a dead letter of its key"
        );
    }

    fn dead_lettered(&self, refusal: &Refusal) {
        let causes = refusal.chain.join(": ");
        line!(
            error,
            self,
            refusal.code,
            causes,
            "a record became a dead letter"
        );
    }

    fn unfinished(&self, refusal: &Refusal) {
        let causes = refusal.chain.join(": ");
        if UNFINISHED_FOR_GOOD.contains(&refusal.code) {
            line!(
                error,
                self,
                refusal.code,
                causes,
                "a record stays unfinished until it is seen to"
            );
        } else {
            line!(
                warn,
                self,
                refusal.code,
                causes,
                "a record is unfinished and comes again"
            );
        }
    }
}

/// The beginning of the lower-case hexadecimal SHA-256.
fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hex = String::with_capacity(KEY_HASH_CHARS);
    for byte in digest.iter().take(KEY_HASH_CHARS / 2) {
        // Writing to a string cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}

/// The trace id of a W3C `traceparent`; a header that is none may hold anything and is not shown.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str, chars: usize| {
        text.len() == chars && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    (is_hex(version, 2) && is_hex(trace_id, 32)).then_some(trace_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_hash_begins_the_key_hash_of_the_dead_letter() {
        // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
        assert_eq!(short_hash("abc"), "ba7816bf8f01cfea");
    }

    #[test]
    fn only_a_well_formed_traceparent_is_shown() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id("00-some@body-x"), None);
        assert_eq!(trace_id("someone@example.com"), None);
    }
}
