//! What holds for any message of the dead-letter queue: shared by the fuzz target and by the replay of its seeds.
//!
//! It stands beside the modules that it checks: below `dead_letters` in the crate, in the root of the target.

use event_schema::Timestamp;
use msk_event::KafkaEvent;
use processing::{DeadLetter, DeadLetterError, LetterPosition};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::document::{
    DeadLetterDocument, MESSAGE_BYTES_MAX, RECORD_BYTES_MAX, RecordEncoding, write,
};
use super::on_failure::OnFailureDocument;
use super::packing::{CALL_BYTES_MAX, message};
use super::queue_message::QueueMessage;

/// Codes of `DocumentError`.
const CODES: [&str; 9] = [
    "malformed_message",
    "not_a_dead_letter",
    "letter_elsewhere",
    "letter_mismatch",
    "message_too_long",
    "unknown_dead_letter_version",
    "record_unreadable",
    "offsets_unreadable",
    "payload_unreadable",
];
/// What stands in place of the names that only a compiler makes up.
const NAME: &str = "name";

/// Reads some bytes as a message, and puts them into a letter of their own.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match QueueMessage::read(text) {
        Ok(QueueMessage::DeadLetter(document)) => check_dead_letter(&document),
        Ok(QueueMessage::OnFailure(document)) => check_on_failure(&document),
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
    if let Ok(document) = DeadLetterDocument::read(text) {
        let again = QueueMessage::read(text);
        assert!(matches!(again, Ok(QueueMessage::DeadLetter(_))));
        assert!(document.record.get().len() <= RECORD_BYTES_MAX);
    }
    assert_comes_back(&letter_of(text));
}

fn check_dead_letter(document: &DeadLetterDocument) {
    let position = document.position.as_ref();
    assert_comes_back(&DeadLetter {
        id: document.id,
        function: NAME,
        code: NAME,
        causes: document.causes.clone(),
        attempts: document.attempts,
        first_failed_at: document.first_failed_at,
        last_failed_at: document.last_failed_at,
        event_type: document.event_type.clone(),
        schema_version: document.schema_version.clone(),
        code_version: document.code_version.clone(),
        trace_id: document.trace_id.clone(),
        key_hash: document.key_hash.clone(),
        cluster: document.cluster.clone(),
        position: position.map(LetterPosition::from),
        topic_partition: document.topic_partition.clone(),
        record: document.record.clone(),
    });
}

/// What tools go by: where to read, and how much of it.
fn check_on_failure(document: &OnFailureDocument) {
    assert!(!document.ranges.is_empty());
    for range in &document.ranges {
        assert!(0 <= range.first_offset && range.first_offset <= range.last_offset);
        if let Some((topic, partition)) = range.topic_and_partition() {
            let name = Some(format!("{topic}-{partition}"));
            assert!(partition >= 0 && name == range.topic_partition);
        }
    }
    if let Some(payload) = &document.payload {
        assert!(payload.len() <= MESSAGE_BYTES_MAX);
        if let Ok(event) = KafkaEvent::read(payload.as_bytes()) {
            assert!(!event.cluster().is_empty());
        }
    }
}

/// A letter in which everything that a record can bring in is this text.
fn letter_of(text: &str) -> DeadLetter {
    let lines = || text.lines().map(str::to_owned);
    let record = RawValue::from_string(text.to_owned())
        .unwrap_or_else(|_| serde_json::value::to_raw_value(text).expect("text is JSON"));
    let number = i64::try_from(text.len()).unwrap_or(i64::MAX);
    DeadLetter {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()),
        function: NAME,
        code: NAME,
        causes: lines().collect(),
        attempts: u32::try_from(number).unwrap_or(u32::MAX),
        first_failed_at: Timestamp::from_ms(number),
        last_failed_at: Timestamp::MAX,
        event_type: lines().next(),
        schema_version: text.to_owned(),
        code_version: text.to_owned(),
        trace_id: lines().next_back(),
        key_hash: lines().nth(1),
        cluster: text.to_owned(),
        position: lines().next().map(|topic| LetterPosition {
            topic,
            partition: i32::MAX,
            offset: number,
        }),
        topic_partition: text.to_owned(),
        record,
    }
}

/// What is written is read as the same, in each encoding, and the message of it is one that SQS takes.
fn assert_comes_back(letter: &DeadLetter) {
    for encoding in [RecordEncoding::Json, RecordEncoding::GzipBase64] {
        let body = write(letter, encoding).expect("a letter can be written");
        if body.len() <= MESSAGE_BYTES_MAX {
            assert_is_of(&body, letter);
        }
    }
    match message(letter) {
        Ok(message) => {
            assert!(message.bytes() <= CALL_BYTES_MAX);
            assert_is_of(&message.body, letter);
            for (name, value) in &message.attributes {
                assert!(!value.is_empty() && value.len() <= 256, "{name}: {value:?}");
            }
        }
        Err(error) => assert!(
            matches!(error, DeadLetterError::TooLarge { bytes, .. } if bytes > CALL_BYTES_MAX)
        ),
    }
}

fn assert_is_of(body: &str, letter: &DeadLetter) {
    assert!(!body.contains(['\u{fffe}', '\u{ffff}']), "SQS refuses it");
    let document = DeadLetterDocument::read(body).expect("what was written can be read");
    assert_eq!(
        (
            document.id,
            document.function.as_str(),
            document.code.as_str()
        ),
        (letter.id, letter.function, letter.code)
    );
    assert_eq!(
        (
            &document.causes,
            document.attempts,
            document.first_failed_at
        ),
        (&letter.causes, letter.attempts, letter.first_failed_at)
    );
    assert_eq!(document.last_failed_at, letter.last_failed_at);
    assert_eq!(
        (
            &document.event_type,
            &document.schema_version,
            &document.code_version
        ),
        (
            &letter.event_type,
            &letter.schema_version,
            &letter.code_version
        )
    );
    assert_eq!(
        (&document.trace_id, &document.key_hash),
        (&letter.trace_id, &letter.key_hash)
    );
    assert_eq!(
        (&document.cluster, &document.topic_partition),
        (&letter.cluster, &letter.topic_partition)
    );
    let position = letter.position.as_ref();
    assert_eq!(
        document
            .position
            .map(|read| (read.topic, read.partition, read.offset)),
        position.map(|sent| (sent.topic.clone(), sent.partition, sent.offset))
    );
    // The two characters that SQS refuses travel as their escapes, which mean the same.
    assert_eq!(
        escaped(document.record.get()),
        escaped(letter.record.get()),
        "the record is another"
    );
}

fn escaped(record: &str) -> String {
    record
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}
