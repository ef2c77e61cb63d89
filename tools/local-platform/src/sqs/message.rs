//! One message: what a sender may put into it, and which of it a receiver asked for.
//!
//! It knows nothing of queues, visibility or time.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::errors::Refusal;
use super::wire::WireAttribute;

/// The attributes one message may have.
const ATTRIBUTES_MAX: usize = 10;

/// The characters of an attribute's name and of its type.
const ATTRIBUTE_NAME_CHARACTERS_MAX: usize = 256;

/// The one system attribute a sender may set.
const TRACE_HEADER: &str = "AWSTraceHeader";

/// A message attribute with its type, such as `String` or `Number.int`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) data_type: String,
    pub(super) value: AttributeValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

/// What a sender sends, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) system_attributes: BTreeMap<String, Attribute>,
}

impl Content {
    /// Checks a message as `SendMessage` does, its size excepted.
    pub(super) fn new(
        body: String,
        attributes: BTreeMap<String, WireAttribute>,
        system_attributes: BTreeMap<String, WireAttribute>,
    ) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Err(Refusal::MissingParameter {
                parameter: "MessageBody",
            });
        }
        if !body.chars().all(is_allowed) {
            return Err(Refusal::InvalidMessageContents);
        }
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(invalid(
                "MessageAttributes",
                &attributes.len().to_string(),
                "At most 10 are allowed",
            ));
        }
        if let Some(name) = system_attributes.keys().find(|name| *name != TRACE_HEADER) {
            return Err(invalid(
                "MessageSystemAttributes",
                name,
                "It is not a known attribute",
            ));
        }
        let attributes = checked_all(attributes)?;
        let system_attributes = checked_all(system_attributes)?;
        Ok(Self {
            body,
            attributes,
            system_attributes,
        })
    }

    /// Returns the size that counts: the body and the names, types and values of attributes.
    pub(super) fn bytes(&self) -> usize {
        let attribute_bytes = |(name, attribute): (&String, &Attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Binary(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value
        };
        self.body.len() + self.attributes.iter().map(attribute_bytes).sum::<usize>()
    }

    /// Returns the trace header, if the sender gave one.
    pub(super) fn trace_header(&self) -> Option<&str> {
        match self
            .system_attributes
            .get(TRACE_HEADER)
            .map(|attribute| &attribute.value)
        {
            Some(AttributeValue::Text(text)) => Some(text),
            Some(AttributeValue::Binary(_)) | None => None,
        }
    }

    /// Returns the attributes a receiver asked for: by name, by `prefix.*`, or by `All` or `.*`.
    pub(super) fn selected(&self, wanted: &[String]) -> BTreeMap<String, Attribute> {
        self.attributes
            .iter()
            .filter(|(name, _)| wanted.iter().any(|pattern| is_wanted(name, pattern)))
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect()
    }
}

fn is_wanted(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == "All" || pattern == name,
    }
}

fn checked_all(
    attributes: BTreeMap<String, WireAttribute>,
) -> Result<BTreeMap<String, Attribute>, Refusal> {
    attributes
        .into_iter()
        .map(|(name, attribute)| {
            let attribute = checked(&name, attribute)?;
            Ok((name, attribute))
        })
        .collect()
}

fn checked(name: &str, given: WireAttribute) -> Result<Attribute, Refusal> {
    if !is_attribute_name(name) {
        return Err(invalid(
            "MessageAttributeName",
            name,
            "It is not a valid attribute name",
        ));
    }
    let data_type = given.data_type.unwrap_or_default();
    let base = data_type.split('.').next().unwrap_or_default();
    let value = match (base, given.string_value, given.binary_value) {
        ("String" | "Number", Some(text), _) if !text.is_empty() => {
            if !text.chars().all(is_allowed) {
                return Err(Refusal::InvalidMessageContents);
            }
            if base == "Number" && text.parse::<f64>().is_err() {
                return Err(invalid(name, &text, "It is not a number"));
            }
            AttributeValue::Text(text)
        }
        ("Binary", _, Some(encoded)) if !encoded.is_empty() => match STANDARD.decode(encoded) {
            Ok(bytes) => AttributeValue::Binary(bytes),
            Err(error) => {
                return Err(Refusal::Serialization {
                    problem: error.to_string(),
                });
            }
        },
        ("String" | "Number" | "Binary", _, _) => {
            return Err(invalid(
                name,
                &data_type,
                "It must have a non-empty value of its type",
            ));
        }
        _ => {
            return Err(invalid(
                name,
                &data_type,
                "The type must be String, Number or Binary",
            ));
        }
    };
    Ok(Attribute { data_type, value })
}

/// Letters, digits, `_`, `-` and single inner dots, not beginning with a prefix reserved for AWS.
fn is_attribute_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let reserved = ["aws.", "amazon."]
        .iter()
        .any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    (1..=ATTRIBUTE_NAME_CHARACTERS_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && name.split('.').all(|part| !part.is_empty())
        && !reserved
}

/// The characters a message may have; Rust's `char` leaves out surrogates already.
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        other => other >= ' ' && !matches!(other, '\u{FFFE}' | '\u{FFFF}'),
    }
}

fn invalid(parameter: &str, value: &str, reason: &str) -> Refusal {
    Refusal::InvalidParameter {
        parameter: parameter.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> WireAttribute {
        WireAttribute {
            data_type: Some("String".to_owned()),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    fn content(names: &[&str]) -> Result<Content, Refusal> {
        let attributes = names
            .iter()
            .map(|name| ((*name).to_owned(), text("v")))
            .collect();
        Content::new("body".to_owned(), attributes, BTreeMap::new())
    }

    #[test]
    fn attributes_are_selected_by_name_by_prefix_and_all_together() {
        let content = content(&["trace.id", "trace.state", "code"]).unwrap();
        let count = |wanted: &str| content.selected(&[wanted.to_owned()]).len();
        assert_eq!(
            (count("code"), count("trace.*"), count("All"), count(".*")),
            (1, 2, 3, 3)
        );
        assert_eq!(content.selected(&[]).len(), 0);
    }

    #[test]
    fn the_size_is_the_body_and_the_names_types_and_values_of_attributes() {
        assert_eq!(content(&["ab"]).unwrap().bytes(), 4 + 2 + 6 + 1);
    }

    #[test]
    fn characters_outside_xml_are_refused() {
        let refused = Content::new("a\u{0}".to_owned(), BTreeMap::new(), BTreeMap::new());
        assert_eq!(refused, Err(Refusal::InvalidMessageContents));
        assert!(Content::new("ä\u{1F600}\n".into(), BTreeMap::new(), BTreeMap::new()).is_ok());
    }

    #[test]
    fn names_reserved_or_badly_formed_are_refused() {
        for name in ["AWS.x", "amazon.y", ".a", "a..b", "a b"] {
            assert!(content(&[name]).is_err(), "{name}");
        }
    }
}
