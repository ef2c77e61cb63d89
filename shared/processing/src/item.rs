//! Items: the author's structs as the store keeps them.
//!
//! An item is a plain serde struct with a table and a key. The engine keeps its version.
//! It does not map attributes one by one: serde does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::rejection::Rejection;
use crate::store::{Body, ITEM_BYTES_MAX, ItemKey, body_bytes};

/// The sort key of items whose table needs none.
const NO_SORT_KEY: &str = "-";

/// The key of an item inside its table: a partition key, and a sort key where the table needs one.
///
/// ```
/// use processing::Key;
/// let order = Key::from("o-1");
/// let issued_coupon = Key::from(("coupon-1", "user-7"));
/// assert_ne!(order, issued_coupon);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    partition: String,
    sort: Option<String>,
}

impl From<&str> for Key {
    fn from(partition: &str) -> Self {
        Self {
            partition: partition.to_owned(),
            sort: None,
        }
    }
}

impl From<&String> for Key {
    fn from(partition: &String) -> Self {
        Self::from(partition.as_str())
    }
}

impl<P: AsRef<str>, S: AsRef<str>> From<(P, S)> for Key {
    fn from((partition, sort): (P, S)) -> Self {
        Self {
            partition: partition.as_ref().to_owned(),
            sort: Some(sort.as_ref().to_owned()),
        }
    }
}

/// A struct that the store keeps.
///
/// Money is `rust_decimal::Decimal` and counters are integers; floating point is refused when the item
/// is put, because it would not come back as it went in. A field that [`crate::Work::add`] changes is an
/// integer, or a `Decimal` that no `put` ever writes.
pub trait Item: Serialize + DeserializeOwned {
    /// The logical name of the table.
    const TABLE: &'static str;

    /// Where this item lives in it.
    fn key(&self) -> Key;
}

impl ItemKey {
    /// Names an item of a kind by its key inside the kind's table: for who looks into a store from outside, as
    /// tests do.
    ///
    /// # Errors
    /// `invalid_key`, as a handler that uses it would be refused.
    pub fn of<I: Item>(key: impl Into<Key>) -> Result<Self, Rejection> {
        item_key::<I>(key.into())
    }
}

pub(crate) fn item_key<I: Item>(key: Key) -> Result<ItemKey, Rejection> {
    let sort = key.sort.unwrap_or_else(|| NO_SORT_KEY.to_owned());
    let key = ItemKey {
        table: I::TABLE,
        partition: key.partition,
        sort,
    };
    if key.is_valid() {
        return Ok(key);
    }
    Err(Rejection::permanent(
        "invalid_key",
        format!(
            "the key of an item of table {} is empty or too long",
            I::TABLE
        ),
    ))
}

pub(crate) fn encode<I: Item>(item: &I) -> Result<Body, Rejection> {
    let refused = |message: String| Rejection::permanent("item_not_storable", message);
    let value = serde_json::to_value(item).map_err(|error| {
        refused(format!("an item of table {} cannot be written", I::TABLE)).caused_by(error)
    })?;
    let Value::Object(body) = value else {
        return Err(refused(format!(
            "an item of table {} is not a struct",
            I::TABLE
        )));
    };
    if body.values().any(holds_a_float) {
        let table = I::TABLE;
        return Err(refused(format!(
            "an item of table {table} holds floating point; use Decimal"
        )));
    }
    let bytes = body_bytes(&body);
    if bytes > ITEM_BYTES_MAX {
        return Err(Rejection::permanent(
            "item_too_large",
            format!(
                "an item of table {} has {bytes} bytes of at most {ITEM_BYTES_MAX}",
                I::TABLE
            ),
        ));
    }
    Ok(body)
}

pub(crate) fn decode<I: Item>(body: &Body) -> Result<I, Rejection> {
    I::deserialize(Value::Object(body.clone())).map_err(|_values_are_private| {
        Rejection::permanent(
            "item_unreadable",
            format!(
                "a stored item of table {} does not have the expected fields",
                I::TABLE
            ),
        )
    })
}

fn holds_a_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(holds_a_float),
        Value::Object(fields) => fields.values().any(holds_a_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Reading {
        name: String,
        value: f64,
    }

    impl Item for Reading {
        const TABLE: &'static str = "readings";
        fn key(&self) -> Key {
            Key::from(&self.name)
        }
    }

    #[test]
    fn floating_point_is_refused() {
        let refusal = encode(&Reading {
            name: "cpu".into(),
            value: 0.1,
        })
        .unwrap_err();
        assert_eq!(refusal.code(), "item_not_storable");
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Named {
        name: String,
    }

    impl Item for Named {
        const TABLE: &'static str = "names";
        fn key(&self) -> Key {
            Key::from("only")
        }
    }

    #[test]
    fn an_item_of_the_largest_size_is_stored_and_one_byte_more_is_not() {
        let encoded = |bytes: usize| {
            // The field's name and one more byte count too.
            let name = "n".repeat(bytes - "name".len() - 1);
            encode(&Named { name })
        };
        assert!(encoded(ITEM_BYTES_MAX).is_ok());
        assert_eq!(
            encoded(ITEM_BYTES_MAX + 1).unwrap_err().code(),
            "item_too_large"
        );
    }

    #[test]
    fn floating_point_is_found_wherever_it_is() {
        let holds = |value: Value| holds_a_float(&value);
        assert!(holds(serde_json::json!({"a": [1, {"b": 0.5}]})));
        assert!(!holds(
            serde_json::json!({"a": [1, {"b": "0.5"}, null, true]})
        ));
    }

    #[test]
    fn an_unreadable_item_does_not_quote_its_values() {
        let mut body = Body::new();
        body.insert("name".into(), Value::String("secret".into()));
        body.insert("value".into(), Value::String("secret".into()));
        let refusal = decode::<Reading>(&body).unwrap_err();
        assert!(!refusal.chain().join(" ").contains("secret"));
    }
}
