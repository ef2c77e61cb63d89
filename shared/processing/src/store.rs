//! The port to the database: batched reads, and transactions that apply whole or not at all.
//!
//! The shapes are those of `DynamoDB` (`BatchGetItem`, `Query`, `TransactWriteItems`) because the engine's
//! guarantees rest on them, but nothing here speaks its protocol: that is the adapter's work.
//! The engine decides how often to try again; an implementation only says what happened.

use std::error::Error;
use std::future::Future;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Keys that one [`Store::load`] call may name (`BatchGetItem`).
pub const LOAD_KEYS_MAX: usize = 100;
/// Writes that one [`Transaction`] may hold (`TransactWriteItems`).
pub const TRANSACTION_WRITES_MAX: usize = 100;
/// Bytes that one [`Transaction`] may hold, with room below the service's 4 MB for names and encoding.
pub const TRANSACTION_BYTES_MAX: usize = 3_500_000;
/// Bytes that one item may hold, with room below the service's 400 KB for names and encoding.
pub const ITEM_BYTES_MAX: usize = 380_000;
/// Bytes of a partition key's value.
pub const PARTITION_KEY_BYTES_MAX: usize = 2_048;
/// Bytes of a sort key's value.
pub const SORT_KEY_BYTES_MAX: usize = 1_024;

/// The primary key of an item, with the logical name of its table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// The logical table name; an adapter may put a prefix before it.
    pub table: &'static str,
    /// The value of `pk`.
    pub partition: String,
    /// The value of `sk`.
    pub sort: String,
}

/// The attributes of an item, without its keys and its version.
///
/// Whole numbers of 64 bits are JSON numbers; any other number is a string, because items hold exact
/// decimals and no floating point.
pub type Body = Map<String, Value>;

/// An item as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Counts the item's writes, from 1.
    pub version: u64,
    /// The attributes.
    pub body: Body,
}

/// A read of the items of one partition, in ascending order of their sort keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// The logical table name.
    pub table: &'static str,
    /// The value of `pk`.
    pub partition: String,
    /// What every sort key begins with; empty for all.
    pub sort_prefix: String,
    /// Only sort keys above this one.
    pub after: Option<String>,
    /// Items to return at most.
    pub limit: u32,
}

/// What must be true of an item for its transaction to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing; only the guards of an addition count.
    Anything,
    /// The item does not exist.
    Absent,
    /// The item exists at this version.
    Version(u64),
}

/// One field's part of a [`Change::Add`].
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// The attribute; absent counts as zero.
    pub field: String,
    /// What is added; may be negative.
    pub amount: Decimal,
    /// The least value that the field must hold *before* the addition.
    pub at_least: Option<Decimal>,
}

/// What happens to one item.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing: the item is only held to what is expected of it, which must not be [`Expect::Anything`].
    Check,
    /// The body is replaced. The version becomes the expected one plus one, or 1 for an absent item; with
    /// [`Expect::Anything`] it would have none and is refused.
    Put(Body),
    /// Fields, at least one, are added to, and the version with them; an absent item comes into being.
    Add(Vec<Addition>),
    /// The item goes.
    Delete,
}

/// One item's part of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which item; no two writes of a transaction name the same one.
    pub key: ItemKey,
    /// The condition.
    pub expect: Expect,
    /// The change.
    pub change: Change,
}

/// Writes that apply together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// At most 36 characters. A store that applied this token's writes already answers success and
    /// writes nothing (`ClientRequestToken`, remembered for ten minutes).
    pub token: String,
    /// At most [`TRANSACTION_WRITES_MAX`].
    pub writes: Vec<Write>,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The service asked for patience; the same call may succeed later.
    #[error("the store throttled the call")]
    Throttled(#[source] Cause),
    /// The service could not be reached, failed, or denied access.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
}

/// An adapter's own error, kept for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why one write kept its transaction from applying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// Its expectation or a guard did not hold.
    ConditionFailed,
    /// Another transaction was on the same item at the same moment.
    Conflict,
    /// The item's partition was throttled.
    Throttled,
    /// The write can never apply: too large, or an addition to what is no number.
    Invalid(String),
}

/// Why a transaction did not, or may not have, applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was written. One entry a write, in their order; `None` for a write that was fine.
    #[error("the transaction was cancelled")]
    Cancelled(Vec<Option<Cancellation>>),
    /// Nothing was written; the same call may succeed later.
    #[error("the store throttled the transaction")]
    Throttled(#[source] Cause),
    /// It may have been written: the same transaction with the same token must be sent again.
    #[error("the transaction's outcome is unknown")]
    Unknown(#[source] Cause),
    /// Nothing was written, and the same writes will never be accepted.
    #[error("the store refused the transaction as invalid")]
    Invalid(#[source] Cause),
    /// Nothing was written: access denied, table missing, or the like.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
}

/// A database with batched strongly consistent reads and conditional multi-item transactions.
pub trait Store: Send + Sync + 'static {
    /// Reads at most [`LOAD_KEYS_MAX`] distinct keys, strongly consistent; one entry a key, in their order.
    fn load(
        &self,
        keys: &[ItemKey],
    ) -> impl Future<Output = Result<Vec<Option<Stored>>, StoreError>> + Send;

    /// Reads the items of one partition, strongly consistent, ascending by sort key.
    fn query(
        &self,
        query: &Query,
    ) -> impl Future<Output = Result<Vec<(ItemKey, Stored)>, StoreError>> + Send;

    /// Applies all writes or none.
    fn commit(
        &self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

impl ItemKey {
    /// Whether the key's values are within what the database takes: not empty, not too long.
    pub(crate) fn is_valid(&self) -> bool {
        (1..=PARTITION_KEY_BYTES_MAX).contains(&self.partition.len())
            && (1..=SORT_KEY_BYTES_MAX).contains(&self.sort.len())
    }
}

impl Write {
    /// An estimate, from above, of the bytes that this write adds to its transaction.
    pub(crate) fn bytes(&self) -> usize {
        let change = match &self.change {
            Change::Check | Change::Delete => 0,
            Change::Put(body) => body_bytes(body),
            Change::Add(additions) => additions.iter().map(|add| add.field.len() + 48).sum(),
        };
        key_bytes(&self.key) + change
    }
}

/// Reads a stored value as an exact number: a JSON number without a fraction, or a decimal in a string.
#[must_use]
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => number.as_i64().map(Decimal::from),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Writes an exact number as it is kept in a [`Body`]; the inverse of [`number`].
#[must_use]
pub fn number_value(number: Decimal) -> Value {
    let number = number.normalize();
    match i64::try_from(number) {
        Ok(whole) if number.scale() == 0 => Value::from(whole),
        Ok(_) | Err(_) => Value::String(number.to_string()),
    }
}

pub(crate) fn key_bytes(key: &ItemKey) -> usize {
    key.partition.len() + key.sort.len() + 32
}

/// An estimate, from above, of an item's stored size ("Item sizes and formats", `DynamoDB` guide).
pub(crate) fn body_bytes(body: &Body) -> usize {
    body.iter()
        .map(|(name, value)| name.len() + value_bytes(value) + 1)
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(_) => 21,
        Value::String(text) => text.len(),
        Value::Array(values) => 3 + values.iter().map(|v| value_bytes(v) + 1).sum::<usize>(),
        Value::Object(fields) => 3 + body_bytes(fields),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_weighs_at_least_its_text() {
        let Value::Object(body) = json!({"name": "0123456789", "tags": ["a", "b"]}) else {
            panic!("an object");
        };
        assert!(body_bytes(&body) >= "name0123456789tagsab".len());
    }

    #[test]
    fn an_empty_or_oversized_key_is_invalid() {
        let key = |partition: String| ItemKey {
            table: "t",
            partition,
            sort: "-".into(),
        };
        assert!(key("p".into()).is_valid());
        assert!(!key(String::new()).is_valid());
        assert!(!key("p".repeat(PARTITION_KEY_BYTES_MAX + 1)).is_valid());
    }

    fn every_kind_of_value() -> Body {
        let value = json!({
            "n": null, "b": true, "i": 7, "s": "abc", "a": ["x", null], "o": {"k": "vv"},
        });
        let Value::Object(body) = value else {
            panic!("an object");
        };
        body
    }

    #[test]
    fn sizes_are_counted_to_the_byte() {
        // A name, a value and one more for each field; three more for a list or an object.
        assert_eq!(body_bytes(&every_kind_of_value()), 3 + 3 + 23 + 5 + 9 + 9);
        let key = ItemKey {
            table: "t",
            partition: "ppp".into(),
            sort: "ss".into(),
        };
        assert_eq!(key_bytes(&key), 3 + 2 + 32);
        let bytes = |change| {
            let key = key.clone();
            let expect = Expect::Absent;
            Write {
                key,
                expect,
                change,
            }
            .bytes()
        };
        assert_eq!(bytes(Change::Check), 37);
        assert_eq!(bytes(Change::Delete), 37);
        assert_eq!(bytes(Change::Put(every_kind_of_value())), 37 + 52);
        let addition = |field: &str| Addition {
            field: field.to_owned(),
            amount: Decimal::ONE,
            at_least: None,
        };
        let additions = vec![addition("ab"), addition("c")];
        assert_eq!(bytes(Change::Add(additions)), 37 + 50 + 49);
    }

    #[test]
    fn numbers_are_kept_exactly() {
        let written = |text: &str| number_value(text.parse().unwrap());
        assert_eq!(written("2.00"), json!(2));
        assert_eq!(written("-7"), json!(-7));
        assert_eq!(written("1.50"), json!("1.5"));
        assert_eq!(written("9223372036854775807"), json!(i64::MAX));
        assert_eq!(written("9223372036854775808"), json!("9223372036854775808"));
        for text in ["0", "2", "-1.5", "9223372036854775808"] {
            assert_eq!(number(&written(text)), text.parse().ok());
        }
        for no_number in [
            json!(null),
            json!(true),
            json!("one"),
            json!(1.5),
            json!([1]),
        ] {
            assert_eq!(number(&no_number), None);
        }
    }

    #[test]
    fn keys_are_valid_up_to_their_longest() {
        let valid = |partition: usize, sort: usize| {
            let key = ItemKey {
                table: "t",
                partition: "p".repeat(partition),
                sort: "s".repeat(sort),
            };
            key.is_valid()
        };
        assert!(valid(PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX));
        assert!(!valid(1, 0) && !valid(0, 1));
        assert!(!valid(1, SORT_KEY_BYTES_MAX + 1));
    }
}
