//! The body of `POST /orders`: what it may hold, and all that is wrong with one.
//!
//! The rules are constants here, so that the schema and the reading cannot say different things. It is strict
//! where readers of events are tolerant: a client can be told at once.

use std::borrow::Cow;

use event_schema::events::{ORDER_LINES_MAX, QUANTITY_MAX};
use event_schema::{CouponId, ProductId, UserId};
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use tables::Line;

use crate::problem::FieldProblem;
use crate::reader::{Fields, Reader};

/// The longest id, in characters, which are bytes: [`is_id`] takes ASCII only.
pub(crate) const ID_CHARS_MAX: usize = 128;
/// What [`is_id`] takes, for the schema.
const ID_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._:@-]*$";
/// The largest amount.
pub(crate) const AMOUNT_MAX: u64 = 999_999_999_999;
/// Digits of [`AMOUNT_MAX`].
const AMOUNT_DIGITS_MAX: usize = 12;
/// Digits of an amount after its point.
const AMOUNT_DECIMALS_MAX: usize = 4;
/// What [`amount`] takes of texts, for the schema.
const AMOUNT_PATTERN: &str = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$";

/// A new order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Who orders.
    #[schemars(with = "Id")]
    pub user_id: UserId,
    /// What is ordered; a product may stand in several lines.
    #[schemars(with = "Vec<NewLine>", length(min = 1, max = ORDER_LINES_MAX))]
    pub items: Vec<Line>,
    /// What the customer is to pay, discounts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Amount")]
    pub total_amount: Option<Decimal>,
    /// The coupon that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Id")]
    pub coupon_id: Option<CouponId>,
}

/// One line of a new order, for its schema; it is read as a [`Line`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "it exists for its schema")]
struct NewLine {
    /// The product.
    #[schemars(with = "Id")]
    product_id: String,
    /// How many pieces of it.
    #[schemars(range(min = 1, max = QUANTITY_MAX))]
    quantity: u32,
    /// The price of one piece.
    #[schemars(with = "Amount", default, skip_serializing_if = "Option::is_none")]
    unit_price: Option<String>,
}

/// The schema of an id.
struct Id;

/// The schema of an amount.
struct Amount;

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX, "pattern": ID_PATTERN,
        })
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount of money: a whole number, or a decimal number as a text, so that it stays exact.",
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": AMOUNT_MAX },
                { "type": "string", "pattern": AMOUNT_PATTERN },
            ],
        })
    }
}

impl NewOrder {
    /// Reads a body.
    ///
    /// # Errors
    /// Everything that is wrong with it, at most [`crate::FIELD_PROBLEMS_MAX`] things.
    pub fn read(body: &Value) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = Reader::default();
        let order = read(body, &mut reader);
        let problems = reader.into_problems();
        match order {
            Some(order) if problems.is_empty() => Ok(order),
            Some(_) | None => Err(problems),
        }
    }
}

/// Every field is read before the first that is missing ends it, so that all problems are found.
fn read(body: &Value, reader: &mut Reader) -> Option<NewOrder> {
    let known = ["user_id", "items", "total_amount", "coupon_id"];
    let mut fields = Fields::of(body, "", &known, reader)?;
    let user_id = fields.required("user_id", id);
    let items = fields.required("items", items);
    let total_amount = fields.optional("total_amount", amount);
    let coupon_id = fields.optional("coupon_id", id);
    Some(NewOrder {
        user_id: UserId::new(user_id?).ok()?,
        items: items?,
        total_amount,
        coupon_id: coupon_id.and_then(|id| CouponId::new(id).ok()),
    })
}

fn items(value: &Value, at: &str, reader: &mut Reader) -> Option<Vec<Line>> {
    let Value::Array(values) = value else {
        return reader.note(at, "wrong_type", "an array of lines");
    };
    if values.is_empty() || values.len() > ORDER_LINES_MAX {
        let rule = format!("1 to {ORDER_LINES_MAX} lines");
        return reader.note(at, "wrong_length", rule);
    }
    let lines = values.iter().enumerate();
    let lines: Vec<_> = lines
        .map(|(n, value)| line(value, &format!("{at}/{n}"), reader))
        .collect();
    lines.into_iter().collect()
}

fn line(value: &Value, at: &str, reader: &mut Reader) -> Option<Line> {
    let known = ["product_id", "quantity", "unit_price"];
    let mut fields = Fields::of(value, at, &known, reader)?;
    let product_id = fields.required("product_id", id);
    let quantity = fields.required("quantity", quantity);
    let unit_price = fields.optional("unit_price", amount);
    Some(Line {
        product_id: ProductId::new(product_id?).ok()?,
        quantity: quantity?,
        unit_price,
    })
}

fn id(value: &Value, at: &str, reader: &mut Reader) -> Option<String> {
    let Value::String(text) = value else {
        return reader.note(at, "wrong_type", "a text");
    };
    if !(1..=ID_CHARS_MAX).contains(&text.chars().count()) {
        let rule = format!("1 to {ID_CHARS_MAX} characters");
        return reader.note(at, "wrong_length", rule);
    }
    if !is_id(text) {
        let rule = "letters, digits and `._:@-`, beginning with a letter or digit";
        return reader.note(at, "wrong_format", rule);
    }
    Some(text.clone())
}

fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && (text.chars()).all(|c| c.is_ascii_alphanumeric() || "._:@-".contains(c))
}

fn quantity(value: &Value, at: &str, reader: &mut Reader) -> Option<u32> {
    let rule = || format!("a whole number from 1 to {QUANTITY_MAX}");
    let Value::Number(number) = value else {
        return reader.note(at, "wrong_type", rule());
    };
    let quantity = whole(number).and_then(|whole| u32::try_from(whole).ok());
    match quantity.filter(|quantity| (1..=QUANTITY_MAX).contains(quantity)) {
        Some(quantity) => Some(quantity),
        None => reader.note(at, "out_of_range", rule()),
    }
}

fn amount(value: &Value, at: &str, reader: &mut Reader) -> Option<Decimal> {
    let rule = || {
        format!(
            "a whole number from 0 to {AMOUNT_MAX}, or a text of a decimal number with at most {AMOUNT_DECIMALS_MAX} decimals"
        )
    };
    match value {
        Value::Number(number) => match whole(number).filter(|whole| *whole <= AMOUNT_MAX) {
            Some(whole) => Some(Decimal::from(whole)),
            None => reader.note(at, "out_of_range", rule()),
        },
        Value::String(text) => match text.parse().ok().filter(|_| is_amount(text)) {
            Some(amount) => Some(amount),
            None => reader.note(at, "wrong_format", rule()),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            reader.note(at, "wrong_type", rule())
        }
    }
}

fn is_amount(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    are_digits(whole)
        && are_digits(decimals)
        && whole.len() <= AMOUNT_DIGITS_MAX
        && decimals.len() <= AMOUNT_DECIMALS_MAX
        && (whole == "0" || !whole.starts_with('0'))
}

/// A number without a fraction, also one that is written with a point: `3.0` is an integer in JSON Schema.
fn whole(number: &serde_json::Number) -> Option<u64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
    let float = || number.as_f64().filter(|float| float.fract() == 0.0);
    let exact = || float().filter(|float| (0.0..=EXACT_MAX).contains(float));
    // In this range a float is a whole number exactly, so its digits are those of an integer.
    number
        .as_u64()
        .or_else(|| format!("{:.0}", exact()?).parse().ok())
}

#[cfg(test)]
mod tests;
