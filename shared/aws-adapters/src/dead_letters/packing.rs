//! Letters as messages of a bounded size, and messages as calls of a bounded size.
//!
//! Sizes are SQS's own: the body, and of each attribute its name, its type and its value ("Message quotas",
//! SQS guide). Nothing here sends anything.

use processing::{DeadLetter, DeadLetterError};

use super::document::{self, RecordEncoding};

/// Messages that one `SendMessageBatch` call takes.
pub const CALL_ENTRIES_MAX: usize = 10;
/// Bytes that one message, and all messages of one call together, may have.
pub const CALL_BYTES_MAX: usize = document::MESSAGE_BYTES_MAX;
/// Bytes of an attribute's value; a longer one is left out, and still stands in the body.
const ATTRIBUTE_BYTES_MAX: usize = 256;

/// The type of every attribute.
pub(crate) const STRING: &str = "String";

/// A letter ready to be sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) attributes: Vec<(&'static str, String)>,
}

impl Message {
    pub(crate) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| name.len() + STRING.len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }
}

/// Writes a letter's message, with the record compressed if it would be too large otherwise.
pub(crate) fn message(letter: &DeadLetter) -> Result<Message, DeadLetterError> {
    let mut bytes = 0;
    for encoding in [RecordEncoding::Json, RecordEncoding::GzipBase64] {
        let body = document::write(letter, encoding)
            .map_err(|error| DeadLetterError::Unavailable(error.into()))?;
        let message = Message {
            body,
            attributes: attributes(letter),
        };
        bytes = message.bytes();
        if bytes <= CALL_BYTES_MAX {
            return Ok(message);
        }
    }
    Err(DeadLetterError::TooLarge {
        bytes,
        bytes_max: CALL_BYTES_MAX,
    })
}

/// The message that stands for a letter in a bucket, with the letter's own attributes.
pub(crate) fn pointing(letter: &DeadLetter, body: String) -> Message {
    Message {
        body,
        attributes: attributes(letter),
    }
}

/// What a queue can be searched by; absent values are left out.
fn attributes(letter: &DeadLetter) -> Vec<(&'static str, String)> {
    let topic = letter
        .position
        .as_ref()
        .map(|position| position.topic.as_str());
    let all = [
        ("function", Some(letter.function)),
        ("code", Some(letter.code)),
        ("topic", topic),
        ("key_hash", letter.key_hash.as_deref()),
        ("event_type", letter.event_type.as_deref()),
    ];
    let present = all
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let fit = present.filter(|(_, value)| is_attribute_value(value));
    fit.map(|(name, value)| (name, value.to_owned())).collect()
}

/// A malformed record names what topic it likes: what SQS would refuse must not make its letter unsendable.
fn is_attribute_value(value: &str) -> bool {
    (1..=ATTRIBUTE_BYTES_MAX).contains(&value.len())
        && value
            .chars()
            .all(|c| !c.is_control() && !('\u{fffe}'..='\u{ffff}').contains(&c))
}

/// Cuts messages into calls, in their order.
pub(crate) fn calls(messages: Vec<(usize, Message)>) -> Vec<Vec<(usize, Message)>> {
    let mut calls: Vec<Vec<(usize, Message)>> = Vec::new();
    let mut bytes = 0;
    for (place, message) in messages {
        let size = message.bytes();
        let open = calls
            .last_mut()
            .filter(|call| call.len() < CALL_ENTRIES_MAX && bytes + size <= CALL_BYTES_MAX);
        if let Some(call) = open {
            bytes += size;
            call.push((place, message));
        } else {
            bytes = size;
            calls.push(vec![(place, message)]);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(sizes: &[usize]) -> Vec<(usize, Message)> {
        let message = |bytes: &usize| Message {
            body: "b".repeat(*bytes),
            attributes: Vec::new(),
        };
        sizes.iter().map(message).enumerate().collect()
    }

    fn places(calls: &[Vec<(usize, Message)>]) -> Vec<Vec<usize>> {
        calls
            .iter()
            .map(|call| call.iter().map(|(place, _)| *place).collect())
            .collect()
    }

    #[test]
    fn a_call_holds_ten_entries() {
        let calls = calls(messages(&[1; 21]));
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1]);
    }

    #[test]
    fn a_call_holds_a_mebibyte_and_not_a_byte_more() {
        let half = CALL_BYTES_MAX / 2;
        assert_eq!(places(&calls(messages(&[half, half]))), [vec![0, 1]]);
        assert_eq!(
            places(&calls(messages(&[half, half + 1]))),
            [vec![0], vec![1]]
        );
    }

    #[test]
    fn attributes_count_with_name_type_and_value() {
        let message = Message {
            body: "b".into(),
            attributes: vec![("code", "panic".into())],
        };
        assert_eq!(message.bytes(), 1 + 4 + 6 + 5);
    }

    #[test]
    fn values_that_sqs_would_refuse_are_no_attributes() {
        assert!(is_attribute_value("orders.v1"));
        assert!(!is_attribute_value(""));
        assert!(!is_attribute_value("a\u{0}"));
        assert!(!is_attribute_value("a\u{ffff}"));
        assert!(!is_attribute_value(&"a".repeat(ATTRIBUTE_BYTES_MAX + 1)));
    }
}
