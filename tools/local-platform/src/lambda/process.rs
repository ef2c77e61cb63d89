//! One operating-system process of a function: its start, its environment variables and its end.
//!
//! It knows nothing of invocations. The function does not inherit the environment of the developer's shell, so
//! real credentials, profiles and proxies never reach it.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::function::Function;
use super::logs::{self, LogSink, LogStream};
use crate::REGION;

/// How long the rest of a process's output is awaited after its end.
const LOG_DRAIN_MILLISECONDS_MAX: u64 = 500;

/// Variables that pass from the platform's own environment to functions: they carry no identity.
const INHERITED_VARIABLES: [&str; 5] = [
    "LLVM_PROFILE_FILE",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TMPDIR",
];

/// A running process of a function; dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    logs: JoinSet<()>,
}

impl Process {
    /// Starts the function's binary with the Runtime API at `runtime_api`.
    ///
    /// The process leads its own process group, so that Ctrl-C in a terminal reaches the platform alone.
    pub(super) fn start(
        function: &Function,
        environment_id: &str,
        runtime_api: &str,
        sink: &LogSink,
    ) -> io::Result<Self> {
        let mut child = Command::new(&function.binary)
            .env_clear()
            .envs(inherited())
            .envs(lambda_variables(function, environment_id, runtime_api))
            .envs(&function.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut logs = JoinSet::new();
        let name = &function.name;
        if let Some(output) = child.stdout.take() {
            logs.spawn(logs::pass_on(
                output,
                name.clone(),
                LogStream::Stdout,
                sink.clone(),
            ));
        }
        if let Some(output) = child.stderr.take() {
            logs.spawn(logs::pass_on(
                output,
                name.clone(),
                LogStream::Stderr,
                sink.clone(),
            ));
        }
        Ok(Self { child, logs })
    }

    /// Waits for the process to end by itself; can be given up and called again.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends SIGKILL; a process that has ended is left alone.
    pub(super) fn kill(&mut self) {
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the process of a function had ended before it was killed");
        }
    }

    /// Kills the process if it still runs, reaps it and passes on the rest of its output.
    pub(super) async fn end(&mut self) {
        self.kill();
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, "the process of a function cannot be awaited");
        }
        let limit = Duration::from_millis(LOG_DRAIN_MILLISECONDS_MAX);
        let drained = async { while self.logs.join_next().await.is_some() {} };
        // A process the function started may hold its output open; its lines are not worth waiting for.
        if tokio::time::timeout(limit, drained).await.is_err() {
            self.logs.abort_all();
        }
    }
}

fn inherited() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    INHERITED_VARIABLES
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name, value)))
}

/// The variables Lambda defines (LDG/configuration-envvars), with credentials that are valid nowhere.
fn lambda_variables(
    function: &Function,
    environment_id: &str,
    runtime_api: &str,
) -> Vec<(&'static str, String)> {
    let task_root = function
        .binary
        .parent()
        .unwrap_or(Path::new("."))
        .display()
        .to_string();
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", function.name),
        ),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            format!("local/[$LATEST]{environment_id}"),
        ),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("TZ", ":UTC".to_owned()),
    ]
}
