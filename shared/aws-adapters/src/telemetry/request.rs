//! The log line and the metrics of one request.
//!
//! Neither holds a path, a query, a header or a body: what was asked for is its method and the code of the
//! answer.

use std::io;

use tracing::{info, warn};

use super::HTTP_METRICS;
use super::emf::{self, Line};

/// One request as it is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestReport<'a> {
    pub(crate) function: &'static str,
    pub(crate) namespace: &'a str,
    pub(crate) method: &'a str,
    pub(crate) status: u16,
    /// What the handler calls it, from a bounded set.
    pub(crate) code: &'static str,
    /// Why it could not be answered, outermost first.
    pub(crate) causes: &'a [String],
    pub(crate) request_ms: u64,
    pub(crate) now_ms: i64,
}

impl RequestReport<'_> {
    /// Logs the request and writes its metrics to standard output.
    pub(crate) fn publish(&self) {
        let Self {
            function,
            method,
            status,
            code,
            request_ms,
            ..
        } = *self;
        if status >= 500 {
            warn!(
                handler = function,
                method,
                status,
                code,
                causes = self.causes.join(": "),
                request_ms,
                "a request could not be answered"
            );
        } else {
            info!(
                handler = function,
                method, status, code, request_ms, "a request was answered"
            );
        }
        if let Err(error) = emf::write_lines(&[self.line()], &mut io::stdout().lock()) {
            warn!(%error, "the metrics of a request could not be written");
        }
    }

    fn line(&self) -> Line<'_> {
        let is = |from: u16, to: u16| u64::from((from..to).contains(&self.status));
        let values = [1, is(400, 500), is(500, 600), self.request_ms];
        let metrics = HTTP_METRICS.iter().zip(values);
        Line {
            namespace: self.namespace,
            timestamp_ms: self.now_ms,
            dimensions: vec![("function", self.function)],
            metrics: metrics
                .map(|((name, unit), value)| (*name, *unit, value))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_counted_by_the_class_of_its_status() {
        for (status, client, server) in [(202, 0, 0), (422, 1, 0), (503, 0, 1)] {
            let report = RequestReport {
                function: "f",
                namespace: "Test",
                method: "POST",
                status,
                code: "c",
                causes: &[],
                request_ms: 7,
                now_ms: 1,
            };
            let line = serde_json::to_value(report.line()).unwrap();
            assert_eq!(line["requests"], 1);
            assert_eq!(line["client_errors"], json!(client), "{status}");
            assert_eq!(line["server_errors"], json!(server), "{status}");
            assert_eq!(line["request_ms"], 7);
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Test");
        }
    }
}
