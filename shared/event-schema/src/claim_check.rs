//! The reference that stands in an event in place of a payload that is too large to travel in it.
//!
//! The value at the reference is the whole event, byte for byte as it would have been on the topic; the event
//! keeps the envelope's fields beside the reference. It does not fetch or store anything, and does not know
//! which bucket a reader trusts: both are the engine's.

use serde::{Deserialize, Serialize};

/// What stands before the SHA-256 in the key of an event's value.
pub const PAYLOAD_PREFIX: &str = "payloads/";

/// Characters of a bucket's name ("Bucket naming rules", S3 guide).
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;
/// Bytes of an object's key ("Naming S3 objects", S3 guide).
const KEY_BYTES_MAX: usize = 1_024;
/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// Where a value lies that is too large for where it belongs, and how to know it again.
///
/// As JSON it is `{"bucket", "key", "size", "sha256"}`, with nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct ClaimCheck {
    bucket: String,
    key: String,
    size: u64,
    sha256: String,
}

/// Why something is no reference of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaimCheck {
    /// It is no object of exactly the four fields, each of its type.
    #[error("it is not an object of bucket, key, size and sha256 alone")]
    Fields,
    /// The bucket's name is none.
    #[error("the bucket is not 3 to 63 of lower-case letters, digits, `.` and `-`")]
    Bucket,
    /// The key is empty, too long or unprintable.
    #[error("the key is not a text of 1 to 1024 bytes without control characters")]
    Key,
    /// The size is 0.
    #[error("the size is not a positive number of bytes")]
    Size,
    /// The digest is none.
    #[error("the sha256 is not 64 lower-case hexadecimal digits")]
    Sha256,
    /// The key of an event's value is not made of its content.
    #[error("the key is not `payloads/` and the sha256")]
    NotByContent,
}

/// The fields as they stand, before any of them is looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    bucket: String,
    key: String,
    size: u64,
    sha256: String,
}

impl TryFrom<Wire> for ClaimCheck {
    type Error = InvalidClaimCheck;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        Self::new(wire.bucket, wire.key, wire.size, wire.sha256)
    }
}

impl ClaimCheck {
    /// Creates a reference to `size` bytes with this lower-case hexadecimal SHA-256.
    ///
    /// # Errors
    /// When a part is not of its form.
    pub fn new(
        bucket: impl Into<String>,
        key: impl Into<String>,
        size: u64,
        sha256: impl Into<String>,
    ) -> Result<Self, InvalidClaimCheck> {
        let (bucket, key, sha256) = (bucket.into(), key.into(), sha256.into());
        if !is_bucket(&bucket) {
            return Err(InvalidClaimCheck::Bucket);
        }
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return Err(InvalidClaimCheck::Key);
        }
        if size == 0 {
            return Err(InvalidClaimCheck::Size);
        }
        if !is_sha256(&sha256) {
            return Err(InvalidClaimCheck::Sha256);
        }
        Ok(Self {
            bucket,
            key,
            size,
            sha256,
        })
    }

    /// Creates the reference to an event's value, whose key is made of its content: storing it twice is once.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_payload(
        bucket: impl Into<String>,
        size: u64,
        sha256: impl Into<String>,
    ) -> Result<Self, InvalidClaimCheck> {
        let sha256 = sha256.into();
        let key = format!("{PAYLOAD_PREFIX}{sha256}");
        Self::new(bucket, key, size, sha256)
    }

    /// Reads a reference to an event's value, as JSON.
    ///
    /// # Errors
    /// When it is not of the form, or its key is not made of the content. The error holds no value.
    pub fn read_of_payload(json: &str) -> Result<Self, InvalidClaimCheck> {
        let wire: Wire = serde_json::from_str(json).map_err(|_| InvalidClaimCheck::Fields)?;
        let check = Self::try_from(wire)?;
        if check.key.strip_prefix(PAYLOAD_PREFIX) == Some(&check.sha256) {
            Ok(check)
        } else {
            Err(InvalidClaimCheck::NotByContent)
        }
    }

    /// Returns the bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the object's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the bytes of the value.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the SHA-256 of the value, in lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Says whether `name` can be the name of a bucket.
#[must_use]
pub fn is_bucket(name: &str) -> bool {
    let is_edge = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    BUCKET_CHARS.contains(&name.len())
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().last())
        && name
            .bytes()
            .all(|byte| is_edge(Some(byte)) || byte == b'.' || byte == b'-')
}

fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn json(key: &str) -> String {
        format!(r#"{{"bucket":"large-values","key":"{key}","size":7,"sha256":"{SHA256}"}}"#)
    }

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let check = ClaimCheck::of_payload("large-values", 7, SHA256).unwrap();
        let written = serde_json::to_string(&check).unwrap();
        assert_eq!(written, json(&format!("payloads/{SHA256}")));
        assert_eq!(ClaimCheck::read_of_payload(&written), Ok(check));
    }

    #[test]
    fn each_part_has_its_form() {
        let new = |bucket: &str, key: &str, size, sha256: &str| {
            ClaimCheck::new(bucket, key, size, sha256).err()
        };
        assert_eq!(new("abc", "k", 1, SHA256), None);
        let long = "a".repeat(64);
        for bucket in ["", "ab", &long, "Abc", "a_b", "-ab", "ab-", "a/b", "a b"] {
            let refused = new(bucket, "k", 1, SHA256);
            assert_eq!(refused, Some(InvalidClaimCheck::Bucket), "{bucket}");
        }
        assert_eq!(new(&long[..63], "k", 1, SHA256), None);
        for key in ["", "a\nb", &"k".repeat(1_025)] {
            let refused = new("abc", key, 1, SHA256);
            assert_eq!(refused, Some(InvalidClaimCheck::Key));
        }
        assert_eq!(new("abc", &"k".repeat(1_024), 1, SHA256), None);
        let none = new("abc", "k", 0, SHA256);
        assert_eq!(none, Some(InvalidClaimCheck::Size));
        for sha256 in ["", &SHA256[1..], &SHA256.to_uppercase(), &"g".repeat(64)] {
            let refused = new("abc", "k", 1, sha256);
            assert_eq!(refused, Some(InvalidClaimCheck::Sha256));
        }
    }

    #[test]
    fn nothing_but_the_four_fields_is_a_reference() {
        let whole = json(&format!("payloads/{SHA256}"));
        let more = whole.replace('{', r#"{"region":"x","#);
        let twice = whole.replace('{', r#"{"size":7,"#);
        let text = whole.replace("7,", r#""7","#);
        let negative = whole.replace("7,", "-7,");
        let less = whole.replace(r#""size":7,"#, "");
        for json in [
            &more, &twice, &text, &negative, &less, "7", "null", "[]", "",
        ] {
            let refused = ClaimCheck::read_of_payload(json);
            assert_eq!(refused, Err(InvalidClaimCheck::Fields), "{json}");
        }
    }

    #[test]
    fn the_key_of_a_payload_is_made_of_its_content() {
        for key in ["payloads/1", "dead-letters/x", SHA256] {
            let refused = ClaimCheck::read_of_payload(&json(key));
            assert_eq!(refused, Err(InvalidClaimCheck::NotByContent), "{key}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_of_the_form_and_is_written_as_it_was_read(
            bucket in "[a-zA-Z0-9.-]{0,66}",
            size in 0_u64..4,
            sha256 in "[0-9a-g]{63,65}",
        ) {
            let key = format!("payloads/{sha256}");
            let json = serde_json::json!({"bucket": bucket, "key": key, "size": size, "sha256": sha256});
            let read = ClaimCheck::read_of_payload(&json.to_string());
            let right = is_bucket(&bucket) && size > 0 && is_sha256(&sha256);
            prop_assert_eq!(read.is_ok(), right);
            if let Ok(check) = read {
                prop_assert_eq!(serde_json::to_value(&check).unwrap(), json);
            }
        }

        #[test]
        fn no_text_panics(json in "\\PC*") {
            prop_assert!(ClaimCheck::read_of_payload(&json).is_err());
        }
    }
}
