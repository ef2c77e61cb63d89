//! The one log stream: lines of functions under their names, and what servers and mappings have to say.
//!
//! It writes whole lines, one after the other, to one place. It interprets nothing but one thing: whether a line
//! is a metric, which a terminal need not show.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use local_platform::lambda::{LogLine, LogSink};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// What servers and mappings log unless `RUST_LOG` says otherwise. The embedded database warns of each condition
/// that does not hold, which is how conflicts are noticed and no reason to worry.
const FILTER: &str = "info,dynoxide=error";
/// How lines begin that follow the embedded metric format (`CloudWatch`'s embedded metric format specification).
const METRICS_BEGIN: &str = r#"{"_aws":"#;

/// The place where lines go; clones share it.
#[derive(Clone)]
pub(crate) struct Logs {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    shows_metrics: bool,
}

impl Logs {
    /// Logs to standard output; metrics only if asked for.
    pub(crate) fn to_terminal(shows_metrics: bool) -> Self {
        Self {
            out: Arc::new(Mutex::new(Box::new(io::stdout()))),
            shows_metrics,
        }
    }

    /// Logs everything to a file, which is made anew, with its folder.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self {
            out: Arc::new(Mutex::new(Box::new(File::create(path)?))),
            shows_metrics: true,
        })
    }

    /// Takes over what this process logs from now on.
    pub(crate) fn install(&self) -> Result<(), TryInitError> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| FILTER.into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(self.clone())
            .finish()
            .try_init()
    }

    /// Returns where the local Lambda sends the lines of functions.
    pub(crate) fn functions(&self) -> LogSink {
        let logs = self.clone();
        Arc::new(move |line: LogLine| {
            if !logs.shows_metrics && line.text.starts_with(METRICS_BEGIN) {
                return;
            }
            let text = format!("{} | {}\n", line.function, line.text);
            if let Err(error) = logs.clone().write_all(text.as_bytes()) {
                tracing::debug!(%error, "a line of a function is lost");
            }
        })
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Logs")
            .field("shows_metrics", &self.shows_metrics)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use local_platform::lambda::LogStream;

    use super::*;

    /// A buffer that can be looked at from outside.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(shows_metrics: bool) -> String {
        let shared = Shared::default();
        let logs = Logs {
            out: Arc::new(Mutex::new(Box::new(shared.clone()))),
            shows_metrics,
        };
        let sink = logs.functions();
        for text in [r#"{"_aws":{},"applied":3}"#, "a batch is done"] {
            sink(LogLine {
                function: "order-created".to_owned(),
                stream: LogStream::Stdout,
                text: text.to_owned(),
            });
        }
        String::from_utf8(shared.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_begins_with_its_function() {
        assert_eq!(logged(false), "order-created | a batch is done\n");
    }

    #[test]
    fn metrics_are_shown_only_when_asked_for() {
        assert_eq!(logged(true).lines().count(), 2);
    }
}
