//! What Lambda is told of each way in which a batch may end.

use processing::{Effort, Processed};

use super::*;

/// Answers as it is told, whatever the payload.
struct FixedProcessor(fn() -> Result<Answer, EventError>);

impl Processor for FixedProcessor {
    fn name(&self) -> &'static str {
        "fixed"
    }

    async fn process(&self, _: &[u8], _: &Invocation) -> Result<Processed, EventError> {
        let answer = (self.0)()?;
        Ok(Processed {
            answer,
            records: Vec::new(),
            effort: Effort::default(),
        })
    }
}

async fn invoked(answer: fn() -> Result<Answer, EventError>) -> Result<BatchResponse, Diagnostic> {
    let payload = RawValue::from_string("{}".to_owned()).unwrap();
    let event = LambdaEvent::new(payload, lambda_runtime::Context::default());
    invoke(&FixedProcessor(answer), "Test", event)
        .await
        .map_err(Into::into)
}

#[tokio::test]
async fn a_response_goes_back_as_the_engine_gave_it() {
    let response = invoked(|| Ok(Answer::Respond(BatchResponse::default())))
        .await
        .unwrap();
    assert_eq!(response, BatchResponse::default());
}

#[tokio::test]
async fn unfinished_records_that_lambda_would_not_hear_of_fail_the_invocation() {
    let answer = || {
        Ok(Answer::Fail {
            unfinished: 3,
            code: "store_throttled",
        })
    };
    let error = invoked(answer).await.unwrap_err();
    assert_eq!(error.error_type, "unfinished");
    assert_eq!(
        error.error_message,
        "3 records are unfinished, the first of them because of store_throttled"
    );
}

#[tokio::test]
async fn a_payload_that_is_no_event_fails_the_invocation_with_its_code() {
    let error = invoked(|| Err(EventError::NotAnObject)).await.unwrap_err();
    assert_eq!(error.error_type, "malformed_event");
    assert_eq!(
        error.error_message,
        "the payload is not a Kafka event: the event is not an object"
    );
}

#[tokio::test]
async fn a_panic_fails_the_invocation_without_its_message() {
    let error = invoked(|| panic!("quotes a payload")).await.unwrap_err();
    assert_eq!(error.error_type, "panic");
    assert!(!error.error_message.contains("payload"));
}

#[test]
fn all_settings_problems_are_readable_in_what_main_prints() {
    let error = RunError::from(read_settings(Trigger::Records, |_| None).unwrap_err());
    let printed = format!("{error:?}");
    assert!(
        printed.starts_with("5 setting(s) cannot be used\n"),
        "{printed}"
    );
    for name in ["DEAD_LETTER_QUEUE_URL", "AWS_LAMBDA_RUNTIME_API"] {
        assert!(
            printed.contains(&format!("\n  {name} is not set; it has to be ")),
            "{printed}"
        );
    }
}

#[test]
fn what_main_prints_has_the_whole_chain() {
    let error = RunError::Runtime("the connection was lost".into());
    assert_eq!(
        format!("{error:?}"),
        "the Lambda runtime ended\ncaused by: the connection was lost"
    );
}

#[test]
fn a_deadline_is_an_instant_or_what_is_left() {
    let now = Timestamp::from_ms(1_795_256_130_123);
    let instant = 1_795_256_160_123;
    assert_eq!(deadline(instant, now).as_ms(), 1_795_256_160_123);
    assert_eq!(deadline(600_000, now).as_ms(), 1_795_256_730_123);
    assert_eq!(deadline(0, now), now);
}
