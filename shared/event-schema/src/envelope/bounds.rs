//! How large, how deep and how named a value may be, before anything is made of it.

use crate::{ReadError, text};

/// The largest value that is read: nothing larger fits into one invocation of a function.
pub const VALUE_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The largest value that is written: a topic's `max.message.bytes` without 16 KiB for the key,
/// the headers and the framing of the batch.
pub const WRITTEN_BYTES_MAX: usize = crate::catalogue::MESSAGE_BYTES_MAX - 16 * 1024;

/// The deepest nesting of objects and arrays that is read, unknown fields included: deep values
/// are harmless here, but not to whoever looks at the dead letter they are kept in.
pub const DEPTH_MAX: usize = 64;

/// The longest name of an event type, in bytes.
const TYPE_NAME_BYTES_MAX: usize = 128;

/// Refuses what is too large or too deep, and what does not begin as an object.
pub(super) fn check(value: &[u8]) -> Result<(), ReadError> {
    if value.len() > VALUE_BYTES_MAX {
        let bytes = value.len();
        return Err(ReadError::ValueTooLarge {
            bytes,
            bytes_max: VALUE_BYTES_MAX,
        });
    }
    if is_deeper(value, DEPTH_MAX) {
        return Err(ReadError::ValueTooDeep {
            depth_max: DEPTH_MAX,
        });
    }
    // Serde would take an array for a struct whose fields come in order.
    if value.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(value) {
        Ok(_) => Err(ReadError::NotAnObject),
        Err(error) => Err(super::fault::in_object(&error)),
    }
}

/// Counts brackets outside strings; what is not JSON is left to the parser.
fn is_deeper(value: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return true;
        }
    }
    false
}

/// Says whether `name` can be the name of an event type, of this catalogue or another.
pub(super) fn is_type_name(name: &str) -> bool {
    text::check(name, TYPE_NAME_BYTES_MAX).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_but_not_those_in_strings() {
        assert!(!is_deeper(br#"{"a":[{}]}"#, 3));
        assert!(is_deeper(br#"{"a":[{}]}"#, 2));
        assert!(!is_deeper(br#"{"a":"[[[[\"[[[["}"#, 1));
        assert!(!is_deeper(b"[],[],[]", 1));
    }

    #[test]
    fn the_largest_value_is_read_and_one_byte_more_is_not() {
        let mut value = b"{}".to_vec();
        value.resize(VALUE_BYTES_MAX, b' ');
        assert!(check(&value).is_ok());
        value.push(b' ');
        assert!(matches!(
            check(&value),
            Err(ReadError::ValueTooLarge { .. })
        ));
    }
}
