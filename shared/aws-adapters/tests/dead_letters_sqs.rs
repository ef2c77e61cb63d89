//! The dead-letter queue against the embedded SQS, and the document byte for byte.
//! `UPDATE_GOLDEN=1` rewrites the golden files.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use aws_adapters::{CALL_BYTES_MAX, DeadLetterDocument, DocumentError, S3Payloads, SqsDeadLetters};
use aws_sdk_sqs::types::Message;
use event_schema::Timestamp;
use local_platform::{LocalS3, LocalSqs};
use processing::{DeadLetter, DeadLetterError, DeadLetters, LetterPosition, NoPayloads};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

struct Queue {
    server: LocalSqs,
    client: aws_sdk_sqs::Client,
}

impl Queue {
    async fn start() -> Self {
        let server = LocalSqs::start(0).await.unwrap();
        let client = aws_sdk_sqs::Client::new(&common::sdk_config(server.address()).await);
        client
            .create_queue()
            .queue_name("dead-letters")
            .send()
            .await
            .unwrap();
        Self { server, client }
    }

    fn port(&self) -> SqsDeadLetters {
        SqsDeadLetters::new(&self.client, self.server.queue_url("dead-letters"))
    }

    /// Everything in the queue, by the letters' ids.
    async fn messages(&self) -> BTreeMap<Uuid, Message> {
        let mut messages = BTreeMap::new();
        loop {
            let received = self
                .client
                .receive_message()
                .queue_url(self.server.queue_url("dead-letters"))
                .max_number_of_messages(10)
                .message_attribute_names("All")
                .send()
                .await
                .unwrap();
            let received = received.messages.unwrap_or_default();
            if received.is_empty() {
                return messages;
            }
            messages.extend(
                received
                    .into_iter()
                    .map(|message| (id_of(message.body().unwrap()), message)),
            );
        }
    }
}

fn id_of(body: &str) -> Uuid {
    let body: Value = serde_json::from_str(body).unwrap();
    body["id"].as_str().unwrap().parse().unwrap()
}

fn letter(number: u128, record: &str) -> DeadLetter {
    DeadLetter {
        id: Uuid::from_u128(number),
        function: "order-created",
        code: "invalid_value",
        causes: vec![
            "the event is invalid".into(),
            "`quantity` is not above zero".into(),
        ],
        attempts: 1,
        first_failed_at: Timestamp::from_ms(1_795_256_130_123),
        last_failed_at: Timestamp::from_ms(1_795_256_131_000),
        event_type: Some("order.created".into()),
        schema_version: "1.0".into(),
        code_version: "0.1.0".into(),
        trace_id: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        key_hash: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into()),
        cluster: "orders/5f3c0a52-0000-4000-8000-0123456789ab-s1".into(),
        position: Some(LetterPosition {
            topic: "orders.v1".into(),
            partition: 3,
            offset: 12,
        }),
        topic_partition: "orders.v1-3".into(),
        record: RawValue::from_string(record.to_owned()).unwrap(),
    }
}

/// A record that says little of itself.
fn bare_letter(number: u128) -> DeadLetter {
    DeadLetter {
        event_type: None,
        trace_id: None,
        key_hash: None,
        position: None,
        ..letter(number, "null")
    }
}

fn record_of_bytes(bytes: usize) -> String {
    format!("\"{}\"", "a".repeat(bytes - 2))
}

/// Text that no compression makes much smaller.
fn noise(bytes: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/"
                [(state % 64) as usize],
        )
    };
    let text: String = std::iter::repeat_with(next).take(bytes).collect();
    format!("\"{text}\"")
}

#[tokio::test]
async fn a_letter_is_written_byte_for_byte() {
    let queue = Queue::start().await;
    let record = r#"{"topic":"orders.v1","partition":3,"offset":12,"value":"eyJpZCI6NDJ9"}"#;
    let letters = [("full", letter(1, record)), ("bare", bare_letter(2))];
    for (name, letter) in letters {
        let id = letter.id;
        assert!(queue.port().send(&[letter]).await[0].is_ok());
        let message = queue.messages().await.remove(&id).unwrap();
        let file = format!("tests/golden/dead-letter-{name}.json");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, message.body().unwrap()).unwrap();
        }
        assert_eq!(message.body().unwrap(), fs::read_to_string(&path).unwrap());
    }
}

#[tokio::test]
async fn attributes_name_what_is_known_and_leave_out_the_rest() {
    let queue = Queue::start().await;
    let sent = queue.port().send(&[letter(1, "{}"), bare_letter(2)]).await;
    assert!(sent.iter().all(Result::is_ok));
    let messages = queue.messages().await;
    let attributes = |number: u128| -> Vec<(String, String)> {
        let message = &messages[&Uuid::from_u128(number)];
        let attributes = message.message_attributes.clone().unwrap_or_default();
        let mut attributes: Vec<_> = attributes
            .into_iter()
            .map(|(name, value)| (name, value.string_value.unwrap()))
            .collect();
        attributes.sort_unstable();
        attributes
    };
    let names: Vec<String> = attributes(1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["code", "event_type", "function", "key_hash", "topic"]
    );
    let bare: Vec<_> = attributes(2);
    assert_eq!(bare[0], ("code".to_owned(), "invalid_value".to_owned()));
    assert_eq!(bare[1], ("function".to_owned(), "order-created".to_owned()));
    assert_eq!(bare.len(), 2);
}

#[tokio::test]
async fn many_letters_arrive_in_several_calls() {
    let queue = Queue::start().await;
    let letters: Vec<_> = (0..23).map(|number| letter(number, "{}")).collect();
    let sent = queue.port().send(&letters).await;
    assert_eq!(sent.len(), 23);
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(queue.messages().await.len(), 23);
}

#[tokio::test]
async fn large_letters_share_calls_only_as_far_as_they_fit() {
    let queue = Queue::start().await;
    let letters: Vec<_> = (0..5)
        .map(|number| letter(number, &record_of_bytes(400_000)))
        .collect();
    let sent = queue.port().send(&letters).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(queue.messages().await.len(), 5);
}

#[tokio::test]
async fn a_record_over_the_limit_travels_compressed_and_comes_back_whole() {
    let queue = Queue::start().await;
    let record = record_of_bytes(2 * CALL_BYTES_MAX);
    assert!(queue.port().send(&[letter(1, &record)]).await[0].is_ok());
    let message = queue.messages().await.remove(&Uuid::from_u128(1)).unwrap();
    let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(body["record_encoding"], "gzip+base64");
    let read = DeadLetterDocument::read(message.body().unwrap()).unwrap();
    assert_eq!(read.record.get(), record);
}

#[tokio::test]
async fn a_letter_that_is_too_large_even_compressed_fails_alone() {
    let queue = Queue::start().await;
    let letters = [
        letter(1, "{}"),
        letter(2, &noise(2 * CALL_BYTES_MAX)),
        letter(3, "{}"),
    ];
    let sent = queue.port().send(&letters).await;
    assert!(sent[0].is_ok() && sent[2].is_ok());
    assert!(matches!(
        sent[1],
        Err(DeadLetterError::TooLarge { bytes, bytes_max: CALL_BYTES_MAX }) if bytes > CALL_BYTES_MAX
    ));
    let said = sent[1].as_ref().unwrap_err().to_string();
    assert!(said.contains("OVERFLOW_BUCKET"), "{said}");
    assert_eq!(queue.messages().await.len(), 2);
}

#[tokio::test]
async fn the_largest_letter_that_fits_is_taken_as_it_is() {
    let queue = Queue::start().await;
    let empty = letter(1, "\"\"");
    assert!(queue.port().send(&[empty]).await[0].is_ok());
    let message = queue.messages().await.remove(&Uuid::from_u128(1)).unwrap();
    let attributes = message.message_attributes.unwrap();
    let attribute_bytes: usize = (attributes.iter())
        .map(|(name, value)| name.len() + "String".len() + value.string_value().unwrap().len())
        .sum();
    let spare = CALL_BYTES_MAX - attribute_bytes - message.body.unwrap().len();
    let sent = queue
        .port()
        .send(&[letter(2, &record_of_bytes(spare + 2))])
        .await;
    assert!(sent[0].is_ok(), "{sent:?}");
    let message = queue.messages().await.remove(&Uuid::from_u128(2)).unwrap();
    assert_eq!(
        message.body.unwrap().len() + attribute_bytes,
        CALL_BYTES_MAX
    );
}

#[tokio::test]
async fn a_missing_queue_fails_every_letter_with_its_cause() {
    let queue = Queue::start().await;
    let port = SqsDeadLetters::new(&queue.client, queue.server.queue_url("nowhere"));
    let sent = port.send(&[letter(1, "{}"), letter(2, "{}")]).await;
    assert_eq!(sent.len(), 2);
    for result in sent {
        let error = result.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with("SendMessageBatch failed ("), "{cause}");
    }
}

#[tokio::test]
async fn no_letters_take_no_call() {
    // Nothing listens there.
    let config = common::sdk_config(([127, 0, 0, 1], 1).into()).await;
    let port = SqsDeadLetters::new(&aws_sdk_sqs::Client::new(&config), "http://127.0.0.1:1/q");
    assert!(port.send(&[]).await.is_empty());
}

async fn bucket() -> (LocalS3, S3Payloads) {
    let server = LocalS3::start(0, &["overflow"]).await.unwrap();
    let payloads = common::payloads(server.address(), "overflow").await;
    (server, payloads)
}

#[tokio::test]
async fn a_letter_that_is_too_large_even_compressed_goes_to_the_bucket_and_comes_back_whole() {
    let (queue, (_server, payloads)) = (Queue::start().await, bucket().await);
    let port = queue.port().with_overflow(Some(payloads.clone()));
    let large = letter(2, &noise(2 * CALL_BYTES_MAX));
    let sent = port.send(&[letter(1, "{}"), large.clone()]).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let messages = queue.messages().await;
    let (small, pointer) = (&messages[&Uuid::from_u128(1)], &messages[&large.id]);
    assert_eq!(pointer.message_attributes, small.message_attributes);
    let body = pointer.body().unwrap();
    assert!(body.len() < 1_000, "{body}");
    let read = DeadLetterDocument::fetch(body, &payloads).await.unwrap();
    assert_eq!(read.record.get(), large.record.get());
    assert_eq!((read.id, &*read.code), (large.id, large.code));
    let read = DeadLetterDocument::fetch(small.body().unwrap(), &NoPayloads).await;
    assert_eq!(read.unwrap().record.get(), "{}");
}

#[tokio::test]
async fn a_letter_sent_twice_with_other_times_in_it_can_be_read_by_either_message() {
    let (queue, (_server, payloads)) = (Queue::start().await, bucket().await);
    let port = queue.port().with_overflow(Some(payloads.clone()));
    let mut large = letter(2, &noise(2 * CALL_BYTES_MAX));
    for attempts in [1, 2] {
        large.attempts = attempts;
        assert!(port.send(std::slice::from_ref(&large)).await[0].is_ok());
        let body = queue
            .messages()
            .await
            .remove(&large.id)
            .unwrap()
            .body
            .unwrap();
        for _ in 0..2 {
            let read = DeadLetterDocument::fetch(&body, &payloads).await.unwrap();
            assert_eq!(read.attempts, attempts);
        }
    }
}

#[tokio::test]
async fn a_letter_in_a_bucket_is_held_against_its_message() {
    let (queue, (_server, payloads)) = (Queue::start().await, bucket().await);
    let port = queue.port().with_overflow(Some(payloads.clone()));
    let large = letter(2, &noise(2 * CALL_BYTES_MAX));
    assert!(port.send(std::slice::from_ref(&large)).await[0].is_ok());
    let body = queue
        .messages()
        .await
        .remove(&large.id)
        .unwrap()
        .body
        .unwrap();
    let unread = DeadLetterDocument::read(&body).unwrap_err();
    assert_eq!(unread.code(), "letter_elsewhere");
    let foreign = DeadLetterDocument::fetch(&body, &NoPayloads)
        .await
        .unwrap_err();
    assert_eq!(foreign.code(), "letter_bucket_foreign");
    let other_id = body.replace(&large.id.to_string(), &Uuid::from_u128(3).to_string());
    let missing = DeadLetterDocument::fetch(&other_id, &payloads)
        .await
        .unwrap_err();
    assert_eq!(missing.code(), "letter_missing");
    let half = body.replacen(&large.id.to_string(), &Uuid::from_u128(3).to_string(), 1);
    let mismatch = DeadLetterDocument::read(&half).unwrap_err();
    assert_eq!(mismatch.code(), "letter_mismatch");
    let DocumentError::Elsewhere(check) = unread else {
        panic!("{unread:?}");
    };
    processing::Payloads::put(&payloads, check.key(), b"another object")
        .await
        .unwrap();
    let changed = DeadLetterDocument::fetch(&body, &payloads)
        .await
        .unwrap_err();
    assert_eq!(changed.code(), "letter_mismatch");
}

#[tokio::test]
async fn while_the_bucket_is_away_a_letter_that_needs_it_fails_alone() {
    let (queue, (server, payloads)) = (Queue::start().await, bucket().await);
    server.shutdown().await;
    let port = queue.port().with_overflow(Some(payloads));
    let large = letter(2, &noise(2 * CALL_BYTES_MAX));
    let sent = port.send(&[letter(1, "{}"), large]).await;
    assert!(sent[0].is_ok());
    assert_eq!(sent[1].as_ref().unwrap_err().code(), "dead_letter_unsent");
}
