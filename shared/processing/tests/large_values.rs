//! Events whose values lie elsewhere: fetched before they are decided, kept before they are told of.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;
#[path = "large_values/fetching.rs"]
mod fetching;
#[path = "large_values/keeping.rs"]
mod keeping;

use std::fmt::Write as _;

use common::BALANCES;
use event_schema::ClaimCheck;
use processing::Outcome;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{KafkaRecord, MemoryPayloads};

const BUCKET: &str = "large-values";

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// A charge as a producer would have put it on the topic, of so many bytes.
fn charge_of(id: &str, user: &str, amount: i64, bytes: usize) -> String {
    let mut charge = json!({ "event_id": id, "user_id": user, "amount": amount, "padding": "" });
    let around = charge.to_string().len();
    charge["padding"] = Value::from("x".repeat(bytes.saturating_sub(around)));
    charge.to_string()
}

/// What a producer sends in place of this value.
fn reference_to(id: &str, bucket: &str, value: &[u8]) -> Value {
    let size = u64::try_from(value.len()).unwrap();
    let check = ClaimCheck::of_payload(bucket, size, sha256(value)).unwrap();
    json!({ "event_id": id, "claim_check": check })
}

fn key_of(value: &str) -> String {
    format!("payloads/{}", sha256(value.as_bytes()))
}

fn sent(offset: i64, user: &str, value: &Value) -> KafkaRecord {
    KafkaRecord::new(BALANCES, 0, offset)
        .key(format!("user:{user}"))
        .json(value)
}

/// Stores a charge, and sends its reference.
fn claimed(
    payloads: &MemoryPayloads,
    offset: i64,
    id: &str,
    user: &str,
    amount: i64,
) -> KafkaRecord {
    let value = charge_of(id, user, amount, 400_000);
    payloads.set(key_of(&value), value.clone());
    sent(offset, user, &reference_to(id, BUCKET, value.as_bytes()))
}

/// What is said of a record that is not applied.
fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::DeadLettered(refusal) | Outcome::Unfinished(refusal) => refusal.chain.join(": "),
        other => format!("{other:?}"),
    }
}
