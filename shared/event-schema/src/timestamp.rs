//! An instant, in whole milliseconds, as events carry it.
//!
//! Read from RFC 3339 (any offset; finer than a millisecond is cut off) or from whole milliseconds
//! since 1970; written as RFC 3339 with milliseconds and `Z`. A local time without an offset is
//! refused rather than guessed. There is no clock here.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Unexpected, Visitor},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Milliseconds since 1970-01-01T00:00:00Z, within the years that RFC 3339 can write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text or number that is no [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a timestamp is RFC 3339 with an offset, or whole milliseconds since 1970")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0000-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Creates one from milliseconds since 1970; beyond [`Self::MIN`] and [`Self::MAX`] it is the
    /// nearer of the two.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    fn exactly(ms: i64) -> Result<Self, InvalidTimestamp> {
        let timestamp = Self::from_ms(ms);
        if timestamp.0 == ms {
            Ok(timestamp)
        } else {
            Err(InvalidTimestamp)
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339, or the digits of whole milliseconds since 1970 (headers carry text only).
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        if let Ok(ms) = text.parse() {
            return Self::exactly(ms);
        }
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let ms = instant.unix_timestamp_nanos().div_euclid(1_000_000);
        Self::exactly(i64::try_from(ms).map_err(|_| InvalidTimestamp)?)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000);
        // The type's range is that of the years 0 to 9999, so this conversion does not fail.
        let Ok(instant) = OffsetDateTime::from_unix_timestamp(seconds) else {
            return Err(fmt::Error);
        };
        let ((year, month, day), (hour, minute, second)) =
            (instant.to_calendar_date(), instant.to_hms());
        let (month, ms) = (u8::from(month), self.0.rem_euclid(1_000));
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl TimestampVisitor {
    fn accept<E: de::Error>(
        &self,
        read: Result<Timestamp, InvalidTimestamp>,
    ) -> Result<Timestamp, E> {
        read.map_err(|_| E::invalid_value(Unexpected::Other("timestamp"), self))
    }
}

impl Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RFC 3339 with an offset or whole milliseconds since 1970")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        self.accept(text.parse())
    }

    fn visit_i64<E: de::Error>(self, ms: i64) -> Result<Timestamp, E> {
        self.accept(Timestamp::exactly(ms))
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Timestamp, E> {
        let ms = i64::try_from(ms).map_err(|_| InvalidTimestamp);
        self.accept(ms.and_then(Timestamp::exactly))
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_as_utc_with_milliseconds() {
        for (json, written) in [
            (r#""2025-01-15T10:30:00Z""#, "2025-01-15T10:30:00.000Z"),
            (
                r#""2025-01-15T19:30:00.1239999+09:00""#,
                "2025-01-15T10:30:00.123Z",
            ),
            (r#""1969-12-31T23:59:59.9995Z""#, "1969-12-31T23:59:59.999Z"),
            ("1736937000123", "2025-01-15T10:30:00.123Z"),
            (r#""1736937000123""#, "2025-01-15T10:30:00.123Z"),
            ("-1", "1969-12-31T23:59:59.999Z"),
        ] {
            let timestamp: Timestamp = serde_json::from_str(json).unwrap();
            assert_eq!(timestamp.to_string(), written, "{json}");
        }
    }

    #[test]
    fn what_names_no_instant_is_refused() {
        for json in [
            r#""""#,
            r#""yesterday""#,
            r#""2025-01-15T10:30:00""#,
            r#""2025-02-30T00:00:00Z""#,
            "1736937000.5",
            "true",
            "[2025,1,15]",
            "18446744073709551615",
            "253402300800000",
        ] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_first_and_last_instants_are_written_and_read_back() {
        for timestamp in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_ms(0)] {
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
        assert_eq!(Timestamp::from_ms(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::from_ms(i64::MAX), Timestamp::MAX);
    }
}
