//! Collecting what checks found, so that one run names everything that is wrong.

use std::fmt::Write as _;

/// Failures that are written out; one mistake often fails many checks.
const FAILURES_SHOWN_MAX: usize = 10;

/// The checks of a suite and the failures among them.
pub(crate) struct CheckReport {
    subject: String,
    checks: usize,
    failures: Vec<(String, String)>,
}

impl CheckReport {
    pub(crate) fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            checks: 0,
            failures: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, sentence: impl Into<String>, found: Result<(), String>) {
        self.checks += 1;
        if let Err(fault) = found {
            self.failures.push((sentence.into(), fault));
        }
    }

    /// Ends the test if a check failed, naming each by the sentence that is not true.
    #[track_caller]
    pub(crate) fn panic_if_any_failed(&self) {
        assert!(self.checks > 0, "no check was run on {}", self.subject);
        assert!(self.failures.is_empty(), "{}", self.text());
    }

    fn text(&self) -> String {
        let (failed, checks) = (self.failures.len(), self.checks);
        let mut text = format!("{failed} of {checks} checks of {} failed", self.subject);
        for (sentence, fault) in self.failures.iter().take(FAILURES_SHOWN_MAX) {
            // Writing to a string cannot fail.
            write!(text, "\n* not true: {sentence}\n    {fault}").unwrap_or_default();
        }
        if failed > FAILURES_SHOWN_MAX {
            write!(text, "\n  and {} more", failed - FAILURES_SHOWN_MAX).unwrap_or_default();
        }
        text
    }
}
