//! The MD5 digests SQS answers with, so that a client can tell that its message arrived as sent.
//!
//! They protect nothing against intent; SQS fixed the algorithm.

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use super::message::{Attribute, AttributeValue};

/// The byte that stands for a text value in the digest of attributes.
const TEXT: u8 = 1;

/// The byte that stands for a binary value in the digest of attributes.
const BINARY: u8 = 2;

/// Returns the digest of a body as 32 lower-case hexadecimal digits.
pub(super) fn of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// Returns the digest of attributes (SQS developer guide, "Calculating the MD5 message digest for message
/// attributes"); none when there are no attributes.
pub(super) fn of_attributes(attributes: &BTreeMap<String, Attribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        add(&mut digest, name.as_bytes());
        add(&mut digest, attribute.data_type.as_bytes());
        match &attribute.value {
            AttributeValue::Text(text) => {
                digest.update([TEXT]);
                add(&mut digest, text.as_bytes());
            }
            AttributeValue::Binary(bytes) => {
                digest.update([BINARY]);
                add(&mut digest, bytes);
            }
        }
    }
    Some(hex(&digest.finalize()))
}

/// Adds a part with its length before it; lengths are far below 4 GiB, as messages are at most 1 MiB.
fn add(digest: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    digest.update(length.to_be_bytes());
    digest.update(part);
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 0x0f] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(data_type: &str, value: AttributeValue) -> Attribute {
        Attribute {
            data_type: data_type.to_owned(),
            value,
        }
    }

    #[test]
    fn the_digest_of_a_body_is_plain_md5() {
        assert_eq!(
            of_body("This is a test message"),
            "fafb00f5732ab283681e124bf8747ed1"
        );
        assert_eq!(of_body(""), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn no_attributes_have_no_digest() {
        assert_eq!(of_attributes(&BTreeMap::new()), None);
    }

    #[test]
    fn the_digest_of_attributes_is_the_md5_of_their_lengths_and_parts_in_order_of_names() {
        let attributes = BTreeMap::from([
            (
                "b".to_owned(),
                attribute("Binary", AttributeValue::Binary(vec![0xff])),
            ),
            (
                "a".to_owned(),
                attribute("String", AttributeValue::Text("x".to_owned())),
            ),
        ]);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(b"\0\0\0\x01a\0\0\0\x06String\x01\0\0\0\x01x");
        bytes.extend_from_slice(b"\0\0\0\x01b\0\0\0\x06Binary\x02\0\0\0\x01\xff");
        assert_eq!(of_attributes(&attributes), Some(hex(&Md5::digest(&bytes))));
    }

    #[test]
    fn the_digest_of_attributes_is_the_one_aws_answers_with() {
        let value = AttributeValue::Text("1493147359900".to_owned());
        let attributes = BTreeMap::from([("timestamp".to_owned(), attribute("Number", value))]);
        let answered = "235c5c510d26fb653d073faed50ae77c";
        assert_eq!(of_attributes(&attributes).as_deref(), Some(answered));
    }
}
