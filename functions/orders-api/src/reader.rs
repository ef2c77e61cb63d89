//! Reading a JSON object field by field, and noting what is wrong with each.
//!
//! It knows no rules of its own but that fields are there or not, and known or not.

use serde_json::{Map, Value};

use crate::problem::{FIELD_PROBLEMS_MAX, FieldProblem};

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    problems: Vec<FieldProblem>,
}

impl Reader {
    /// Notes a problem, and is the value that is not there because of it.
    pub(crate) fn note<T>(
        &mut self,
        pointer: &str,
        code: &'static str,
        rule: impl Into<String>,
    ) -> Option<T> {
        if self.problems.len() < FIELD_PROBLEMS_MAX {
            self.problems.push(FieldProblem {
                pointer: pointer.to_owned(),
                code: code.to_owned(),
                detail: rule.into(),
            });
        }
        None
    }

    pub(crate) fn into_problems(self) -> Vec<FieldProblem> {
        self.problems
    }
}

/// The fields of one object.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    at: &'a str,
    reader: &'a mut Reader,
}

/// Reads one value, by its pointer.
type Read<T> = fn(&Value, &str, &mut Reader) -> Option<T>;

impl<'a> Fields<'a> {
    /// Begins with an object, noting every field of it that is not known.
    pub(crate) fn of(
        value: &'a Value,
        at: &'a str,
        known: &[&str],
        reader: &'a mut Reader,
    ) -> Option<Self> {
        let Value::Object(object) = value else {
            return reader.note(at, "wrong_type", "an object");
        };
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            let rule = format!("not one of {}", known.join(", "));
            reader.note::<()>(&below(at, name), "unknown_field", rule);
        }
        Some(Self { object, at, reader })
    }

    pub(crate) fn required<T>(&mut self, name: &str, read: Read<T>) -> Option<T> {
        if self.object.contains_key(name) {
            return self.optional(name, read);
        }
        let pointer = below(self.at, name);
        self.reader.note(&pointer, "missing_field", "required")
    }

    /// Reads a field if it is there; `null` is a value of the wrong type.
    pub(crate) fn optional<T>(&mut self, name: &str, read: Read<T>) -> Option<T> {
        let value = self.object.get(name)?;
        read(value, &below(self.at, name), self.reader)
    }
}

/// The JSON Pointer of a member (RFC 6901 §3).
fn below(at: &str, name: &str) -> String {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    format!("{at}/{escaped}")
}
