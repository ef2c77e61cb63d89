//! Lines and metrics say what happened, and nothing of the payload.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{env, fs};

use event_schema::EventId;
use msk_event::{BatchResponse, Position};
use processing::{Answer, Effort, RecordReport, Refusal};
use serde_json::Value;

use super::*;
use crate::settings::LogFormat;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn refusal(code: &'static str) -> Refusal {
    Refusal {
        code,
        chain: vec!["outer".into(), "inner".into()],
    }
}

fn record(offset: i64, outcome: Outcome) -> RecordReport {
    RecordReport {
        position: Some(Position {
            topic: "orders.v1".into(),
            partition: 3,
            offset,
        }),
        ordering_key: Some("someone@example.com".into()),
        event_id: Some(EventId::new(format!("e-{offset}")).unwrap()),
        traceparent: Some(format!("00-{TRACE_ID}-00f067aa0ba902b7-01")),
        timestamp_ms: Some(1_795_256_130_123 - offset),
        outcome,
    }
}

fn processed(outcomes: impl IntoIterator<Item = Outcome>) -> Processed {
    let records = (0..)
        .zip(outcomes)
        .map(|(offset, outcome)| record(offset, outcome));
    Processed {
        answer: Answer::Respond(BatchResponse::default()),
        records: records.collect(),
        effort: Effort {
            load_calls: 2,
            query_calls: 1,
            commit_calls: 3,
            dead_letter_sends: 1,
            conflicts: 4,
            new_epochs: 0,
        },
    }
}

fn every_outcome() -> Processed {
    processed([
        Outcome::Applied,
        Outcome::Applied,
        Outcome::Duplicate,
        Outcome::Ignored,
        Outcome::Parked,
        Outcome::DeadLettered(refusal("invalid_value")),
        Outcome::DeadLettered(refusal("invalid_value")),
        Outcome::DeadLettered(refusal("panic")),
        Outcome::Unfinished(refusal("store_throttled")),
    ])
}

fn report(processed: &Processed) -> BatchReport<'_> {
    BatchReport {
        function: "order-created",
        namespace: "Tailrace",
        processed,
        batch_ms: 37,
        now: Timestamp::from_ms(1_795_256_131_123),
    }
}

fn metric_lines(processed: &Processed) -> String {
    let mut output = Vec::new();
    emf::write(&report(processed), &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

/// What a batch logs, line by line.
fn logged(filter: &str, log: impl FnOnce()) -> Vec<Value> {
    let output = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&output);
    let writer = move || Lines(Arc::clone(&writer));
    let subscriber = subscriber::subscriber(filter, LogFormat::Json, writer);
    tracing::subscriber::with_default(subscriber, log);
    let output = String::from_utf8(output.lock().unwrap().clone()).unwrap();
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn metric_lines_are_written_byte_for_byte() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.jsonl");
    let written = metric_lines(&every_outcome());
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert_eq!(written, fs::read_to_string(&path).unwrap());
}

#[test]
fn metric_lines_obey_the_embedded_metric_format() {
    for line in metric_lines(&every_outcome()).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_000_000_000_000);
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!((1..=1_024).contains(&namespace.len()));
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            let names: HashSet<_> = metrics
                .iter()
                .map(|m| m["Name"].as_str().unwrap())
                .collect();
            assert_eq!(names.len(), metrics.len());
            assert!(names.iter().all(|name| line[*name].is_u64()));
            let units = ["Count", "Milliseconds"];
            assert!(
                metrics
                    .iter()
                    .all(|m| units.contains(&m["Unit"].as_str().unwrap()))
            );
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!((1..=30).contains(&set.len()));
                assert!(
                    set.iter()
                        .all(|name| line[name.as_str().unwrap()].is_string())
                );
            }
        }
    }
}

#[test]
fn a_batch_without_timestamps_has_no_age() {
    let mut processed = processed([Outcome::Applied]);
    processed.records[0].timestamp_ms = None;
    assert!(!metric_lines(&processed).contains("event_age_ms_max"));
}

#[test]
fn more_codes_than_are_bounded_count_as_other() {
    let codes = (0..60).map(|n| -> &'static str { Box::leak(format!("code_{n:02}").into()) });
    let processed = processed(codes.map(|code| Outcome::DeadLettered(refusal(code))));
    let lines = metric_lines(&processed);
    assert_eq!(lines.lines().count(), 1 + 50 + 1);
    assert!(lines.contains(r#""code":"other","dead_lettered":10"#));
}

#[test]
fn a_batch_logs_a_summary_and_a_line_for_each_record_that_was_not_applied() {
    let processed = every_outcome();
    let lines = logged("info", || lines::log(&report(&processed)));
    let levels: Vec<_> = lines
        .iter()
        .map(|line| line["level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["WARN", "ERROR", "ERROR", "ERROR", "WARN", "INFO"]);

    let dead = &lines[1];
    assert_eq!(dead["handler"], "order-created");
    assert_eq!(dead["topic"], "orders.v1");
    assert_eq!(dead["partition"], 3);
    assert_eq!(dead["offset"], 5);
    assert_eq!(dead["event_id"], "e-5");
    assert_eq!(dead["trace_id"], TRACE_ID);
    assert_eq!(dead["code"], "invalid_value");
    assert_eq!(dead["causes"], "outer: inner");
    assert_eq!(dead["ordering_key"].as_str().unwrap().len(), 16);

    let summary = lines.last().unwrap();
    let logged = METRICS.iter().map(|(name, _)| summary[*name].as_u64());
    assert!(logged.eq(report(&processed).values()));
    assert_eq!(summary["answer"], "respond");
}

#[test]
fn an_ordering_key_is_never_logged() {
    let processed = every_outcome();
    let lines = logged("trace", || lines::log(&report(&processed)));
    assert!(
        lines
            .iter()
            .all(|line| !line.to_string().contains("someone"))
    );
    assert!(!metric_lines(&processed).contains("someone"));
}

#[test]
fn what_waits_for_an_operator_is_an_error_and_what_heals_is_not() {
    let outcomes = ["dead_letter_too_large", "store_unavailable"];
    let processed = processed(outcomes.map(|code| Outcome::Unfinished(refusal(code))));
    let lines = logged("warn", || lines::log(&report(&processed)));
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(lines[1]["level"], "WARN");
}

#[test]
fn lines_of_unfinished_records_are_bounded() {
    let outcomes = (0..1_000).map(|_| Outcome::Unfinished(refusal("store_unavailable")));
    let processed = processed(outcomes);
    let lines = logged("info", || lines::log(&report(&processed)));
    assert_eq!(lines.len(), 100 + 2);
    assert_eq!(lines[100]["unfinished_beyond"], 900);
}

#[test]
fn libraries_log_nothing_that_may_hold_a_payload() {
    let lines = logged("trace", || {
        tracing::trace!(target: "lambda_runtime::layers::api_response", body = "secret");
        tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", "secret");
        tracing::error!(target: "lambda_runtime::layers::panic", "said twice");
        tracing::warn!(target: "aws_config", "kept");
        tracing::debug!("kept");
    });
    let messages: Vec<_> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages, ["kept", "kept"]);
}

#[test]
fn every_line_of_an_invocation_has_its_request_id() {
    let lines = logged("error", || {
        let span = tracing::info_span!(
            target: "lambda_runtime::layers::trace", "Lambda runtime invoke", requestId = "r-1"
        );
        let _inside = span.enter();
        tracing::error!("line");
    });
    assert_eq!(lines[0]["span"]["requestId"], "r-1");
}
