//! Reads JSON one level at a time, leaving what is below as the text that was delivered.
//!
//! This is what lets one record be wrong alone: the levels above it are taken apart without looking
//! into it. Names are read leniently (a lone surrogate becomes U+FFFD), because a strict name would
//! fail everything around it. Nothing here knows what a field means, and nothing recurses: the
//! scan of a raw value is iterative, so depth is bounded by the length of the input alone.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object in their order, repeated names included.
pub(crate) type Entries<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// What JSON calls whitespace (RFC 8259 §2).
pub(crate) const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// How many members a Kafka record has when Lambda fills every field of it.
const ENTRIES_EXPECTED: usize = 10;

/// Takes an object apart; `None` if the text does not begin one.
pub(crate) fn entries(json: &str) -> Result<Option<Entries<'_>>, serde_json::Error> {
    if !json.trim_start_matches(WHITESPACE).starts_with('{') {
        return Ok(None);
    }
    let Object(entries) = serde_json::from_str(json)?;
    Ok(Some(entries))
}

/// Takes an object apart that already was part of valid JSON; `None` if it is of another type.
pub(crate) fn inner_entries(value: &RawValue) -> Option<Entries<'_>> {
    entries(value.get()).ok().flatten()
}

/// Reads the first string field of this name; `None` if there is none, or the value is no object.
pub(crate) fn inner_text<'a>(value: &'a RawValue, field: &str) -> Option<Cow<'a, str>> {
    let entries = inner_entries(value)?.into_iter();
    entries
        .filter(|(name, _)| name == field)
        .find_map(|(_, value)| text(value))
}

/// Takes an array apart; `None` if the value is of another type.
pub(crate) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    // The only possible error is the type: the text was scanned when `value` was made.
    serde_json::from_str(value.get()).ok()
}

/// Tells whether the value is `null`, which stands for an absent field everywhere in an event.
pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Reads a string; `None` if it is of another type or no valid Unicode.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match string_bytes(value)? {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Reads the bytes of a string, escapes resolved; `None` if the value is of another type.
pub(crate) fn string_bytes(value: &RawValue) -> Option<Cow<'_, [u8]>> {
    value.deserialize_bytes(StringBytesVisitor).ok()
}

/// Reads an integer that fits `T`; `None` for fractions, exponents, other types, other ranges.
pub(crate) fn integer<T: for<'de> Deserialize<'de>>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// Reads a list of bytes, each signed (−128..=127, what Lambda sends) or unsigned (0..=255).
pub(crate) fn byte_list(value: &RawValue) -> Option<Vec<u8>> {
    value.deserialize_seq(ByteListVisitor).ok()
}

/// The members of an object in their order.
struct Object<'a>(Entries<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Object)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(ENTRIES_EXPECTED);
        while let Some((Name(name), value)) = map.next_entry()? {
            entries.push((name, value));
        }
        Ok(entries)
    }
}

/// The name of a member, with U+FFFD for what is no valid Unicode.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(
            match deserializer.deserialize_bytes(StringBytesVisitor)? {
                Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
                Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
            },
        ))
    }
}

struct StringBytesVisitor;

impl<'de> Visitor<'de> for StringBytesVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

struct ByteListVisitor;

impl<'de> Visitor<'de> for ByteListVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        while let Some(number) = list.next_element::<i16>()? {
            bytes.push(byte(number).ok_or_else(|| A::Error::custom("not a byte"))?);
        }
        Ok(bytes)
    }
}

/// Reads one number as the byte it stands for, signed or unsigned.
fn byte(number: i16) -> Option<u8> {
    match i8::try_from(number) {
        Ok(signed) => Some(signed.cast_unsigned()),
        Err(_) => u8::try_from(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn repeated_names_are_kept_in_order() {
        let names: Vec<_> = entries(r#" {"b":1,"a":[2],"b":null} "#)
            .unwrap()
            .unwrap()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.get()))
            .collect();
        assert_eq!(names, ["b=1", "a=[2]", "b=null"]);
    }

    #[test]
    fn a_name_with_a_lone_surrogate_does_not_fail_its_object() {
        let entries = entries(r#"{"\ud800":1,"ok":2}"#).unwrap().unwrap();
        assert_eq!(entries.len(), 2);
        assert!(entries[0].0.contains('\u{fffd}'));
    }

    #[test]
    fn another_type_than_asked_for_is_none() {
        assert!(entries("[1]").unwrap().is_none());
        assert!(elements(raw("{}")).is_none());
        assert!(text(raw("[104,105]")).is_none());
        assert!(text(raw(r#""\udc00""#)).is_none());
        assert!(byte_list(raw(r#""AA==""#)).is_none());
        assert!(integer::<i32>(raw("1.0")).is_none());
        assert!(integer::<i32>(raw("2147483648")).is_none());
    }

    #[test]
    fn signed_and_unsigned_numbers_are_the_same_bytes() {
        assert_eq!(byte_list(raw("[-61,-85]")).unwrap(), "ë".as_bytes());
        assert_eq!(byte_list(raw("[195,171]")).unwrap(), "ë".as_bytes());
        assert_eq!(
            byte_list(raw("[-128,0,127,255]")).unwrap(),
            [128, 0, 127, 255]
        );
        assert!(byte_list(raw("[256]")).is_none());
        assert!(byte_list(raw("[-129]")).is_none());
        assert!(byte_list(raw("[1.5]")).is_none());
    }

    #[test]
    fn nesting_as_deep_as_the_input_is_long_is_scanned() {
        let json = format!(
            r#"{{"deep":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(entries(&json).unwrap().unwrap().len(), 1);
    }
}
