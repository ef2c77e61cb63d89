//! What the function gets: the event that Lambda builds of stream records.
//!
//! The form is that of "Using AWS Lambda with Amazon `DynamoDB`" in the AWS Lambda guide, which is the record of
//! `GetRecords` in JSON with the stream's ARN. It leaves out nothing and adds nothing else.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::primitives::Blob;
use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The bytes of `{"Records":[]}`, and of the comma after a record.
pub(super) const FRAME_BYTES: usize = 14;
pub(super) const COMMA_BYTES: usize = 1;

/// A record of the stream as the function gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sequence_number: String,
    /// The record's JSON.
    pub(super) json: String,
}

/// Whether a record passes the filter `{"eventName":["INSERT"]}`.
pub(super) fn is_insert(record: &Record) -> bool {
    record.event_name == Some(OperationType::Insert)
}

/// Returns the sequence number of a record; every record has one.
pub(super) fn sequence_number(record: &Record) -> Option<&str> {
    record.dynamodb.as_ref()?.sequence_number()
}

/// Writes one record; none if it has no sequence number.
pub(super) fn row(record: &Record, stream_arn: &str) -> Option<Row> {
    let sequence_number = sequence_number(record)?.to_owned();
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("eventID", record.event_id().map(Value::from));
    let name = record.event_name.as_ref().map(OperationType::as_str);
    put("eventName", name.map(Value::from));
    put("eventVersion", record.event_version().map(Value::from));
    put("eventSource", record.event_source().map(Value::from));
    put("awsRegion", record.aws_region().map(Value::from));
    put("dynamodb", record.dynamodb.as_ref().map(change));
    let identity = record.user_identity.as_ref();
    let identity = identity.map(|it| json!({"type": it.r#type, "principalId": it.principal_id}));
    put("userIdentity", identity);
    put("eventSourceARN", Some(stream_arn.into()));
    let json = Value::Object(members).to_string();
    Some(Row {
        sequence_number,
        json,
    })
}

/// Writes the event of several records.
pub(super) fn event<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let rows: Vec<&str> = rows.map(|row| row.json.as_str()).collect();
    format!("{{\"Records\":[{}]}}", rows.join(","))
}

fn change(record: &aws_sdk_dynamodbstreams::types::StreamRecord) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let created = record.approximate_creation_date_time.as_ref();
    let created = created.map(|at| Value::from(at.as_secs_f64()));
    put("ApproximateCreationDateTime", created);
    put("Keys", record.keys.as_ref().map(image));
    put("NewImage", record.new_image.as_ref().map(image));
    put("OldImage", record.old_image.as_ref().map(image));
    put("SequenceNumber", record.sequence_number().map(Value::from));
    put("SizeBytes", record.size_bytes.map(Value::from));
    let view_type = record.stream_view_type.as_ref();
    put("StreamViewType", view_type.map(|it| it.as_str().into()));
    Value::Object(members)
}

fn image(attributes: &HashMap<String, AttributeValue>) -> Value {
    let members = attributes
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)));
    Value::Object(members.collect())
}

fn attribute(value: &AttributeValue) -> Value {
    let base64 = |bytes: &Blob| STANDARD.encode(bytes);
    match value {
        AttributeValue::B(bytes) => json!({ "B": base64(bytes) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Bs(all) => json!({ "BS": all.iter().map(base64).collect::<Vec<_>>() }),
        AttributeValue::L(all) => json!({ "L": all.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(members) => json!({ "M": image(members) }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Ns(all) => json!({ "NS": all }),
        AttributeValue::Null(value) => json!({ "NULL": value }),
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::Ss(all) => json!({ "SS": all }),
        // A type that the client does not know has no JSON either.
        _ => Value::Null,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use aws_sdk_dynamodbstreams::primitives::DateTime;
    use aws_sdk_dynamodbstreams::types::{StreamRecord, StreamViewType};

    use super::*;

    fn record() -> Record {
        let list = vec![AttributeValue::Null(true), AttributeValue::Bool(false)];
        let change = StreamRecord::builder()
            .approximate_creation_date_time(DateTime::from_secs(1_480_452_660))
            .keys("pk", AttributeValue::S("lane#0".to_owned()))
            .new_image("pk", AttributeValue::S("lane#0".to_owned()))
            .new_image("body", AttributeValue::B(Blob::new(b"\x00\xff")))
            .new_image("list", AttributeValue::L(list))
            .new_image("count", AttributeValue::N("3.0".to_owned()))
            .sequence_number("100000000000000000001")
            .size_bytes(17)
            .stream_view_type(StreamViewType::NewImage);
        Record::builder()
            .event_id("bc7c")
            .event_name(OperationType::Insert)
            .event_version("1.1")
            .event_source("aws:dynamodb")
            .aws_region("us-east-1")
            .dynamodb(change.build())
            .build()
    }

    #[test]
    fn an_event_has_the_form_of_the_guide() {
        let row = row(&record(), "arn:aws:dynamodb:stream").unwrap();
        let event: Value = serde_json::from_str(&event([&row].into_iter())).unwrap();
        let expected = json!({"Records": [{
            "eventID": "bc7c",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_480_452_660.0,
                "Keys": {"pk": {"S": "lane#0"}},
                "NewImage": {
                    "pk": {"S": "lane#0"},
                    "body": {"B": "AP8="},
                    "list": {"L": [{"NULL": true}, {"BOOL": false}]},
                    "count": {"N": "3.0"},
                },
                "SequenceNumber": "100000000000000000001",
                "SizeBytes": 17,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": "arn:aws:dynamodb:stream",
        }]});
        assert_eq!(event, expected);
    }

    #[test]
    fn the_size_of_an_event_is_its_rows_their_commas_and_its_frame() {
        let row = row(&record(), "arn").unwrap();
        let two = event([&row, &row].into_iter());
        let bytes = FRAME_BYTES + 2 * row.json.len() + COMMA_BYTES;
        assert_eq!(two.len(), bytes);
    }

    #[test]
    fn only_inserted_items_pass_the_filter() {
        let named = |name| Record::builder().event_name(name).build();
        assert!(is_insert(&named(OperationType::Insert)));
        assert!(!is_insert(&named(OperationType::Modify)));
        assert!(!is_insert(&named(OperationType::Remove)));
    }
}
