//! The relay's answers to what Lambda sends, and its settings.

use processing::{Body, ItemKey, OUTBOX_TABLE};
use serde_json::{Value, json};
use testkit::{
    MemoryDeadLetters, MemoryPublisher, MemoryStore, VirtualTimer, invocation, item_key,
};

use super::*;

const TOPIC: &str = "notification.notification.requested";

struct Bench {
    store: MemoryStore,
    publisher: MemoryPublisher,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
}

impl Bench {
    fn new() -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            publisher: MemoryPublisher::new(),
            letters: MemoryDeadLetters::new(),
            timer,
        }
    }

    /// Writes a row, and returns the stream's record of it.
    fn row(&self, number: u32, age_ms: i64) -> Value {
        let stamp_ms = self.timer.now().as_ms() - age_ms;
        let sort = format!("{stamp_ms:015}-invocation-00-{number:05}-000");
        let event = json!({
            "event_id": format!("e-{number}"), "event_type": "notification.requested", "key": "u",
            "timestamp": "2026-11-21T10:15:30.123Z", "traceparent": null, "value": "{}",
        });
        let body = json!({ "topic": TOPIC, "events": [event] });
        let key: ItemKey = item_key(OUTBOX_TABLE, format!("{TOPIC}#0"), sort);
        self.store.seed(key.clone(), &body);
        let fields = event.as_object().into_iter().flatten();
        let image: Body = fields
            .map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or(json!({ "NULL": true }), |text| json!({ "S": text }));
                (name.clone(), value)
            })
            .collect();
        json!({ "eventName": "INSERT", "dynamodb": {
            "SequenceNumber": format!("{number}"),
            "NewImage": {
                "pk": { "S": key.partition }, "sk": { "S": key.sort }, "topic": { "S": TOPIC },
                "events": { "L": [{ "M": image }] },
            },
        } })
    }

    async fn answer(&self, payload: &Value) -> Result<StreamResponse, RelayError> {
        let settings = RelaySettings {
            function: "outbox-relay",
            code_version: "1".into(),
            deadline_margin: Duration::from_secs(2),
            age_min: Duration::from_mins(1),
        };
        let (store, letters) = (self.store.clone(), self.letters.clone());
        let publisher = self.publisher.clone();
        let relay = Relay::new(store, publisher, letters, self.timer.clone(), settings);
        let id = format!("request-{}", self.publisher.calls());
        let invocation = invocation(id, &self.timer);
        answer(
            &relay,
            "outbox-relay",
            "Test",
            &payload.to_string(),
            &invocation,
        )
        .await
    }

    fn published(&self) -> Vec<String> {
        let records = self.publisher.records().into_iter();
        records.map(|(_, event)| event.event_id).collect()
    }
}

#[tokio::test]
async fn the_stream_is_told_the_first_row_that_has_to_come_again() {
    let bench = Bench::new();
    let records = [bench.row(1, 9), bench.row(2, 8), bench.row(3, 7)];
    bench.publisher.take_only(Some(1));
    let response = bench.answer(&json!({ "Records": records })).await.unwrap();
    let text = serde_json::to_value(&response).unwrap();
    assert_eq!(
        text,
        json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] })
    );
    bench.publisher.take_only(None);
    let response = bench
        .answer(&json!({ "Records": records[1..] }))
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({ "batchItemFailures": [] })
    );
    assert_eq!(bench.published(), ["e-1", "e-2", "e-3"]);
    assert!(bench.store.table(OUTBOX_TABLE).is_empty());
}

#[tokio::test]
async fn a_schedule_publishes_what_is_left_over() {
    let bench = Bench::new();
    bench.row(1, 61_000);
    bench.row(2, 5_000);
    let response = bench
        .answer(&json!({ "detail-type": "Scheduled Event" }))
        .await;
    assert_eq!(response.unwrap(), StreamResponse::of(None));
    assert_eq!(bench.published(), ["e-1"]);
}

#[tokio::test]
async fn a_payload_of_another_kind_fails_the_invocation() {
    let bench = Bench::new();
    let error = bench.answer(&json!({ "records": {} })).await.unwrap_err();
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.error_type, "malformed_event");
    assert!(
        diagnostic
            .error_message
            .contains("neither records of a stream nor")
    );
}

#[test]
fn every_problem_is_named_at_once() {
    let settings = Err(SettingsError {
        problems: vec![problem("DEAD_LETTER_QUEUE_URL")],
    });
    let publisher = Err(NoPublisher::Settings(vec![problem(
        "KAFKA_BOOTSTRAP_SERVERS",
    )]));
    let age = age_min(|_| Some("soon".into()));
    let Err(RunError::Settings(error)) = together::<()>(settings, age, publisher) else {
        panic!("problems")
    };
    let names: Vec<_> = error.problems.iter().map(|problem| problem.name).collect();
    assert_eq!(
        names,
        [
            "DEAD_LETTER_QUEUE_URL",
            "OUTBOX_AGE_MS",
            "KAFKA_BOOTSTRAP_SERVERS"
        ]
    );
}

#[test]
fn the_age_of_left_over_rows_has_a_default_and_bounds() {
    let of = |value: Option<&str>| age_min(|_| value.map(str::to_owned));
    assert_eq!(of(None).unwrap(), Duration::from_mins(1));
    assert_eq!(of(Some("")).unwrap(), Duration::from_mins(1));
    assert_eq!(of(Some("1000")).unwrap(), Duration::from_secs(1));
    assert!(of(Some("999")).is_err());
    assert!(of(Some("3600001")).is_err());
}

fn problem(name: &'static str) -> SettingsProblem {
    SettingsProblem {
        name,
        found: None,
        expected: "something".into(),
    }
}
