//! Why a real server could not be used.
//!
//! Nothing here is tried again by whoever gets it: a test fails with it.

use std::path::PathBuf;
use std::time::Duration;

/// Why a server could not be fetched, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or folder could not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started; the tier needs Java 17 with its tools, and Maven.
    #[error(
        "cannot start {program}; the tests against real servers need java, javac, keytool and mvn"
    )]
    Program {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        output: String,
    },
    /// A program or server took too long.
    #[error("{what} took longer than {limit:?}: {output}")]
    TooSlow {
        /// Which.
        what: String,
        /// How long it may take.
        limit: Duration,
        /// The end of what it said.
        output: String,
    },
}
