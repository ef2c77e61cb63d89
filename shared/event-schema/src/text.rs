//! Validated texts: ids, names and personal data.
//!
//! They are read from a JSON string or integer (`123` is `"123"`) and always written as a string.
//! This file knows nothing of what the ids name, and does not trim or change case: two ids are the
//! same when their bytes are.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected, Visitor},
};

/// Why a text is refused; never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// It has no characters.
    #[error("the text is empty")]
    Empty,
    /// It is longer than its type allows.
    #[error("the text has more than {bytes_max} bytes")]
    TooLong {
        /// What the type allows.
        bytes_max: usize,
    },
    /// It holds a control character, which keys, headers and logs cannot carry.
    #[error("the text holds a control character")]
    ControlCharacter,
}

/// Checks the rules all texts share.
pub(crate) fn check(text: &str, bytes_max: usize) -> Result<(), InvalidText> {
    if text.is_empty() {
        return Err(InvalidText::Empty);
    }
    if text.len() > bytes_max {
        return Err(InvalidText::TooLong { bytes_max });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidText::ControlCharacter);
    }
    Ok(())
}

/// Defines text types with a bound each; `hidden` ones keep their text out of `Debug` and have no
/// `Display`, because what is personal must not reach a log by accident.
macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident($bytes_max:literal $(, $hidden:ident)?);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest text of this type, in bytes.
            pub const BYTES_MAX: usize = $bytes_max;

            /// Creates one from `text`.
            ///
            /// # Errors
            /// When it is empty, longer than [`Self::BYTES_MAX`] or holds a control character.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
                let text = text.into();
                check(&text, Self::BYTES_MAX)?;
                Ok(Self(text))
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextVisitor { bytes_max: $bytes_max, text: PhantomData })
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $bytes_max })
            }
        }

        text_types!(@show $name $($hidden)?);
    )*};
    (@show $name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
    (@show $name:ident hidden) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    };
}

text_types! {
    /// Identifies an event; the same id is the same event, however often it is delivered.
    EventId(128);
    /// Identifies an order.
    OrderId(128);
    /// Identifies a user.
    UserId(128);
    /// Identifies a product.
    ProductId(128);
    /// Identifies a payment.
    PaymentId(128);
    /// Identifies a charge of a balance.
    ChargeId(128);
    /// Identifies a coupon campaign, of which many users may ask for one coupon.
    CouponId(128);
    /// Identifies a reservation.
    ReservationId(128);
    /// Identifies a concert.
    ConcertId(128);
    /// Identifies a seat within a concert.
    SeatId(128);
    /// Identifies what an activity was done to.
    TargetId(256);
    /// Names a metric.
    MetricName(256);
    /// Names a service.
    ServiceName(256);
    /// Says to whom a notification goes: a user id or an address of its channel.
    Recipient(320, hidden);
    /// Holds personal data, such as a name or an e-mail address.
    Personal(1024, hidden);
}

impl From<uuid::Uuid> for EventId {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.to_string())
    }
}

/// Reads a text type from a string or an integer.
struct TextVisitor<T> {
    bytes_max: usize,
    text: PhantomData<T>,
}

impl<T: TryFrom<String>> TextVisitor<T> {
    fn accept<E: de::Error>(&self, text: String) -> Result<T, E> {
        T::try_from(text).map_err(|_| E::invalid_value(Unexpected::Other("text"), self))
    }
}

impl<T: TryFrom<String>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an integer or a text of 1 to {} bytes without control characters",
            self.bytes_max
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.accept(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<T, E> {
        self.accept(text)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.accept(number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.accept(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_a_string_or_an_integer_and_written_as_a_string() {
        for (json, written) in [
            (r#""u-1""#, r#""u-1""#),
            ("123", r#""123""#),
            ("-7", r#""-7""#),
            ("18446744073709551615", r#""18446744073709551615""#),
        ] {
            let id: UserId = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let long = format!("\"{}\"", "x".repeat(129));
        for json in [
            "null",
            "true",
            "1.5",
            "[]",
            "{}",
            r#""""#,
            r#""a\nb""#,
            &long,
        ] {
            assert!(serde_json::from_str::<UserId>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn personal_data_does_not_show_in_debug_output() {
        let name = Personal::new("Ada Lovelace").unwrap();
        assert_eq!(format!("{name:?}"), "Personal(hidden)");
        assert_eq!(name.as_str(), "Ada Lovelace");
    }

    #[test]
    fn an_event_id_is_made_of_a_uuid() {
        let id = EventId::from(uuid::Uuid::from_u128(1));
        assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000001");
    }
}
