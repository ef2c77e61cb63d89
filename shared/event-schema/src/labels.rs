//! A flat map of texts: the tags of a metric, the data of a notification.
//!
//! Numbers and booleans are read as their text and `null` as absent; nesting is refused. What the
//! labels mean is the business of who wrote them.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Unexpected, Visitor},
};
use serde_json::value::RawValue;

/// The most labels that one map holds.
pub const LABELS_MAX: usize = 64;

/// A sorted map of at most [`LABELS_MAX`] texts; `Debug` shows how many, not which.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Returns the label `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns all labels, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Collects labels; more than [`LABELS_MAX`] are found by [`crate::Event::validate`], not here.
impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(labels: I) -> Self {
        Self(
            labels
                .into_iter()
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
        )
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Labels({})", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a flat map of at most {LABELS_MAX} texts")
    }

    /// Refuses a bad label only after its value is read: an error raised inside would carry the
    /// label's name, which is data, in its path.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = BTreeMap::new();
        while let Some((name, raw)) = map.next_entry::<String, Option<Box<RawValue>>>()? {
            let Some(raw) = raw else { continue };
            let text = text(raw.get());
            let room = labels.len() < LABELS_MAX;
            let Some(text) = text.filter(|_| room) else {
                return Err(de::Error::invalid_value(Unexpected::Map, &self));
            };
            labels.insert(name, text);
        }
        Ok(Labels(labels))
    }
}

/// Returns a scalar as text, a number as it was written.
fn text(json: &str) -> Option<String> {
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    (!json.starts_with(['{', '['])).then(|| json.to_owned())
}

impl JsonSchema for Labels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": "string" },
            "maxProperties": LABELS_MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_text_and_null_as_absent() {
        let labels: Labels =
            serde_json::from_str(r#"{"host":"a","cpu":1.50,"ok":true,"none":null}"#).unwrap();
        let written = serde_json::to_string(&labels).unwrap();
        assert_eq!(written, r#"{"cpu":"1.50","host":"a","ok":"true"}"#);
    }

    #[test]
    fn nesting_and_too_many_are_refused() {
        let many: BTreeMap<String, u8> = (0..=LABELS_MAX).map(|n| (n.to_string(), 0)).collect();
        let many = serde_json::to_string(&many).unwrap();
        for json in [r#"{"a":{}}"#, r#"{"a":[1]}"#, "[]", "1", &many] {
            assert!(serde_json::from_str::<Labels>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn debug_output_holds_no_label() {
        let labels: Labels = [("email", "a@example.com")].into_iter().collect();
        assert_eq!(format!("{labels:?}"), "Labels(1)");
    }
}
