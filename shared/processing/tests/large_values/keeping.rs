//! Events that are too large for a row: kept before the transaction that tells of them, and only then told of.

use std::time::Duration;

use event_schema::events::{BalanceCharged, ErrorLogged, LogLevel};
use event_schema::{Envelope, Hints, Read, ServiceName, VALUE_BYTES_MAX};
use processing::{
    Call, Command, CommandEngine, CommandError, Decide, Dedup, EVENT_BYTES_MAX, OnPoison,
    RECORD_PAYLOAD_BYTES_MAX, Record, Rejection, Work,
};
use testkit::{
    Fault, FaultPlan, FaultyDeadLetters, FaultyPayloads, FaultyStore, KafkaRecord, MemoryPayloads,
    MemoryStore, VirtualTimer, invocation,
};

use super::common::{
    Account, Bench, Interposed, Skipping, Verdict, charge, charged, code_of, named, outcomes,
};
use super::{said, sha256};

/// The faults that differ for a bucket, and the lost request of a commit.
const FAULTS: [Fault; 5] = [
    Fault::Refused,
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::HangsBefore,
    Fault::HangsAfter,
];

const LARGE: usize = EVENT_BYTES_MAX + 1;

fn log(message_bytes: usize) -> ErrorLogged {
    ErrorLogged {
        service: ServiceName::new("s").unwrap(),
        error_type: None,
        message: "m".repeat(message_bytes),
        level: LogLevel::default(),
        stack_trace: None,
        trace_id: None,
    }
}

/// Applies a charge and tells of it at such length, so often.
fn telling(
    message_bytes: usize,
    times: usize,
) -> impl Fn(&Record<BalanceCharged>, &mut Work<'_>) -> Result<(), Rejection> {
    move |record, work| {
        charge(record, work)?;
        for _ in 0..times {
            work.publish(log(message_bytes));
        }
        Ok(())
    }
}

/// The values of all events in the outbox.
fn told(bench: &Bench) -> Vec<String> {
    let rows = bench.store.table("outbox").into_iter();
    let events = rows.flat_map(|(_, row)| row.body["events"].as_array().unwrap().clone());
    events
        .map(|event| event["value"].as_str().unwrap().to_owned())
        .collect()
}

/// Nothing tells of what is not there.
fn assert_all_are_kept(bench: &Bench, payloads: &MemoryPayloads) {
    for value in told(bench) {
        let read = Envelope::<ErrorLogged>::read(value.as_bytes(), Hints::default());
        let Ok(Read::ClaimCheck(claimed)) = read else {
            panic!("{value}");
        };
        assert!(payloads.objects().contains_key(claimed.check.key()));
    }
}

#[tokio::test]
async fn an_event_too_large_for_its_row_is_kept_whole_and_its_row_has_the_reference() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Skipping(telling(LARGE, 1)))
        .with_payloads(payloads.clone());
    let records = [charged(0, "a", "1", 5)];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "A");
    let told = told(&bench);
    assert!(told[0].len() < 1_000);
    let read = Envelope::<ErrorLogged>::read(told[0].as_bytes(), Hints::default());
    let Ok(Read::ClaimCheck(claimed)) = read else {
        panic!("{told:?}");
    };
    let objects = payloads.objects();
    let value = &objects[claimed.check.key()];
    assert_eq!(claimed.check.sha256(), sha256(value));
    assert_eq!(claimed.check.size(), u64::try_from(value.len()).unwrap());
    let Ok(Read::Event(event)) = Envelope::<ErrorLogged>::read(value, Hints::default()) else {
        panic!("the object is no event");
    };
    assert_eq!(event.event_id, claimed.event_id);
    assert_eq!(event.payload.message.len(), LARGE);
    assert_eq!(
        event.write_whole().unwrap().as_bytes(),
        value,
        "the canonical form"
    );

    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!((outcomes(&again).as_str(), payloads.puts()), ("U", 1));
}

/// Counts the errors that are logged.
struct Reader;

impl Decide for Reader {
    type Event = ErrorLogged;
    const NAME: &'static str = "reader";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<ErrorLogged>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let user_id = record.event.service.to_string();
        let balance = i64::try_from(record.event.message.len()).unwrap();
        let history = Vec::new();
        work.put(&Account {
            user_id,
            balance,
            history,
        });
        Ok(())
    }
}

#[tokio::test]
async fn what_one_function_keeps_another_fetches() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Skipping(telling(LARGE, 1)))
        .with_payloads(payloads.clone());
    bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    let record = KafkaRecord::new("log.error.logged", 0, 0).value(told(&bench).remove(0));
    let reader = bench.engine(Reader).with_payloads(payloads);
    let processed = bench.run_as(&reader, "request-2", &[record]).await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(
        bench.account("s").unwrap().balance,
        i64::try_from(LARGE).unwrap()
    );
}

#[tokio::test]
async fn an_event_that_cannot_be_kept_for_good_is_a_dead_letter_that_says_why() {
    let quarter = RECORD_PAYLOAD_BYTES_MAX / 4 - 1_000;
    for (bucket, message_bytes, times, expected) in [
        (false, LARGE, 1, "with OVERFLOW_BUCKET set"),
        (true, VALUE_BYTES_MAX, 1, "of at most 6291456"),
        (
            true,
            quarter,
            5,
            "for the large events of a record together",
        ),
    ] {
        let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
        let handler = Skipping(telling(message_bytes, times));
        let engine = bench.engine(handler);
        let records = [charged(0, "a", "1", 5)];
        let processed = if bucket {
            bench
                .run(&engine.with_payloads(payloads.clone()), &records)
                .await
        } else {
            bench.run(&engine, &records).await
        };
        let outcome = &processed.records[0].outcome;
        assert_eq!(code_of(outcome), "outgoing_event_too_large");
        assert!(said(outcome).contains(expected), "{}", said(outcome));
        assert_eq!(outcomes(&processed), "D");
        assert!(bench.account("1").is_none());
        assert_eq!(payloads.puts(), 0);
    }
}

#[tokio::test]
async fn while_an_event_cannot_be_kept_its_record_is_unfinished_and_nothing_tells_of_it() {
    for (fault, code) in [
        (Fault::Refused, "payload_unavailable"),
        (Fault::HangsAfter, "deadline"),
    ] {
        let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
        let faulty = FaultyPayloads::new(payloads.clone(), &FaultPlan::at(1, fault));
        let engine = bench
            .engine(Skipping(telling(LARGE, 1)))
            .with_payloads(faulty);
        let records = [charged(0, "a", "1", 5), charged(1, "b", "1", 6)];
        let processed = bench.run(&engine, &records).await;
        let codes = processed
            .records
            .iter()
            .map(|record| code_of(&record.outcome));
        assert!(codes.clone().any(|found| found == code));
        assert!(
            codes
                .clone()
                .all(|found| [code, "behind_unfinished", "", "deadline"].contains(&found))
        );
        let applied = outcomes(&processed).matches('A').count();
        assert_eq!(told(&bench).len(), applied);
        let again = bench.run_as(&engine, "request-2", &records).await;
        assert!(named(&again).is_empty());
        assert_eq!(bench.account("1").unwrap().history, [5, 6]);
        assert_eq!(told(&bench).len(), 2);
        assert_all_are_kept(&bench, &payloads);
    }
}

#[tokio::test]
async fn each_failure_of_each_call_loses_nothing_and_repeats_nothing() {
    let handler = || {
        Skipping(|record: &Record<BalanceCharged>, work: &mut Work<'_>| {
            if record.event.amount == 13.into() {
                return Err(Rejection::permanent("unlucky", "it is 13"));
            }
            telling(LARGE, 1)(record, work)
        })
    };
    let mut calls = 0;
    let mut call = 0;
    while call <= calls {
        for fault in FAULTS {
            let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
            let records = [
                super::claimed(&payloads, 0, "a", "1", 5),
                charged(1, "b", "1", 6),
                charged(2, "c", "2", 13),
                charged(3, "d", "2", 7),
            ];
            // Call 0 is none: it counts how many there are.
            let plan = FaultPlan::at(call, fault);
            let store = FaultyStore::new(bench.store.clone(), &plan);
            let letters = FaultyDeadLetters::new(bench.letters.clone(), &plan);
            let faulty = FaultyPayloads::new(payloads.clone(), &plan);
            let engine = bench
                .engine_over(handler(), store, letters)
                .with_payloads(faulty);
            bench.run(&engine, &records).await;
            calls = calls.max(plan.calls().len()).min(40);
            // The fault may hit the second invocation.
            bench.run_as(&engine, "request-2", &records).await;
            let again = bench.run_as(&engine, "request-3", &records).await;
            assert!(named(&again).is_empty(), "call {call}, {fault:?}");
            assert_eq!(
                bench.account("1").unwrap().history,
                [5, 6],
                "call {call}, {fault:?}"
            );
            assert_eq!(
                bench.account("2").unwrap().history,
                [7],
                "call {call}, {fault:?}"
            );
            assert_eq!(bench.codes(), ["unlucky"], "call {call}, {fault:?}");
            assert_eq!(told(&bench).len(), 3, "call {call}, {fault:?}");
            assert_all_are_kept(&bench, &payloads);
        }
        call += 1;
    }
    assert!(calls > 6, "{calls}");
}

#[tokio::test]
async fn what_is_decided_again_is_not_kept_again() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let outside = bench.store.clone();
    let store = Interposed::new(&bench.store, move |number, _| {
        if number == 0 {
            let account = serde_json::json!({ "user_id": "1", "balance": 1, "history": [1] });
            outside.seed(testkit::item_key("accounts", "1", "-"), &account);
        }
        Verdict::Pass
    });
    let engine = bench
        .engine_over(Skipping(telling(LARGE, 1)), store, bench.letters.clone())
        .with_payloads(payloads.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert!(processed.effort.conflicts > 0, "{:?}", processed.effort);
    assert_eq!(bench.account("1").unwrap().history, [1, 5]);
    assert_eq!(payloads.puts(), 1);
}

/// Tells of something at length.
struct Tell;

impl Command for Tell {
    type Request = usize;
    type Answer = String;
    const NAME: &'static str = "tell";

    fn decide(&self, bytes: &usize, work: &mut Work<'_>) -> Result<String, Rejection> {
        work.publish(log(*bytes));
        Ok("told".to_owned())
    }
}

#[tokio::test]
async fn a_command_keeps_what_is_too_large_too_or_says_why_not() {
    let timer = VirtualTimer::automatic();
    let (store, payloads) = (MemoryStore::with_clock(&timer), MemoryPayloads::new());
    let call = |id| Call {
        id,
        payload: b"p",
        request: &LARGE,
        traceparent: None,
    };
    let margin = Duration::from_secs(2);
    let bare = CommandEngine::new(Tell, store.clone(), timer.clone(), margin);
    let refused = bare
        .call(&call("c"), &invocation("request-1", &timer))
        .await;
    let Err(CommandError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, "outgoing_event_too_large");
    assert!(refusal.chain.concat().contains("OVERFLOW_BUCKET"));

    let plan = FaultPlan::at(1, Fault::Refused);
    let engine = bare.with_payloads(FaultyPayloads::new(payloads.clone(), &plan));
    let unfinished = engine
        .call(&call("c"), &invocation("request-2", &timer))
        .await;
    let Err(CommandError::Unfinished(refusal)) = unfinished else {
        panic!("{unfinished:?}");
    };
    assert_eq!(refusal.code, "payload_unavailable");
    assert!(store.table("outbox").is_empty());
    let done = engine
        .call(&call("c"), &invocation("request-3", &timer))
        .await;
    assert!(!done.unwrap().is_repeated);
    let again = engine
        .call(&call("c"), &invocation("request-4", &timer))
        .await;
    assert!(again.unwrap().is_repeated);
    assert_eq!((store.table("outbox").len(), payloads.puts()), (1, 1));
}
