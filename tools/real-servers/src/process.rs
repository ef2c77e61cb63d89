//! Programs with a limit of time, servers that end with their owner, and free ports.
//!
//! What is run is none of its business.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::ServerError;

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a server that was told to end may take before it is killed.
const END_TIME_MAX: Duration = Duration::from_secs(10);
/// Characters of a program's output that an error repeats.
const OUTPUT_CHARS_MAX: usize = 3_000;

/// A server's process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    output: PathBuf,
}

impl Server {
    /// Starts a server that ends when its standard input does, and waits until every one of `ports` answers.
    ///
    /// A server opens them one after the other: that one answers says nothing of the next.
    pub(crate) fn start(
        mut command: Command,
        output: &Path,
        ports: &[u16],
        limit: Duration,
    ) -> Result<Self, ServerError> {
        let (out, err) = outputs(output)?;
        command.stdin(Stdio::piped()).stdout(out).stderr(err);
        let child = command
            .spawn()
            .map_err(|source| unstarted(&command, source))?;
        let mut server = Self {
            child,
            output: output.to_owned(),
        };
        let deadline = Instant::now() + limit;
        let answers = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
        while !ports.iter().all(answers) {
            if server.has_ended()? {
                let program = program(&command);
                let output = end_of(output);
                return Err(ServerError::Failed { program, output });
            }
            if Instant::now() > deadline {
                let (what, output) = (program(&command), end_of(output));
                return Err(ServerError::TooSlow {
                    what,
                    limit,
                    output,
                });
            }
            sleep(PAUSE);
        }
        Ok(server)
    }

    /// Ends the process at once, without a chance to put anything in order.
    pub(crate) fn kill(&mut self) -> Result<(), ServerError> {
        let failed = |source| file_error(&self.output, source);
        match self.child.kill() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => return Err(failed(error)),
            _ => (),
        }
        let deadline = Instant::now() + END_TIME_MAX;
        while !self.has_ended()? {
            if Instant::now() > deadline {
                return Err(ServerError::TooSlow {
                    what: "the end of a server".to_owned(),
                    limit: END_TIME_MAX,
                    output: end_of(&self.output),
                });
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    fn has_ended(&mut self) -> Result<bool, ServerError> {
        let status = self.child.try_wait();
        let status = status.map_err(|source| file_error(&self.output, source))?;
        Ok(status.is_some())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            // A destructor has nobody to tell but the reader of the test's output.
            let told = writeln!(std::io::stderr(), "a server could not be ended: {error}");
            drop(told);
        }
    }
}

/// Runs a program to its end, with `input`, and returns what it wrote to its standard output.
pub(crate) fn run(
    mut command: Command,
    input: &str,
    output: &Path,
    limit: Duration,
) -> Result<String, ServerError> {
    let (out, err) = outputs(output)?;
    let stdin = with_extension(output, "in");
    fs::write(&stdin, input).map_err(|source| file_error(&stdin, source))?;
    let stdin = File::open(&stdin).map_err(|source| file_error(&stdin, source))?;
    command.stdin(stdin).stdout(out).stderr(err);
    let child = command
        .spawn()
        .map_err(|source| unstarted(&command, source))?;
    let mut server = Server {
        child,
        output: output.to_owned(),
    };
    let deadline = Instant::now() + limit;
    while !server.has_ended()? {
        if Instant::now() > deadline {
            let (what, output) = (program(&command), end_of(output));
            return Err(ServerError::TooSlow {
                what,
                limit,
                output,
            });
        }
        sleep(PAUSE);
    }
    let status = server.child.wait();
    let status = status.map_err(|source| file_error(output, source))?;
    if !status.success() {
        let (program, output) = (program(&command), end_of(output));
        return Err(ServerError::Failed { program, output });
    }
    fs::read_to_string(output).map_err(|source| file_error(output, source))
}

/// Finds ports that nobody listens on, all at once so that they differ.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], ServerError> {
    let failed = |source| file_error(Path::new("127.0.0.1:0"), source);
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}

pub(crate) fn file_error(path: &Path, source: std::io::Error) -> ServerError {
    ServerError::File {
        path: path.to_owned(),
        source,
    }
}

fn outputs(output: &Path) -> Result<(File, File), ServerError> {
    let create = |path: &Path| File::create(path).map_err(|source| file_error(path, source));
    Ok((create(output)?, create(&with_extension(output, "err"))?))
}

fn with_extension(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(extension)
}

fn unstarted(command: &Command, source: std::io::Error) -> ServerError {
    ServerError::Program {
        program: program(command),
        source,
    }
}

fn program(command: &Command) -> String {
    let arguments = command.get_args().map(|one| one.to_string_lossy());
    let mains = arguments.filter(|one| one.contains('.') && !one.contains(['/', '-']));
    let mains: Vec<_> = mains.collect();
    format!(
        "{} {}",
        command.get_program().to_string_lossy(),
        mains.join(" ")
    )
}

/// The end of what a program wrote, errors last.
fn end_of(output: &Path) -> String {
    let texts = [output.to_owned(), with_extension(output, "err")]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    let text = texts.concat();
    let skipped = text.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
    text.chars().skip(skipped).collect()
}
