//! Undisturbed deliveries: one by one, in batches, twice, with ids missing and fields unknown.

use processing::{Answer, Decide, Dedup, Outcome};
use serde_json::{Value, json};

use super::world::Course;
use super::{Sample, Suite};
use crate::report::CheckReport;
use crate::{Fault, FaultPlan, InvokedEnd, KafkaRecord, Reading};

/// Added to the offsets of events that are sent again.
const SENT_AGAIN_OFFSET: i64 = 1_000;
/// Names by which an event's id may go.
const EVENT_ID_FIELDS: [&str; 2] = ["event_id", "eventId"];

type Check = Result<(), String>;

pub(super) async fn check<H: Decide, F: Fn() -> H>(suite: &Suite<F>, report: &mut CheckReport) {
    report.note("every sample is applied", samples_apply(suite).await);
    for reading in Reading::ALL {
        let sentence = format!("a batch leaves what its records leave one by one ({reading:?})");
        report.note(sentence, batch(suite, reading, 0).await);
        let sentence = format!("a batch that is delivered twice is applied once ({reading:?})");
        report.note(sentence, batch(suite, reading, 1).await);
    }
    if H::DEDUP == Dedup::EventId {
        let sentence = "an event that is sent again lies at a new offset and is applied once";
        for batch_records_max in [1, crate::BATCH_RECORDS_MAX] {
            report.note(sentence, sent_again(suite, batch_records_max).await);
        }
    }
    report.note("unknown fields are tolerated", unknown_fields(suite).await);
    report.note(
        "a record without an event id is refused where ids count",
        without_id(suite).await,
    );
    let sentence =
        "an invocation fails while partial responses are off and something is unfinished";
    report.note(sentence, partial_responses_off(suite).await);
    let sentence = "an invocation names what is unfinished while partial responses are on";
    report.note(sentence, partial_responses_on(suite).await);
}

async fn samples_apply<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Check {
    let records = suite.records();
    suite
        .deliver(records.clone(), Course::one_by_one())
        .await
        .all_applied(&records)
}

async fn batch<H: Decide, F: Fn() -> H>(
    suite: &Suite<F>,
    reading: Reading,
    copies: usize,
) -> Check {
    let records = suite.records();
    let alone = suite.deliver(records.clone(), Course::one_by_one()).await;
    let course = Course {
        copies,
        ..Course::batch(reading)
    };
    let together = suite.deliver(records.clone(), course).await;
    together.equals::<H>(&alone.picture, &records)
}

async fn sent_again<H: Decide, F: Fn() -> H>(suite: &Suite<F>, batch_records_max: usize) -> Check {
    let mut records = suite.records();
    let once = suite.deliver(records.clone(), Course::one_by_one()).await;
    let again = records.clone().into_iter().map(|record| KafkaRecord {
        offset: record.offset + SENT_AGAIN_OFFSET,
        timestamp_ms: record.timestamp_ms.map(|ms| ms + SENT_AGAIN_OFFSET),
        ..record
    });
    records.extend(again);
    let course = Course {
        batch_records_max,
        ..Course::batch(Reading::ListedOnly)
    };
    suite
        .deliver(records.clone(), course)
        .await
        .equals::<H>(&once.picture, &records)
}

async fn unknown_fields<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Check {
    let tomorrow = json!({ "list": [1, null, { "deep": "x" }], "text": "y" });
    let samples = suite.samples.iter().map(|sample| {
        let mut sample = sample.clone();
        if let Value::Object(fields) = &mut sample.value {
            fields.insert("field_of_tomorrow".to_owned(), tomorrow.clone());
        }
        sample
    });
    let records = suite.records_of(&samples.collect::<Vec<_>>());
    suite
        .deliver(records.clone(), Course::batch(Reading::ListedOnly))
        .await
        .all_applied(&records)
}

async fn without_id<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Check {
    let Some(Sample {
        value: Value::Object(fields),
        key,
    }) = suite.samples.first().cloned()
    else {
        return Err("the first sample is not an object".to_owned());
    };
    let mut fields = fields;
    for name in EVENT_ID_FIELDS {
        fields.remove(name);
    }
    let record = KafkaRecord::new(suite.topic.as_str(), 0, 0).json(&Value::Object(fields));
    let record = match key {
        Some(key) => record.key(key),
        None => record,
    };
    let outcomes = suite
        .deliver(vec![record.clone()], Course::one_by_one())
        .await;
    match H::DEDUP {
        Dedup::Position => outcomes.all_applied(&[record]),
        Dedup::EventId => outcomes.finished(&record, "a dead letter", |outcome| {
            matches!(outcome, Outcome::DeadLettered(refusal) if refusal.code == "missing_event_id")
        }),
    }
}

/// One delivery of everything while every call is refused.
async fn answer_while_down<H: Decide, F: Fn() -> H>(
    suite: &Suite<F>,
    reading: Reading,
) -> Result<Answer, String> {
    let faults = FaultPlan::during(1..=usize::MAX, Fault::Refused);
    let course = Course {
        faults,
        deliveries_max: 1,
        ..Course::batch(reading)
    };
    let outcomes = suite.deliver(suite.records(), course).await;
    match outcomes
        .deliveries
        .invocations
        .into_iter()
        .next()
        .map(|invoked| invoked.end)
    {
        Some(InvokedEnd::Answered(processed)) => Ok(processed.answer),
        other => Err(format!("it gave no answer: {other:?}")),
    }
}

async fn partial_responses_off<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Check {
    match answer_while_down(suite, Reading::OnDemand).await? {
        Answer::Fail { .. } => Ok(()),
        Answer::Respond(response) => Err(format!("it answered {response:?}")),
    }
}

async fn partial_responses_on<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Check {
    let named = match answer_while_down(suite, Reading::ListedOnly).await? {
        Answer::Fail { .. } => return Err("it failed as a whole".to_owned()),
        Answer::Respond(response) => response.batch_item_failures.len(),
    };
    let delivered = suite.samples.len();
    if named == delivered {
        Ok(())
    } else {
        Err(format!("it named {named} of {delivered} records"))
    }
}
