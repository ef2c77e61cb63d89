//! Reads the batch response of a function that reports batch item failures: where the batch has to begin again.
//!
//! Follows "Configuring partial batch response with `DynamoDB` and Lambda" of the AWS Lambda guide, strict on form:
//! what is no batch response fails the whole batch.

use serde_json::Value;

/// Why a body is no batch response.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("the response is not JSON")]
    Json(#[source] serde_json::Error),
    #[error(
        "the response is not {{\"batchItemFailures\":[{{\"itemIdentifier\":\"<sequence number>\"}}]}}"
    )]
    Form,
    #[error("the response lists sequence number {0:?}, which was not in the event")]
    Unknown(String),
}

/// Returns how many records, from the first on, are done: those before the lowest that is listed.
///
/// `position` is the place of a sequence number in the event.
///
/// # Errors
/// Everything but the documented form, and any sequence number that was not in the event.
pub(super) fn done(
    body: &[u8],
    records: usize,
    position: impl Fn(&str) -> Option<usize>,
) -> Result<usize, ResponseError> {
    if body.trim_ascii().is_empty() {
        return Ok(records);
    }
    let body: Value = serde_json::from_slice(body).map_err(ResponseError::Json)?;
    let members = match &body {
        Value::Null => return Ok(records),
        Value::Object(members) if members.is_empty() => return Ok(records),
        Value::Object(members) => members,
        _ => return Err(ResponseError::Form),
    };
    let listed = match members.get("batchItemFailures") {
        Some(Value::Null) => return Ok(records),
        Some(Value::Array(listed)) => listed,
        _ => return Err(ResponseError::Form),
    };
    let mut done = records;
    for failure in listed {
        let sequence_number = failure.get("itemIdentifier").and_then(Value::as_str);
        let sequence_number = sequence_number.ok_or(ResponseError::Form)?;
        let unknown = || ResponseError::Unknown(sequence_number.to_owned());
        done = done.min(position(sequence_number).ok_or_else(unknown)?);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<usize, ResponseError> {
        let all = ["7", "8", "10"];
        let position = |wanted: &str| all.iter().position(|one| *one == wanted);
        done(body.as_bytes(), all.len(), position)
    }

    #[test]
    fn null_empty_and_an_empty_list_are_success() {
        for body in [
            "",
            "null",
            "{}",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
        ] {
            assert!(matches!(read(body), Ok(3)), "{body}");
        }
    }

    #[test]
    fn the_lowest_of_the_listed_records_is_where_it_goes_on() {
        let body =
            r#"{"batchItemFailures":[{"itemIdentifier":"10"},{"itemIdentifier":"8"}],"more":1}"#;
        assert!(matches!(read(body), Ok(1)));
    }

    #[test]
    fn a_sequence_number_of_another_batch_fails_the_batch_even_beside_known_ones() {
        let body = r#"{"batchItemFailures":[{"itemIdentifier":"8"},{"itemIdentifier":"9"}]}"#;
        assert!(matches!(read(body), Err(ResponseError::Unknown(_))));
    }

    #[test]
    fn any_other_form_fails_the_batch() {
        for body in [
            "\"ok\"",
            "[]",
            r#"{"statusCode":200}"#,
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":["8"]}"#,
            r#"{"batchItemFailures":[{}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":8}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"sequenceNumber":"8"}]}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        assert!(matches!(read("{"), Err(ResponseError::Json(_))));
    }
}
