//! Samples of `outbox-relay`: records of the outbox table's stream, and the event of a schedule.

use serde_json::{Value, json};

use super::Sample;

const FUNCTION: &str = "outbox-relay";

/// Far in the future: a row that is older than a minute would be looked for in the table.
const STAMP_MS: i64 = 9_999_999_999_999;

/// The ids of the events of the sample of a stream, in order.
pub const EVENT_IDS: [&str; 3] = [
    "0190f5a2-0000-7000-8000-000000000001",
    "0190f5a2-0000-7000-8000-000000000002",
    "0190f5a2-0000-7000-8000-000000000003",
];

/// The topic that they go to.
pub const TOPIC: &str = "order.order.status-changed";

pub(super) fn samples() -> Vec<Sample> {
    let sample = |case, payload: Value| Sample::new(FUNCTION, case, format!("{payload:#}\n"));
    let rows = [row(1, &EVENT_IDS[..2]), row(2, &EVENT_IDS[2..])];
    vec![
        sample("stream", json!({ "Records": rows })),
        sample("schedule", schedule()),
    ]
}

/// An insertion, as "Using AWS Lambda with Amazon `DynamoDB`" (Lambda guide) shows it.
fn row(number: u32, ids: &[&str]) -> Value {
    let keys = json!({
        "pk": { "S": format!("{TOPIC}#0") },
        "sk": { "S": format!("{STAMP_MS:015}-sample-00-{number:05}-000") },
    });
    let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
    let mut image = keys.clone();
    image["_v"] = json!({ "N": "1" });
    image["topic"] = json!({ "S": TOPIC });
    image["events"] = json!({ "L": events });
    json!({
        "eventID": format!("{number:032x}"),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_256_130,
            "Keys": keys,
            "NewImage": image,
            "SequenceNumber": format!("{}", 300_000_000_000_000_000_u64 + u64::from(number)),
            "SizeBytes": 512,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN":
            "arn:aws:dynamodb:eu-central-1:111122223333:table/outbox/stream/2026-11-21T10:15:30.123",
    })
}

fn event(id: &str) -> Value {
    let value = json!({
        "event_id": id, "event_type": "order.status-changed", "schema_version": "1.0",
        "timestamp": "2026-11-21T10:15:30.123Z", "order_id": "o-1", "status": "placed",
    });
    json!({ "M": {
        "event_id": { "S": id },
        "event_type": { "S": "order.status-changed" },
        "key": { "S": "o-1" },
        "timestamp": { "S": "2026-11-21T10:15:30.123Z" },
        "traceparent": { "NULL": true },
        "value": { "S": value.to_string() },
    } })
}

fn schedule() -> Value {
    json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111122223333",
        "time": "2026-11-21T10:15:30Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:111122223333:rule/outbox-sweep"],
        "detail": {},
    })
}
