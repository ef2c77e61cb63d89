//! Real servers for tests, on the Java of this machine: each is started by the test that needs it, on free ports
//! of 127.0.0.1, and ended with it, even if the test is killed.
//!
//! The embedded servers of `local-platform` are what everyday tests use; these are the second tier, for what only
//! the real thing shows. Whether this machine has Java and Maven is asked before (`make test-real`), not here.

mod error;
mod jars;
mod kafka;
mod process;

pub use error::ServerError;
pub use kafka::{Kafka, KafkaOptions, iam};
