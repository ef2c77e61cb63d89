//! How a command fails: what is printed, and the exit code.
//!
//! What went wrong is said by the errors of the commands; here is only the edge where their chain is shown once.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::demo::DemoError;
use crate::dev::DevError;
use crate::platform::PlatformError;

/// Something failed.
const EXIT_FAILED: u8 = 1;
/// The command cannot be run as it is; `clap` uses the same code for wrong arguments.
const EXIT_USAGE: u8 = 2;
/// The user ended it: 128 and the number of SIGINT, as shells do.
const EXIT_INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Dev(#[from] DevError),
    #[error(transparent)]
    Demo(#[from] DemoError),
}

impl CliError {
    /// Prints the error with every cause to standard error and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let text = format!("error: {}\n", chain(self));
        // Where even standard error is closed, the exit code is all that is left to say.
        match std::io::stderr().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::from(self.exit_code()),
            Err(_closed) => ExitCode::from(EXIT_FAILED),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Dev(
                DevError::NotEmbedded(_) | DevError::Platform(PlatformError::MissingFunctions(_)),
            )
            | Self::Demo(DemoError::Platform(PlatformError::MissingFunctions(_))) => EXIT_USAGE,
            Self::Demo(DemoError::Interrupted) => EXIT_INTERRUPTED,
            Self::Dev(_) | Self::Demo(_) => EXIT_FAILED,
        }
    }
}

/// Returns an error's text and every cause behind it, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
