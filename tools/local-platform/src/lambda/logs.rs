//! Where the lines go that functions write to stdout and stderr.
//!
//! It keeps nothing and interprets nothing: a metrics line is a line like any other.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// The bytes of one line; a longer one is passed on in pieces (`CloudWatch` Logs quotas: 1 MB an event).
pub const LOG_LINE_BYTES_MAX: u64 = 1024 * 1024;

/// What receives each line; it runs on the runtime, so it must not block.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// One line a function wrote, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The function's name.
    pub function: String,
    /// Which of its two outputs it used.
    pub stream: LogStream,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// The output a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// The standard output, where JSON logs and metrics go.
    Stdout,
    /// The standard error.
    Stderr,
}

/// The sink that hands each line to `tracing` at info level.
pub(super) fn to_tracing() -> LogSink {
    Arc::new(|line: LogLine| {
        tracing::info!(function = line.function, stream = ?line.stream, "{}", line.text);
    })
}

/// Passes on every line of one output until it closes.
pub(super) async fn pass_on(
    output: impl AsyncRead + Unpin,
    function: String,
    stream: LogStream,
    sink: LogSink,
) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader)
            .take(LOG_LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(function, %error, "the output of a function cannot be read on");
                return;
            }
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        sink(LogLine {
            function: function.clone(),
            stream,
            text,
        });
    }
}
