//! Writes the on-failure document: what was given up, and why (esm-spec §3.1, §3.3).
//!
//! A document for a batch names offsets and holds no record; whoever reads it must read the topic.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::event::{EventWriter, WrittenRecord};
use crate::ports::{InvokeAnswer, InvokeError};
use crate::rules::Rules;
use crate::switches::DocumentForm;

/// Why records are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    RetriesExhausted,
    RecordTooOld,
    PayloadTooLarge,
}

/// The last answer of the function, as far as the document tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseContext {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<String>,
}

impl ResponseContext {
    /// Returns `None` where nothing answered.
    pub(crate) fn of(result: &Result<InvokeAnswer, InvokeError>) -> Option<Self> {
        let refused = |status_code| Self {
            status_code,
            executed_version: None,
            function_error: None,
        };
        match result {
            Ok(answer) => Some(Self {
                status_code: 200,
                executed_version: Some(
                    answer
                        .executed_version
                        .clone()
                        .unwrap_or_else(|| "$LATEST".to_owned()),
                ),
                function_error: answer.function_error.clone(),
            }),
            // Lambda answers a function's timeout with status 200 and an unhandled error.
            Err(InvokeError::TimedOut) => Self::of(&Ok(InvokeAnswer::failed())),
            Err(InvokeError::Throttled) => Some(refused(429)),
            Err(InvokeError::Status { status, .. }) => Some(refused(*status)),
            Err(InvokeError::Unreachable(_)) => None,
        }
    }
}

/// Records given up together.
#[derive(Debug, Clone)]
pub(crate) struct Discarded {
    pub(crate) records: Vec<WrittenRecord>,
    pub(crate) condition: Condition,
    pub(crate) response: Option<ResponseContext>,
    /// Invocations these records took part in.
    pub(crate) invocations: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    request_context: RequestContext<'a>,
    response_context: Option<&'a ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KafkaBatchInfo")]
    kafka_batch_info: BatchInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: String,
    function_arn: String,
    condition: &'a str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    batch_size: usize,
    event_source_arn: &'a str,
    bootstrap_servers: &'a str,
    payload_size: usize,
    #[serde(flatten)]
    records: RecordsInfo,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum RecordsInfo {
    RecordsInfo(BTreeMap<String, RangeInfo>),
    RecordInfo { offset: String, timestamp: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RangeInfo {
    first_record_offset: String,
    last_record_offset: String,
    first_record_timestamp: String,
    last_record_timestamp: String,
}

/// Writes the documents of discarded records, each with the positions it speaks for.
///
/// # Errors
/// Only if JSON cannot be written, which no content of a record can bring about.
pub(crate) fn documents(
    rules: &Rules,
    writer: &EventWriter,
    discarded: &Discarded,
    now_ms: i64,
) -> Result<Vec<(String, Vec<WrittenRecord>)>, serde_json::Error> {
    let groups: Vec<&[WrittenRecord]> = match rules.switches.discard_document {
        DocumentForm::PerBatch => vec![&discarded.records],
        DocumentForm::PerRecord => discarded.records.chunks(1).collect(),
    };
    groups
        .into_iter()
        .map(|records| {
            let document = document(rules, writer, discarded, records, now_ms)?;
            Ok((serde_json::to_string(&document)?, records.to_vec()))
        })
        .collect()
}

fn document<'a>(
    rules: &'a Rules,
    writer: &EventWriter,
    discarded: &'a Discarded,
    records: &[WrittenRecord],
    now_ms: i64,
) -> Result<Document<'a>, serde_json::Error> {
    let per_record = rules.switches.discard_document == DocumentForm::PerRecord;
    let (info, payload) = match (records, per_record) {
        ([record], true) => (
            RecordsInfo::RecordInfo {
                offset: record.offset.to_string(),
                timestamp: iso_8601(record.timestamp.milliseconds()),
            },
            Some(RawValue::from_string(writer.event(records))?),
        ),
        _ => (RecordsInfo::RecordsInfo(ranges(writer, records)), None),
    };
    Ok(Document {
        request_context: RequestContext {
            request_id: request_id(rules, records, now_ms),
            function_arn: rules.function_arn(),
            condition: condition(rules, discarded.condition),
            approximate_invoke_count: discarded.invocations,
        },
        response_context: discarded.response.as_ref(),
        version: "1.0",
        timestamp: iso_8601(now_ms),
        kafka_batch_info: BatchInfo {
            batch_size: records.len(),
            event_source_arn: &rules.event_source_arn,
            bootstrap_servers: &rules.bootstrap_servers,
            payload_size: writer.size(records),
            records: info,
        },
        payload,
    })
}

fn condition(rules: &Rules, condition: Condition) -> &str {
    match condition {
        Condition::RetriesExhausted => &rules.switches.retries_condition,
        Condition::RecordTooOld => &rules.switches.age_condition,
        Condition::PayloadTooLarge => "MaximumPayloadSizeExceeded",
    }
}

fn ranges(writer: &EventWriter, records: &[WrittenRecord]) -> BTreeMap<String, RangeInfo> {
    records
        .chunk_by(|a, b| a.partition == b.partition)
        .filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            let range = RangeInfo {
                first_record_offset: first.offset.to_string(),
                last_record_offset: last.offset.to_string(),
                first_record_timestamp: iso_8601(first.timestamp.milliseconds()),
                last_record_timestamp: iso_8601(last.timestamp.milliseconds()),
            };
            Some((writer.key(first.partition), range))
        })
        .collect()
}

/// Made from what the document is about, so that a run can be repeated byte for byte.
fn request_id(rules: &Rules, records: &[WrittenRecord], now_ms: i64) -> String {
    let first = records
        .first()
        .map(|record| (record.partition, record.offset));
    let name = format!("{first:?} {} {now_ms}", records.len());
    uuid::Uuid::new_v5(&rules.mapping_uuid, name.as_bytes()).to_string()
}

/// Writes Unix milliseconds as ISO 8601; a number beyond the calendar becomes its beginning.
fn iso_8601(milliseconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::{Record, Timestamp};
    use crate::rules::tests::{CLUSTER, config, rules_with};
    use crate::switches::Switches;

    fn written(
        form: DocumentForm,
        condition: Condition,
        response: Option<ResponseContext>,
    ) -> Vec<Value> {
        let switches = Switches {
            discard_document: form,
            ..Switches::default()
        };
        let rules = rules_with(&config(), switches);
        let writer = EventWriter::new(&rules);
        let records = [(3, 12, 1), (3, 13, 90)].map(|(partition, offset, ms)| {
            let timestamp = Timestamp::CreateTime(1_790_000_100_000 + ms);
            let value = Some(b"{}".to_vec());
            let record = Record {
                partition,
                offset,
                timestamp,
                key: None,
                value,
                headers: Vec::new(),
            };
            writer.record(&record, 0)
        });
        let discarded = Discarded {
            records: records.into(),
            condition,
            response,
            invocations: 4,
        };
        documents(&rules, &writer, &discarded, 1_790_000_130_123)
            .unwrap()
            .into_iter()
            .map(|(document, _)| serde_json::from_str(&document).unwrap())
            .collect()
    }

    #[test]
    fn a_document_for_a_batch_has_the_documented_shape() {
        let response = ResponseContext::of(&Ok(InvokeAnswer::failed()));
        let documents = written(
            DocumentForm::PerBatch,
            Condition::RetriesExhausted,
            response,
        );
        let request_id = &documents[0]["requestContext"]["requestId"];
        assert_eq!(
            documents,
            [json!({
                "requestContext": {
                    "requestId": request_id,
                    "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:order-created",
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": 4,
                },
                "responseContext": {
                    "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
                },
                "version": "1.0",
                "timestamp": "2026-09-21T14:15:30.123Z",
                "KafkaBatchInfo": {
                    "batchSize": 2,
                    "eventSourceArn": CLUSTER,
                    "bootstrapServers": "127.0.0.1:9092",
                    "payloadSize": documents[0]["KafkaBatchInfo"]["payloadSize"],
                    "recordsInfo": {"orders.v1-3": {
                        "firstRecordOffset": "12", "lastRecordOffset": "13",
                        "firstRecordTimestamp": "2026-09-21T14:15:00.001Z",
                        "lastRecordTimestamp": "2026-09-21T14:15:00.090Z",
                    }},
                },
            })]
        );
    }

    #[test]
    fn a_document_for_a_record_carries_the_record() {
        let documents = written(DocumentForm::PerRecord, Condition::RecordTooOld, None);
        assert_eq!(documents.len(), 2);
        let info = &documents[1]["KafkaBatchInfo"];
        assert_eq!(info["batchSize"], 1);
        assert_eq!(
            info["recordInfo"],
            json!({"offset": "13", "timestamp": "2026-09-21T14:15:00.090Z"})
        );
        assert_eq!(
            documents[1]["payload"]["records"]["orders.v1-3"][0]["offset"],
            13
        );
        assert_eq!(
            documents[1]["requestContext"]["condition"],
            "RecordAgeExceeded"
        );
    }

    #[test]
    fn an_oversized_record_has_no_response_context() {
        let documents = written(DocumentForm::PerBatch, Condition::PayloadTooLarge, None);
        assert_eq!(
            documents[0]["requestContext"]["condition"],
            "MaximumPayloadSizeExceeded"
        );
        assert_eq!(documents[0]["responseContext"], Value::Null);
    }

    #[test]
    fn a_timestamp_beyond_the_calendar_is_still_written() {
        assert_eq!(iso_8601(i64::MAX), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_8601(-1), "1969-12-31T23:59:59.999Z");
    }
}
