//! Money on the wire: `#[serde(with = "crate::amount")]` and `amount::optional` for [`Decimal`].
//!
//! Read from a JSON number or string, digit for digit: never through a binary float. Written
//! without trailing zeros, as a number if readers that know only 64-bit floats get exactly it back,
//! else as a string. The form is JSON's alone; whoever stores an amount elsewhere stores the
//! `Decimal`. Currency and rounding are no concern of this file.

use std::{borrow::Cow, fmt};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de};
use serde_json::value::RawValue;

/// The most decimal places that an exponent may move the point by.
const EXPONENT_MAX: i32 = 28;

/// The longest text that is tried: sign, point and exponent around 28 digits leave room for zeros.
const TEXT_BYTES_MAX: usize = 128;

/// A text that is no decimal number of at most 28 digits; never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number of at most 28 digits")]
pub struct InvalidAmount;

/// The schema of an amount.
#[derive(Clone, Copy, Debug)]
pub struct AmountSchema;

impl JsonSchema for AmountSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$" })
    }
}

/// Reads the text of a JSON number (exponents too), exactly or not at all.
fn parse(text: &str) -> Result<Decimal, InvalidAmount> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(InvalidAmount);
    }
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    // `from_str_exact` also takes underscores and a bare point, which JSON numbers do not have.
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let begins_and_ends = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain.ends_with(|c: char| c.is_ascii_digit());
    if !begins_and_ends || plain.contains('_') {
        return Err(InvalidAmount);
    }
    let value = Decimal::from_str_exact(digits).map_err(|_| InvalidAmount)?;
    shift(value, exponent.parse().map_err(|_| InvalidAmount)?)
}

/// Multiplies by a power of ten, exactly or not at all.
fn shift(value: Decimal, exponent: i32) -> Result<Decimal, InvalidAmount> {
    if exponent.abs() > EXPONENT_MAX {
        return Err(InvalidAmount);
    }
    let mut value = value.normalize();
    for _ in 0..exponent {
        value = value.checked_mul(Decimal::TEN).ok_or(InvalidAmount)?;
    }
    let scale = i64::from(value.scale()) - i64::from(exponent.min(0));
    let scale = u32::try_from(scale).map_err(|_| InvalidAmount)?;
    value.set_scale(scale).map_err(|_| InvalidAmount)?;
    Ok(value.normalize())
}

pub(crate) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    let value = value.normalize();
    let text = value.to_string();
    let float = text
        .parse::<f64>()
        .ok()
        .filter(|float| float.to_string() == text);
    match (float, value.to_i64()) {
        (Some(_), Some(whole)) if value.is_integer() => serializer.serialize_i64(whole),
        (Some(float), _) if !value.is_integer() => serializer.serialize_f64(float),
        _ => serializer.serialize_str(&text),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    read(raw.get())
}

fn read<E: de::Error>(json: &str) -> Result<Decimal, E> {
    let parsed = if json.starts_with('"') {
        serde_json::from_str::<String>(json)
            .map_err(|_| InvalidAmount)
            .and_then(|text| parse(&text))
    } else {
        parse(json)
    };
    parsed.map_err(|_| E::invalid_value(de::Unexpected::Other("amount"), &Expected))
}

struct Expected;

impl de::Expected for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number of at most 28 digits")
    }
}

/// The same for `Option<Decimal>`; `null` is none.
pub(crate) mod optional {
    use super::{Decimal, Deserialize, Deserializer, RawValue, Serializer, read};

    #[expect(clippy::ref_option, reason = "the signature that serde's `with` calls")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Decimal>, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
        raw.map(|raw| read(raw.get())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Paid {
        #[serde(with = "crate::amount")]
        amount: Decimal,
    }

    fn rewritten(amount: &str) -> Option<String> {
        let json = format!(r#"{{"amount":{amount}}}"#);
        let paid: Paid = serde_json::from_str(&json).ok()?;
        let json = serde_json::to_string(&paid).unwrap();
        Some(
            json.strip_prefix(r#"{"amount":"#)?
                .strip_suffix('}')?
                .to_owned(),
        )
    }

    #[test]
    fn an_amount_is_written_as_a_number_only_where_a_float_keeps_it() {
        for (read, written) in [
            ("50000", "50000"),
            ("50000.00", "50000"),
            (r#""50000""#, "50000"),
            ("19.90", "19.9"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("125E-2", "1.25"),
            ("9007199254740993", r#""9007199254740993""#),
            ("12345678901234567.89", r#""12345678901234567.89""#),
            (
                "79228162514264337593543950335",
                r#""79228162514264337593543950335""#,
            ),
        ] {
            assert_eq!(rewritten(read).as_deref(), Some(written), "{read}");
            assert_eq!(
                rewritten(written).as_deref(),
                Some(written),
                "{written} again"
            );
        }
    }

    #[test]
    fn what_would_lose_digits_or_is_no_number_is_refused() {
        for json in [
            "null",
            "true",
            "[]",
            "{}",
            r#""""#,
            r#"" 1""#,
            r#""1_000""#,
            r#""1,000""#,
            r#"".5""#,
            r#""5.""#,
            r#""NaN""#,
            "1e29",
            "1e-29",
            "1e999",
            "79228162514264337593543950336",
            "0.12345678901234567890123456789",
        ] {
            assert_eq!(rewritten(json), None, "{json}");
        }
    }
}
