//! Turns JSON errors, whose texts quote what they met, into errors that hold no value.
//!
//! Serde errors are texts, so theirs is taken apart here: only beginnings that serde fixes are
//! recognised, and of those only the parts that come from our types (field names, expectations)
//! are kept. A text of any other form is dropped whole.

use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::ReadError;

/// What serde puts between what it met and what it wanted; what it met comes first and may hold
/// anything, so the last one counts.
const EXPECTED: &str = ", expected ";

/// The beginnings of texts that end in an expectation.
const MISMATCHES: [&str; 4] = [
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "unknown variant `",
];

/// Describes an error that is not within a field.
pub(super) fn in_object(error: &serde_json::Error) -> ReadError {
    describe("", error)
}

/// Describes an error within the field that `path` names.
///
/// The path holds names of our types alone (in the producer's spelling) and positions: unknown
/// fields are skipped without looking, and [`crate::Labels`] reports as a whole.
pub(super) fn in_field(path: &Path, error: &serde_json::Error) -> ReadError {
    let mut text = String::new();
    for segment in path {
        text = match segment {
            Segment::Seq { index } => format!("{text}[{index}]"),
            Segment::Map { key } => join(&text, key),
            Segment::Enum { .. } | Segment::Unknown => join(&text, "?"),
        };
    }
    describe(&text, error)
}

fn describe(path: &str, error: &serde_json::Error) -> ReadError {
    match error.classify() {
        Category::Data => {}
        Category::Syntax | Category::Eof | Category::Io => {
            return ReadError::InvalidJson {
                line: error.line(),
                column: error.column(),
            };
        }
    }
    let text = error.to_string();
    if let Some(name) = quoted(&text, "missing field `") {
        return ReadError::MissingField {
            path: join(path, name),
        };
    }
    if let Some(name) = quoted(&text, "duplicate field `") {
        return ReadError::DuplicateField {
            path: join(path, name),
        };
    }
    let expected = expectation(&text)
        .unwrap_or("what its type says")
        .to_owned();
    ReadError::InvalidField {
        path: path.to_owned(),
        expected,
    }
}

fn quoted<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    Some(text.strip_prefix(beginning)?.split_once('`')?.0)
}

fn expectation(text: &str) -> Option<&str> {
    if !MISMATCHES
        .iter()
        .any(|beginning| text.starts_with(beginning))
    {
        return None;
    }
    let (_, expected) = text.rsplit_once(EXPECTED)?;
    Some(
        expected
            .rsplit_once(" at line ")
            .map_or(expected, |(expected, _)| expected),
    )
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
