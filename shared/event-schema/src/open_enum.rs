//! `open_enum!`: a set of names that may grow without breaking its readers.
//!
//! A name that this version does not know is kept as `Other`, so that a newer minor version is read
//! and the function that meets the name decides. Names are compared in lower case with `_` for `-`
//! and blanks, which is how `UPPER_SNAKE` producers are understood.

use crate::text::{self, InvalidText};

/// The longest name of an open set, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Brings a name into the form in which names are compared and written.
pub(crate) fn normalised(name: &str) -> Result<String, InvalidText> {
    text::check(name, NAME_BYTES_MAX)?;
    Ok(name.to_ascii_lowercase().replace(['-', ' '], "_"))
}

/// Defines an enum of known names and `Other`.
macro_rules! open_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A name that this version does not know, in lower case.
            Other(String),
        }

        impl $name {
            /// Returns the name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::InvalidText;

            /// Reads a name, known or not; refuses an empty, long or unprintable one.
            fn from_str(name: &str) -> Result<Self, $crate::InvalidText> {
                let name = $crate::open_enum::normalised(name)?;
                Ok(match name.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(name),
                })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <::std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                name.parse().map_err(|_| {
                    let unexpected = ::serde::de::Unexpected::Other("text");
                    ::serde::de::Error::invalid_value(unexpected, &"a name of 1 to 64 bytes")
                })
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({
                    "anyOf": [
                        { "type": "string", "enum": [$($text),+] },
                        {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": $crate::open_enum::NAME_BYTES_MAX,
                        },
                    ],
                })
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::events::OrderStatus;

    #[test]
    fn a_known_name_is_read_in_any_spelling_and_written_in_one() {
        for json in [
            r#""payment_failed""#,
            r#""PAYMENT_FAILED""#,
            r#""payment-failed""#,
        ] {
            let status: OrderStatus = serde_json::from_str(json).unwrap();
            assert_eq!(status, OrderStatus::PaymentFailed);
            assert_eq!(
                serde_json::to_string(&status).unwrap(),
                r#""payment_failed""#
            );
        }
    }

    #[test]
    fn an_unknown_name_is_kept() {
        let status: OrderStatus = serde_json::from_str(r#""ON_HOLD""#).unwrap();
        assert_eq!(status, OrderStatus::Other("on_hold".to_owned()));
    }

    #[test]
    fn a_name_is_a_short_printable_text() {
        let long = format!("\"{}\"", "x".repeat(65));
        for json in ["1", r#""""#, r#""a\u0000""#, &long] {
            assert!(serde_json::from_str::<OrderStatus>(json).is_err(), "{json}");
        }
    }
}
