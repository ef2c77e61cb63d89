//! Reads the batch response of a function that reports batch item failures, strict on form (esm-spec §2.3, §9.7).
//!
//! It says which records are listed. What is then delivered again is the scheduler's business.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

/// A record of the batch: partition and offset.
pub(crate) type Position = (i32, i64);

/// Why a body is no batch response; the whole batch then counts as failed.
#[derive(Debug, Error)]
pub(crate) enum ResponseError {
    #[error("the response is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error(
        "the response is not {{\"batchItemFailures\":[{{\"itemIdentifier\":{{\"partition\":\"<topic>-<partition>\",\"offset\":<number>}}}}]}}"
    )]
    NotTheForm(#[source] serde_json::Error),
    #[error("the response has no batchItemFailures")]
    NoList,
    #[error(
        "the response names the partition with the key topic-partition of an older AWS document: the key is partition"
    )]
    OldKey,
    #[error("the response lists {partition} offset {offset}, which was not in the event")]
    NotInTheEvent { partition: String, offset: i64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: ItemIdentifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemIdentifier {
    partition: String,
    offset: i64,
}

/// Returns the listed records; an empty set means success.
///
/// `partition_of` resolves a record of the event: the text `<topic>-<partition>` and an offset.
/// Members beside `batchItemFailures` are ignored, unknown members inside an entry are not.
///
/// # Errors
/// Everything but the documented form, and any record that was not in the event.
pub(crate) fn listed(
    body: &[u8],
    partition_of: impl Fn(&str, i64) -> Option<i32>,
) -> Result<BTreeSet<Position>, ResponseError> {
    if body.trim_ascii().is_empty() {
        return Ok(BTreeSet::new());
    }
    let body: serde_json::Value = serde_json::from_slice(body).map_err(ResponseError::NotJson)?;
    let Some(entries) = entries(body)? else {
        return Ok(BTreeSet::new());
    };
    entries
        .into_iter()
        .map(|entry| {
            let failure = item_failure(entry)?.item_identifier;
            let ItemIdentifier { partition, offset } = failure;
            match partition_of(&partition, offset) {
                Some(number) => Ok((number, offset)),
                None => Err(ResponseError::NotInTheEvent { partition, offset }),
            }
        })
        .collect()
}

/// Returns the list, or `None` where its absence means success.
fn entries(body: serde_json::Value) -> Result<Option<Vec<serde_json::Value>>, ResponseError> {
    if body.is_null() {
        return Ok(None);
    }
    let mut members: serde_json::Map<_, _> =
        serde_json::from_value(body).map_err(ResponseError::NotTheForm)?;
    if members.is_empty() {
        return Ok(None);
    }
    let list = members
        .remove("batchItemFailures")
        .ok_or(ResponseError::NoList)?;
    serde_json::from_value(list).map_err(ResponseError::NotTheForm)
}

fn item_failure(entry: serde_json::Value) -> Result<ItemFailure, ResponseError> {
    let old_key = entry.pointer("/itemIdentifier/topic-partition").is_some();
    serde_json::from_value(entry).map_err(|error| {
        if old_key {
            ResponseError::OldKey
        } else {
            ResponseError::NotTheForm(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Position>, ResponseError> {
        let in_event = |partition: &str, offset: i64| {
            (partition == "orders.v1-3" && (12..=13).contains(&offset)).then_some(3)
        };
        listed(body.as_bytes(), in_event).map(|listed| listed.into_iter().collect())
    }

    fn entry(identifier: &str) -> String {
        format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{identifier}}}]}}"#)
    }

    #[test]
    fn null_empty_and_an_empty_list_are_success() {
        let bodies = [
            "",
            " \n",
            "null",
            "{}",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
        ];
        for body in bodies {
            assert_eq!(read(body).unwrap(), [], "{body}");
        }
    }

    #[test]
    fn the_documented_form_lists_its_records() {
        assert_eq!(
            read(&entry(r#"{"partition":"orders.v1-3","offset":12}"#)).unwrap(),
            [(3, 12)]
        );
    }

    #[test]
    fn a_record_that_was_not_in_the_event_fails_the_batch() {
        for identifier in [
            r#"{"partition":"orders.v1-3","offset":14}"#,
            r#"{"partition":"orders.v1-4","offset":12}"#,
        ] {
            let error = read(&entry(identifier)).unwrap_err();
            assert!(
                matches!(error, ResponseError::NotInTheEvent { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn the_key_of_the_older_document_is_refused_by_name() {
        let error = read(&entry(r#"{"topic-partition":"orders.v1-3","offset":12}"#)).unwrap_err();
        assert!(matches!(error, ResponseError::OldKey), "{error}");
    }

    #[test]
    fn any_other_form_fails_the_batch() {
        let bodies = [
            "\"ok\"".to_owned(),
            "[]".to_owned(),
            r#"{"statusCode":200}"#.to_owned(),
            r#"{"batch_item_failures":[]}"#.to_owned(),
            r#"{"batchItemFailures":{}}"#.to_owned(),
            r#"{"batchItemFailures":[{}]}"#.to_owned(),
            entry("\"orders.v1-3-12\""),
            entry(r#"{"partition":"orders.v1-3","offset":"12"}"#),
            entry(r#"{"partition":"orders.v1-3"}"#),
            entry(r#"{"partition":"orders.v1-3","offset":12,"extra":1}"#),
            "{".to_owned(),
        ];
        for body in bodies {
            assert!(read(&body).is_err(), "{body}");
        }
    }
}
