//! Metrics as lines of `CloudWatch`'s embedded metric format ("Specification: Embedded metric format").
//!
//! Each line is the top-level JSON object of its own, so it never goes through a log macro. One line holds the
//! batch, and one more each code of its dead letters.

use std::collections::BTreeMap;
use std::io::{self, Write};

use processing::Outcome;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::{BatchReport, METRICS};

/// Codes that get a line of their own; dead letters of further codes count as `other`.
const CODES_MAX: usize = 50;

/// Writes the metrics of a batch, each line in one piece.
pub(crate) fn write(report: &BatchReport<'_>, output: &mut impl Write) -> io::Result<()> {
    write_lines(&lines(report), output)
}

/// Writes metric lines, all in one piece.
pub(super) fn write_lines(lines: &[Line<'_>], output: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    output.write_all(&text)?;
    output.flush()
}

fn lines<'a>(report: &BatchReport<'a>) -> Vec<Line<'a>> {
    let values = METRICS.iter().zip(report.values());
    let metrics = values.filter_map(|((name, unit), value)| Some((*name, *unit, value?)));
    let batch = Line {
        namespace: report.namespace,
        timestamp_ms: report.now.as_ms(),
        dimensions: vec![("function", report.function)],
        metrics: metrics.collect(),
    };
    let by_code = dead_letters_by_code(report)
        .into_iter()
        .map(|(code, count)| Line {
            dimensions: vec![("function", report.function), ("code", code)],
            metrics: vec![("dead_lettered", "Count", count)],
            ..batch.clone()
        });
    let by_code: Vec<_> = by_code.collect();
    std::iter::once(batch).chain(by_code).collect()
}

fn dead_letters_by_code(report: &BatchReport<'_>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for record in &report.processed.records {
        if let Outcome::DeadLettered(refusal) = &record.outcome {
            let known = counts.len() < CODES_MAX || counts.contains_key(refusal.code);
            *counts
                .entry(if known { refusal.code } else { "other" })
                .or_default() += 1;
        }
    }
    counts
}

/// One line, written with its members in a fixed order.
#[derive(Clone)]
pub(super) struct Line<'a> {
    pub(super) namespace: &'a str,
    pub(super) timestamp_ms: i64,
    pub(super) dimensions: Vec<(&'static str, &'static str)>,
    /// Names with units and values.
    pub(super) metrics: Vec<(&'static str, &'static str, u64)>,
}

/// What tells `CloudWatch` which members are metrics.
struct Metadata<'a>(&'a Line<'a>);

struct Directive<'a>(&'a Line<'a>);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &Metadata(self))?;
        for (name, value) in &self.dimensions {
            line.serialize_entry(name, value)?;
        }
        for (name, _, value) in &self.metrics {
            line.serialize_entry(name, value)?;
        }
        line.end()
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut metadata = serializer.serialize_map(Some(2))?;
        metadata.serialize_entry("Timestamp", &self.0.timestamp_ms)?;
        metadata.serialize_entry("CloudWatchMetrics", &[Directive(self.0)])?;
        metadata.end()
    }
}

impl Serialize for Directive<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names: Vec<_> = self.0.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<_> = (self.0.metrics.iter())
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
            .collect();
        let mut directive = serializer.serialize_map(Some(3))?;
        directive.serialize_entry("Namespace", self.0.namespace)?;
        directive.serialize_entry("Dimensions", &[names])?;
        directive.serialize_entry("Metrics", &metrics)?;
        directive.end()
    }
}
