//! What one function is: its binary and the settings Lambda would hold for it.
//!
//! It checks ranges, not the binary: that may be built after the start and is found at each cold start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{ACCOUNT_ID, REGION};

/// The seconds a function may be given for one invocation (Lambda quotas; a Kafka mapping allows 840).
pub const TIMEOUT_SECONDS_MAX: u64 = 900;

/// The least memory in MB a function can be given (esm-spec §7).
pub const MEMORY_MB_MIN: u32 = 128;

/// The most memory in MB a function can be given (esm-spec §7).
pub const MEMORY_MB_MAX: u32 = 32_768;

/// The environments one function may have at a time: Lambda's default concurrency of an account.
pub const ENVIRONMENTS_MAX: usize = 1_000;

/// The characters a function's name may have (Lambda's `CreateFunction` page).
const NAME_CHARACTERS_MAX: usize = 64;

/// A function and how to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The name callers use: letters, digits, `-` and `_`, at most 64.
    pub name: String,
    /// The binary, which would be `bootstrap` in the deployed package.
    pub binary: PathBuf,
    /// How long one invocation may take, more than zero and at most [`TIMEOUT_SECONDS_MAX`].
    pub timeout: Duration,
    /// The memory the function is told it has; it is not enforced.
    pub memory_mb: u32,
    /// Environment variables, which win over those the local Lambda sets.
    pub environment: BTreeMap<String, String>,
    /// How many environments may exist at a time; one more invocation is throttled.
    pub environments_max: usize,
}

/// Why a function cannot be run as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionProblem {
    /// The name is empty, too long or has other characters.
    #[error("its name must be 1 to {NAME_CHARACTERS_MAX} letters, digits, '-' or '_'")]
    Name,
    /// The timeout is out of range.
    #[error("its timeout of {timeout:?} is not above zero and at most {TIMEOUT_SECONDS_MAX} s")]
    Timeout {
        /// The timeout given.
        timeout: Duration,
    },
    /// The memory is out of range.
    #[error("its memory of {memory_mb} MB is not within {MEMORY_MB_MIN} to {MEMORY_MB_MAX} MB")]
    Memory {
        /// The memory given.
        memory_mb: u32,
    },
    /// The number of environments is out of range.
    #[error("its limit of {environments_max} environments is not within 1 to {ENVIRONMENTS_MAX}")]
    Environments {
        /// The number given.
        environments_max: usize,
    },
}

impl Function {
    /// Describes a function with Lambda's defaults (3 s, 128 MB) and ten environments.
    pub fn new(name: impl Into<String>, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            binary: binary.into(),
            timeout: Duration::from_secs(3),
            memory_mb: MEMORY_MB_MIN,
            environment: BTreeMap::new(),
            environments_max: 10,
        }
    }

    /// Returns the ARN the function is told it was invoked by.
    #[must_use]
    pub fn arn(&self) -> String {
        arn(&self.name)
    }

    pub(super) fn check(&self) -> Result<(), FunctionProblem> {
        let timeout_max = Duration::from_secs(TIMEOUT_SECONDS_MAX);
        if !is_name(&self.name) {
            return Err(FunctionProblem::Name);
        }
        if self.timeout.is_zero() || self.timeout > timeout_max {
            return Err(FunctionProblem::Timeout {
                timeout: self.timeout,
            });
        }
        if !(MEMORY_MB_MIN..=MEMORY_MB_MAX).contains(&self.memory_mb) {
            return Err(FunctionProblem::Memory {
                memory_mb: self.memory_mb,
            });
        }
        if !(1..=ENVIRONMENTS_MAX).contains(&self.environments_max) {
            return Err(FunctionProblem::Environments {
                environments_max: self.environments_max,
            });
        }
        Ok(())
    }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=NAME_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_with_the_defaults_can_be_run() {
        assert_eq!(Function::new("order-created", "bootstrap").check(), Ok(()));
    }

    #[test]
    fn settings_out_of_range_are_refused_one_by_one() {
        let good = Function::new("f", "bootstrap");
        let name = Function {
            name: "a/b".into(),
            ..good.clone()
        };
        let timeout = Function {
            timeout: Duration::from_secs(901),
            ..good.clone()
        };
        let memory = Function {
            memory_mb: 64,
            ..good.clone()
        };
        let environments = Function {
            environments_max: 0,
            ..good
        };
        assert_eq!(name.check(), Err(FunctionProblem::Name));
        assert!(matches!(
            timeout.check(),
            Err(FunctionProblem::Timeout { .. })
        ));
        assert!(matches!(
            memory.check(),
            Err(FunctionProblem::Memory { .. })
        ));
        assert!(matches!(
            environments.check(),
            Err(FunctionProblem::Environments { .. })
        ));
    }
}
