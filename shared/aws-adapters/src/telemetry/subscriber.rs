//! The subscriber that writes log lines, and the hook that logs panics.
//!
//! What libraries log below INFO never comes through, whatever the level is set to: the Lambda runtime and the
//! AWS SDK write whole payloads and requests there.

use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Level, Metadata, Subscriber, error};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::settings::{LogFormat, Settings};

/// Crates whose lines below INFO may hold payloads, requests or credentials.
const TALKATIVE_CRATES: [&str; 7] = [
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "lambda_runtime",
    "rustls",
    "tower",
];
/// The span with the request id, kept at every level so that every line has it.
const REQUEST_SPAN_TARGET: &str = "lambda_runtime::layers::trace";
/// Logs what a function answers with as an error; [`crate::run`] has said it already.
const ANSWERED_ERROR_TARGET: &str = "lambda_runtime::layers::panic";

/// Starts logging to standard output, and has panics logged.
pub(crate) fn init(settings: &Settings) -> Result<(), SetGlobalDefaultError> {
    let subscriber = subscriber(&settings.log_filter, settings.log_format, std::io::stdout);
    tracing::subscriber::set_global_default(subscriber)?;
    // The message of a panic may quote a payload; where it happened may not.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location();
        let file = location.map_or("unknown", std::panic::Location::file);
        let line = location.map_or(0, std::panic::Location::line);
        error!(
            file,
            line, "a panic; its message is not logged, since it may quote a payload"
        );
    }));
    Ok(())
}

/// Builds the subscriber.
pub(crate) fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let wanted = EnvFilter::new(filter)
        .or(filter_fn(is_request_span))
        .and(filter_fn(is_discreet));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => lines.boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(wanted))
}

fn is_request_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == REQUEST_SPAN_TARGET
}

fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let krate = target.split("::").next().unwrap_or(target);
    let is_sdk = krate.starts_with("aws_") && krate != env!("CARGO_CRATE_NAME");
    let is_talkative = is_sdk || TALKATIVE_CRATES.contains(&krate);
    target != ANSWERED_ERROR_TARGET && (!is_talkative || *metadata.level() <= Level::INFO)
}
