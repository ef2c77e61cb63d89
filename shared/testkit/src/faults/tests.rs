//! Each fault has the answer and the effect that it promises.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use processing::{
    Change, CommitError, DeadLetter, DeadLetters, Expect, PayloadError, Payloads, Store,
    StoreError, Timer, Transaction, Write,
};
use serde_json::Map;

use super::*;
use crate::{MemoryDeadLetters, MemoryPayloads, MemoryStore, VirtualTimer, item_key};

fn transaction() -> Transaction {
    let key = item_key("t", "p", "s");
    let write = Write {
        key,
        expect: Expect::Absent,
        change: Change::Put(Map::new()),
    };
    Transaction {
        token: "token".into(),
        writes: vec![write],
    }
}

fn letter(n: u128) -> DeadLetter {
    DeadLetter {
        id: uuid::Uuid::from_u128(n),
        function: "f",
        code: "c",
        causes: Vec::new(),
        attempts: 1,
        first_failed_at: event_schema::Timestamp::from_ms(0),
        last_failed_at: event_schema::Timestamp::from_ms(0),
        event_type: None,
        schema_version: "1.0".into(),
        code_version: "1".into(),
        trace_id: None,
        key_hash: None,
        cluster: "c".into(),
        position: None,
        topic_partition: "t-0".into(),
        record: serde_json::value::RawValue::NULL.to_owned(),
    }
}

async fn commit_with(fault: Fault) -> (Option<Result<(), CommitError>>, bool) {
    let store = MemoryStore::new();
    let faulty = FaultyStore::new(store.clone(), &FaultPlan::at(1, fault));
    let transaction = transaction();
    let commit = Box::pin(faulty.commit(&transaction));
    let timer = VirtualTimer::automatic();
    let answer = match select(commit, Box::pin(timer.sleep(Duration::from_secs(30)))).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    };
    (answer, store.item("t", "p", "s").is_some())
}

#[tokio::test]
async fn each_fault_of_a_commit_has_its_answer_and_its_effect() {
    use CommitError::{Cancelled, Throttled, Unavailable, Unknown};
    let at = commit_with;
    assert!(matches!(
        at(Fault::Refused).await,
        (Some(Err(Unavailable(_))), false)
    ));
    assert!(matches!(
        at(Fault::Throttled).await,
        (Some(Err(Throttled(_))), false)
    ));
    assert!(matches!(
        at(Fault::Conflict).await,
        (Some(Err(Cancelled(_))), false)
    ));
    assert!(matches!(
        at(Fault::RequestLost).await,
        (Some(Err(Unknown(_))), false)
    ));
    assert!(matches!(
        at(Fault::AnswerLost).await,
        (Some(Err(Unknown(_))), true)
    ));
    assert!(matches!(at(Fault::HangsBefore).await, (None, false)));
    assert!(matches!(at(Fault::HangsAfter).await, (None, true)));
}

#[tokio::test]
async fn a_plan_counts_calls_over_all_ports() {
    let plan = FaultPlan::during(2..=3, Fault::Throttled);
    let store = FaultyStore::new(MemoryStore::new(), &plan);
    let queue = FaultyDeadLetters::new(MemoryDeadLetters::new(), &plan);
    let keys = [item_key("t", "p", "s")];
    assert!(store.load(&keys).await.is_ok());
    assert!(matches!(
        store.load(&keys).await,
        Err(StoreError::Throttled(_))
    ));
    assert!(queue.send(&[letter(1)]).await[0].is_err());
    assert!(queue.send(&[letter(1)]).await[0].is_ok());
    assert_eq!((plan.calls().len(), plan.faults()), (4, 2));
    let third = PortCall {
        port: Port::Send,
        fault: Some(Fault::Throttled),
    };
    assert_eq!(plan.calls()[2], third);
}

#[tokio::test]
async fn letters_are_listed_once_however_often_they_are_sent() {
    let memory = MemoryDeadLetters::new();
    let queue = FaultyDeadLetters::new(memory.clone(), &FaultPlan::at(1, Fault::AnswerLost));
    assert!(
        queue
            .send(&[letter(1), letter(2)])
            .await
            .iter()
            .all(Result::is_err)
    );
    assert!(
        queue
            .send(&[letter(2), letter(3)])
            .await
            .iter()
            .all(Result::is_ok)
    );
    let ids: Vec<_> = memory
        .letters()
        .iter()
        .map(|letter| letter.id.as_u128())
        .collect();
    assert_eq!((ids, memory.sends()), (vec![1, 2, 3], 4));
}

#[tokio::test]
async fn a_partly_failing_send_has_one_answer_a_letter() {
    let memory = MemoryDeadLetters::new();
    let queue = FaultyDeadLetters::new(memory.clone(), &FaultPlan::at(1, Fault::Partly));
    let answers = queue.send(&[letter(1), letter(2), letter(3)]).await;
    assert_eq!(
        answers.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!(memory.letters().len(), 1);
}

#[tokio::test]
async fn a_queue_that_refuses_keeps_nothing() {
    let queue = MemoryDeadLetters::new();
    queue.refuse(true);
    assert!(queue.send(&[letter(1)]).await[0].is_err());
    queue.refuse(false);
    assert!(queue.send(&[letter(1)]).await[0].is_ok());
    assert_eq!(queue.sends(), 1);
}

#[tokio::test]
async fn each_fault_of_a_bucket_has_its_answer_and_its_effect() {
    for (fault, answers, is_stored) in [
        (Fault::Refused, true, false),
        (Fault::Partly, true, false),
        (Fault::AnswerLost, true, true),
        (Fault::HangsBefore, false, false),
        (Fault::HangsAfter, false, true),
    ] {
        let bucket = MemoryPayloads::new();
        let faulty = FaultyPayloads::new(bucket.clone(), &FaultPlan::at(1, fault));
        let answer = faulty.put("k", b"v").now_or_never();
        assert_eq!(answer.is_some(), answers, "{fault:?}");
        assert!(answer.is_none_or(|answer| answer.is_err()), "{fault:?}");
        assert_eq!(bucket.objects().contains_key("k"), is_stored, "{fault:?}");
        bucket.set("k", "v");
        let again = FaultyPayloads::new(bucket, &FaultPlan::at(1, fault));
        let answer = again.get("k", 1).now_or_never();
        assert_eq!(answer.is_some(), answers, "{fault:?}");
        assert!(answer.is_none_or(|answer| answer.is_err()), "{fault:?}");
        assert_eq!(again.get("k", 1).await.unwrap(), b"v", "{fault:?}");
    }
}

#[tokio::test]
async fn a_bucket_gives_what_was_put_there_and_no_more_than_is_asked_for() {
    let bucket = MemoryPayloads::new();
    assert!(matches!(
        bucket.get("k", 9).await,
        Err(PayloadError::Missing)
    ));
    bucket.put("k", b"value").await.unwrap();
    assert_eq!(bucket.get("k", 5).await.unwrap(), b"value");
    let too_large = bucket.get("k", 4).await;
    assert!(matches!(
        too_large,
        Err(PayloadError::TooLarge { bytes_max: 4 })
    ));
    bucket.remove("k");
    assert!(bucket.get("k", 9).await.is_err());
    assert_eq!((bucket.puts(), bucket.gets()), (1, 4));
}

#[test]
fn a_seed_gives_the_same_faults_each_time() {
    let faults = |seed| {
        let plan = FaultPlan::random(seed, 200, 500);
        for _ in 0..1_000 {
            plan.next(Port::Commit);
        }
        plan.calls()
    };
    assert_eq!(faults(7), faults(7));
    assert_ne!(faults(7), faults(8));
    assert!(faults(7)[..500].iter().any(|call| call.fault.is_some()));
    assert!(faults(7)[500..].iter().all(|call| call.fault.is_none()));
}

#[test]
fn giving_way_ends() {
    let mut turns = Box::pin(give_way(2));
    assert!((&mut turns).now_or_never().is_none());
    assert!((&mut turns).now_or_never().is_none());
    assert!(turns.now_or_never().is_some());
}
