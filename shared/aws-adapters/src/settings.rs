//! Every setting of a function, read from environment variables in one place.
//!
//! All problems are found at once, so that a deployment is corrected once. It reads no files and keeps no
//! secrets: credentials are the SDK's business.

use std::fmt;
use std::time::Duration;

use processing::EngineSettings;
use tracing_subscriber::EnvFilter;

/// Milliseconds that are kept free at the end of an invocation, unless set otherwise.
const DEADLINE_MARGIN_MS_DEFAULT: u64 = 2_000;
/// The least margin, in milliseconds: an answer needs time.
const DEADLINE_MARGIN_MS_MIN: u64 = 100;
/// The largest margin, in milliseconds.
const DEADLINE_MARGIN_MS_MAX: u64 = 60_000;
/// Characters of a table prefix; table names have at most 255 in all.
const TABLE_PREFIX_CHARS_MAX: usize = 200;
/// Characters of a `CloudWatch` namespace.
const NAMESPACE_CHARS_MAX: usize = 255;
/// Bytes of a code version.
const CODE_VERSION_BYTES_MAX: usize = 128;

/// What a function is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `TABLE_PREFIX`: stands before every logical table name; empty by default.
    pub table_prefix: String,
    /// `DEAD_LETTER_QUEUE_URL`: a standard SQS queue; required of a function that takes records, and empty for
    /// one that answers requests.
    pub dead_letter_queue_url: String,
    /// `OVERFLOW_BUCKET`: an S3 bucket for what is too large for an event or a message; none by default.
    pub overflow_bucket: Option<String>,
    /// `PARTIAL_BATCH_RESPONSE`: whether the mapping heeds the batch response; `false` by default.
    pub partial_batch_response: bool,
    /// `DEADLINE_MARGIN_MS`: time kept free for the answer; 100 to 60,000, by default 2,000.
    pub deadline_margin: Duration,
    /// `CODE_VERSION`: names the deployed code in dead letters; the workspace's version by default.
    pub code_version: String,
    /// `METRICS_NAMESPACE`: where metrics go in `CloudWatch`; `Tailrace` by default.
    pub metrics_namespace: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else `info`: what is logged, as a filter.
    pub log_filter: String,
    /// `AWS_LAMBDA_LOG_FORMAT`: JSON unless it says `Text`.
    pub log_format: LogFormat,
}

/// What invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// An event source mapping, with records.
    Records,
    /// An HTTP API or a function URL, with requests.
    Requests,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people at a terminal.
    Text,
}

/// All that is wrong with the environment of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<SettingsProblem>,
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// The variable's name.
    pub name: &'static str,
    /// What it is set to; `None` if it is not set.
    pub found: Option<String>,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} setting(s) cannot be used", self.problems.len())?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{} is {found:?}", self.name)?,
            None => write!(f, "{} is not set", self.name)?,
        }
        write!(f, "; it has to be {}", self.expected)
    }
}

impl Settings {
    /// Reads all settings through `lookup`, which answers with a variable's value.
    ///
    /// An empty value counts as not set.
    ///
    /// # Errors
    /// Fails with every setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::read_for(Trigger::Records, lookup)
    }

    /// Reads the settings of a function with this trigger; only one that takes records has a queue for its
    /// dead letters, and needs its URL.
    pub(crate) fn read_for(
        trigger: Trigger,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let mut reader = Reader {
            lookup,
            problems: Vec::new(),
        };
        let settings = Self {
            table_prefix: reader.table_prefix(),
            dead_letter_queue_url: match trigger {
                Trigger::Records => reader.dead_letter_queue_url(),
                Trigger::Requests => String::new(),
            },
            overflow_bucket: reader.overflow_bucket(),
            partial_batch_response: reader.partial_batch_response(),
            deadline_margin: reader.deadline_margin(),
            code_version: reader.code_version(),
            metrics_namespace: reader.metrics_namespace(),
            log_filter: reader.log_filter(),
            log_format: reader.log_format(),
        };
        if reader.problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError {
                problems: reader.problems,
            })
        }
    }

    /// What of it the engine needs.
    #[must_use]
    pub fn engine(&self) -> EngineSettings {
        EngineSettings {
            partial_batch_response: self.partial_batch_response,
            deadline_margin: self.deadline_margin,
            code_version: self.code_version.clone(),
        }
    }
}

/// Finds the variables without which Lambda's runtime cannot start; Lambda sets them, a terminal does not.
pub(crate) fn runtime_problems(lookup: impl Fn(&str) -> Option<String>) -> Vec<SettingsProblem> {
    let expected = "set by Lambda; to run the function elsewhere, start it under an emulator";
    let mut reader = Reader {
        lookup,
        problems: Vec::new(),
    };
    for name in [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_RUNTIME_API",
    ] {
        if reader.value(name).is_none() {
            reader.problem(name, None, expected);
        }
    }
    let name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
    let megabytes = reader.value(name);
    if megabytes
        .as_deref()
        .is_none_or(|megabytes| megabytes.parse::<i32>().is_err())
    {
        reader.problem(name, megabytes, expected);
    }
    reader.problems
}

struct Reader<L> {
    lookup: L,
    problems: Vec<SettingsProblem>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn problem(&mut self, name: &'static str, found: Option<String>, expected: impl Into<String>) {
        self.problems.push(SettingsProblem {
            name,
            found,
            expected: expected.into(),
        });
    }

    /// Notes a value that `is_right` refuses; returns it all the same, since the problem ends the reading.
    fn checked(
        &mut self,
        name: &'static str,
        default: &str,
        expected: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> String {
        let Some(value) = self.value(name) else {
            return default.to_owned();
        };
        if !is_right(&value) {
            self.problem(name, Some(value.clone()), expected);
        }
        value
    }

    fn table_prefix(&mut self) -> String {
        let expected =
            format!("at most {TABLE_PREFIX_CHARS_MAX} of letters, digits, `.`, `_` and `-`");
        self.checked("TABLE_PREFIX", "", &expected, |prefix| {
            prefix.len() <= TABLE_PREFIX_CHARS_MAX && has_only(prefix, "._-")
        })
    }

    fn dead_letter_queue_url(&mut self) -> String {
        let name = "DEAD_LETTER_QUEUE_URL";
        let expected = "the https:// or http:// URL of a standard SQS queue";
        if self.value(name).is_none() {
            self.problem(name, None, expected);
        }
        self.checked(name, "", expected, is_queue_url)
    }

    fn overflow_bucket(&mut self) -> Option<String> {
        let expected =
            "the name of an S3 bucket: 3 to 63 of lower-case letters, digits, `.` and `-`";
        let bucket = self.checked("OVERFLOW_BUCKET", "", expected, event_schema::is_bucket);
        Some(bucket).filter(|bucket| !bucket.is_empty())
    }

    fn partial_batch_response(&mut self) -> bool {
        let expected = "`true` or `false`";
        let is_bool = |value: &str| value.parse::<bool>().is_ok();
        self.checked("PARTIAL_BATCH_RESPONSE", "false", expected, is_bool) == "true"
    }

    fn deadline_margin(&mut self) -> Duration {
        let name = "DEADLINE_MARGIN_MS";
        let Some(value) = self.value(name) else {
            return Duration::from_millis(DEADLINE_MARGIN_MS_DEFAULT);
        };
        let bounds = DEADLINE_MARGIN_MS_MIN..=DEADLINE_MARGIN_MS_MAX;
        if let Some(ms) = value.parse().ok().filter(|ms| bounds.contains(ms)) {
            return Duration::from_millis(ms);
        }
        let expected = format!(
            "a whole number of milliseconds from {DEADLINE_MARGIN_MS_MIN} to {DEADLINE_MARGIN_MS_MAX}"
        );
        self.problem(name, Some(value), expected);
        Duration::from_millis(DEADLINE_MARGIN_MS_DEFAULT)
    }

    fn code_version(&mut self) -> String {
        let expected = format!("at most {CODE_VERSION_BYTES_MAX} bytes of visible text");
        self.checked(
            "CODE_VERSION",
            env!("CARGO_PKG_VERSION"),
            &expected,
            |version| {
                version.len() <= CODE_VERSION_BYTES_MAX && !version.chars().any(char::is_control)
            },
        )
    }

    fn metrics_namespace(&mut self) -> String {
        let expected = format!(
            "1 to {NAMESPACE_CHARS_MAX} of letters, digits and `._-/#:`, not starting with `:` or `AWS/`"
        );
        self.checked("METRICS_NAMESPACE", "Tailrace", &expected, |namespace| {
            namespace.len() <= NAMESPACE_CHARS_MAX
                && has_only(namespace, "._-/#:")
                && !namespace.starts_with(':')
                && !namespace.starts_with("AWS/")
        })
    }

    fn log_filter(&mut self) -> String {
        if let Some(level) = self.value("AWS_LAMBDA_LOG_LEVEL") {
            // Lambda knows one level more than tracing.
            return match level.to_ascii_lowercase().as_str() {
                "fatal" | "error" => "error".to_owned(),
                level @ ("trace" | "debug" | "info" | "warn") => level.to_owned(),
                other => {
                    let expected = "TRACE, DEBUG, INFO, WARN, ERROR or FATAL";
                    self.problem("AWS_LAMBDA_LOG_LEVEL", Some(level.clone()), expected);
                    other.to_owned()
                }
            };
        }
        let expected = "a filter such as `info` or `info,processing=debug`";
        self.checked("RUST_LOG", "info", expected, |filter| {
            EnvFilter::try_new(filter).is_ok()
        })
    }

    fn log_format(&mut self) -> LogFormat {
        let name = "AWS_LAMBDA_LOG_FORMAT";
        let is_format =
            |value: &str| ["json", "text"].contains(&value.to_ascii_lowercase().as_str());
        let format = self.checked(name, "JSON", "`JSON` or `Text`", is_format);
        if format.eq_ignore_ascii_case("text") {
            LogFormat::Text
        } else {
            LogFormat::Json
        }
    }
}

fn has_only(text: &str, also: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

/// A FIFO queue needs a group and a deduplication id with every message, and would block its group.
fn is_queue_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let parts = rest.and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(host, path)| !host.is_empty() && !path.is_empty())
        && url.strip_suffix(".fifo").is_none()
        && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests;
