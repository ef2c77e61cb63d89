//! The version of an event type's schema.
//!
//! The rule: a reader takes every minor version of the major one it knows, because within a major
//! version fields are only added; what changes a meaning gets a new major version. Whether a
//! version is supported is asked in [`crate::Envelope::read`], not here.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A schema version, written `"1.0"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaVersion {
    /// Changes when a reader of the old version would misread the new one.
    pub major: u32,
    /// Changes when optional fields are added.
    pub minor: u32,
}

/// A schema version that is not one, two or three whole numbers with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schema version is `major`, `major.minor` or `major.minor.patch`")]
pub struct InvalidSchemaVersion;

impl SchemaVersion {
    /// The version of a message that names none.
    pub const V1_0: Self = Self::new(1, 0);

    /// Creates a version.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for SchemaVersion {
    type Err = InvalidSchemaVersion;

    /// Reads `1` as 1.0, `1.2` as 1.2 and `1.2.3` as 1.2: a patch has no meaning for readers.
    fn from_str(text: &str) -> Result<Self, InvalidSchemaVersion> {
        let mut parts = text.split('.').map(number);
        let major = parts.next().ok_or(InvalidSchemaVersion)??;
        let minor = parts.next().transpose()?.unwrap_or(0);
        parts.next().transpose()?;
        match parts.next() {
            None => Ok(Self { major, minor }),
            Some(_) => Err(InvalidSchemaVersion),
        }
    }
}

/// Reads digits only; `u32::from_str` would also take a sign.
fn number(digits: &str) -> Result<u32, InvalidSchemaVersion> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidSchemaVersion);
    }
    digits.parse().map_err(|_| InvalidSchemaVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_two_or_three_numbers_are_a_version() {
        for (text, version) in [
            ("1", SchemaVersion::new(1, 0)),
            ("1.0", SchemaVersion::V1_0),
            ("1.10", SchemaVersion::new(1, 10)),
            ("2.3.4", SchemaVersion::new(2, 3)),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            ".",
            "1.",
            "v1",
            "1.x",
            "+1",
            "-1",
            "1.0.0.0",
            "1e0",
            "99999999999",
        ] {
            assert_eq!(
                text.parse::<SchemaVersion>(),
                Err(InvalidSchemaVersion),
                "{text}"
            );
        }
    }
}
