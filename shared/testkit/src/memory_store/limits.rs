//! What the service would refuse whatever is stored: sizes, counts, keys, and bodies that would not come
//! back as they went in.
//!
//! The numbers are the service's own ("Quotas in Amazon `DynamoDB`"), above those that the engine keeps to.

use std::collections::HashSet;

use processing::{
    Body, Change, Expect, ItemKey, LOAD_KEYS_MAX, PARTITION_KEY_BYTES_MAX, Query,
    SORT_KEY_BYTES_MAX, TRANSACTION_WRITES_MAX, Transaction, Write,
};
use serde_json::Value;

/// Bytes of an item, with its keys (400 KB).
const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Bytes of all items of a transaction (4 MB).
const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Characters of a token.
const TOKEN_CHARS_MAX: usize = 36;
/// Levels of lists and maps inside an attribute.
const DEPTH_MAX: usize = 32;

/// Why a call can never be accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LimitError {
    #[error("a load names at most {LOAD_KEYS_MAX} keys, not {0}")]
    LoadKeys(usize),
    #[error("a transaction has 1 to {TRANSACTION_WRITES_MAX} writes, not {0}")]
    Writes(usize),
    #[error("two entries name the same item of table {0}")]
    SameItem(&'static str),
    #[error("a key of table {0} is empty or too long")]
    Key(&'static str),
    #[error("a token has 1 to {TOKEN_CHARS_MAX} characters, not {0}")]
    Token(usize),
    #[error("a query asks for at least one item")]
    QueryLimit,
    #[error("the transaction has {0} bytes, more than {TRANSACTION_BYTES_MAX}")]
    TransactionBytes(usize),
    #[error("an item of table {table} has {bytes} bytes, more than {ITEM_BYTES_MAX}")]
    ItemBytes { table: &'static str, bytes: usize },
    #[error("a put into table {0} does not say what it replaces, so that it has no version")]
    UnversionedPut(&'static str),
    #[error("a check in table {0} does not say what it expects")]
    NothingToCheck(&'static str),
    #[error("an addition in table {0} names no field")]
    NothingToAdd(&'static str),
    #[error("field {0} is added to twice in one change")]
    FieldTwice(String),
    #[error("field {0} is a key's name, nested too deeply, or holds floating point")]
    Field(String),
}

pub(super) fn check_load(keys: &[ItemKey]) -> Result<(), LimitError> {
    if keys.len() > LOAD_KEYS_MAX {
        return Err(LimitError::LoadKeys(keys.len()));
    }
    check_keys(keys.iter())
}

pub(super) fn check_query(query: &Query) -> Result<(), LimitError> {
    if query.limit == 0 {
        return Err(LimitError::QueryLimit);
    }
    let sorts = [Some(&query.sort_prefix), query.after.as_ref()];
    let too_long = sorts
        .into_iter()
        .flatten()
        .any(|sort| sort.len() > SORT_KEY_BYTES_MAX);
    if too_long || !is_partition_key(&query.partition) {
        return Err(LimitError::Key(query.table));
    }
    Ok(())
}

pub(super) fn check_transaction(transaction: &Transaction) -> Result<(), LimitError> {
    let writes = &transaction.writes;
    if !(1..=TRANSACTION_WRITES_MAX).contains(&writes.len()) {
        return Err(LimitError::Writes(writes.len()));
    }
    let token_chars = transaction.token.chars().count();
    if !(1..=TOKEN_CHARS_MAX).contains(&token_chars) {
        return Err(LimitError::Token(token_chars));
    }
    check_keys(writes.iter().map(|write| &write.key))?;
    writes.iter().try_for_each(check_change)?;
    let bytes = writes.iter().map(write_bytes).sum();
    if bytes > TRANSACTION_BYTES_MAX {
        return Err(LimitError::TransactionBytes(bytes));
    }
    Ok(())
}

/// Checks an item as it would be stored.
pub(super) fn check_item(key: &ItemKey, body: &Body) -> Result<(), LimitError> {
    let bytes = key_bytes(key) + body_bytes(body);
    if bytes > ITEM_BYTES_MAX {
        return Err(LimitError::ItemBytes {
            table: key.table,
            bytes,
        });
    }
    Ok(())
}

fn check_keys<'a>(keys: impl Iterator<Item = &'a ItemKey>) -> Result<(), LimitError> {
    let mut seen = HashSet::new();
    for key in keys {
        let sort_fits = (1..=SORT_KEY_BYTES_MAX).contains(&key.sort.len());
        if !sort_fits || !is_partition_key(&key.partition) {
            return Err(LimitError::Key(key.table));
        }
        if !seen.insert(key) {
            return Err(LimitError::SameItem(key.table));
        }
    }
    Ok(())
}

fn is_partition_key(partition: &str) -> bool {
    (1..=PARTITION_KEY_BYTES_MAX).contains(&partition.len())
}

fn check_change(write: &Write) -> Result<(), LimitError> {
    match &write.change {
        Change::Check if write.expect == Expect::Anything => {
            Err(LimitError::NothingToCheck(write.key.table))
        }
        Change::Check | Change::Delete => Ok(()),
        Change::Add(additions) if additions.is_empty() => {
            Err(LimitError::NothingToAdd(write.key.table))
        }
        Change::Put(_) if write.expect == Expect::Anything => {
            Err(LimitError::UnversionedPut(write.key.table))
        }
        Change::Put(body) => match body.iter().find(|(name, value)| !is_storable(name, value)) {
            Some((name, _)) => Err(LimitError::Field(name.clone())),
            None => Ok(()),
        },
        Change::Add(additions) => {
            let mut seen = HashSet::new();
            match additions
                .iter()
                .find(|addition| !seen.insert(&addition.field))
            {
                Some(addition) => Err(LimitError::FieldTwice(addition.field.clone())),
                None => Ok(()),
            }
        }
    }
}

fn is_storable(name: &str, value: &Value) -> bool {
    !name.is_empty() && name != "pk" && name != "sk" && is_value(value, DEPTH_MAX)
}

fn is_value(value: &Value, depth_left: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => !number.is_f64(),
        Value::Array(values) => {
            depth_left > 0 && values.iter().all(|value| is_value(value, depth_left - 1))
        }
        Value::Object(fields) => {
            depth_left > 0 && fields.values().all(|value| is_value(value, depth_left - 1))
        }
    }
}

fn write_bytes(write: &Write) -> usize {
    let change = match &write.change {
        Change::Check | Change::Delete => 0,
        Change::Put(body) => body_bytes(body),
        Change::Add(additions) => additions
            .iter()
            .map(|addition| addition.field.len() + 21)
            .sum(),
    };
    key_bytes(&write.key) + change
}

/// The names `pk` and `sk`, their values, and the version.
fn key_bytes(key: &ItemKey) -> usize {
    key.partition.len() + key.sort.len() + 4 + 16
}

/// "Item sizes and formats" in the `DynamoDB` guide.
fn body_bytes(body: &Body) -> usize {
    body.iter()
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
        Value::String(text) => text.len(),
        Value::Array(values) => {
            3 + values
                .iter()
                .map(|value| value_bytes(value) + 1)
                .sum::<usize>()
        }
        Value::Object(fields) => 3 + fields.len() + body_bytes(fields),
    }
}
