//! Deliveries: once, under a lease, retried within bounds, in order per key.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Bench, Interposed, Verdict, charged, code_of, named, outcomes, poison, settings};
use event_schema::events::BalanceCharged;
use processing::{
    Attempt, CommitError, Deliver, DeliverEngine, Record, Rejection, Timer as _, Transaction,
};
use serde_json::json;
use testkit::{MemoryDeadLetters, MemoryStore, VirtualTimer};

/// What a test's mail system saw and says.
#[derive(Clone, Default)]
struct Mail {
    attempts: Arc<Mutex<Vec<(String, u32)>>>,
    sent: Arc<Mutex<Vec<String>>>,
    /// How many attempts from now on fail.
    failures: Arc<AtomicU32>,
}

impl Mail {
    fn failing(times: u32) -> Self {
        let mail = Self::default();
        mail.failures.store(times, Ordering::SeqCst);
        mail
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }

    fn attempt_numbers(&self) -> Vec<u32> {
        self.attempts
            .lock()
            .unwrap()
            .iter()
            .map(|(_, number)| *number)
            .collect()
    }
}

impl Deliver for Mail {
    type Event = BalanceCharged;
    const NAME: &'static str = "mail";

    async fn deliver(
        &self,
        record: &Record<BalanceCharged>,
        attempt: &Attempt,
    ) -> Result<(), Rejection> {
        self.attempts
            .lock()
            .unwrap()
            .push((attempt.token.clone(), attempt.number));
        let amount = i64::try_from(record.event.amount).unwrap();
        match amount {
            -1 => {
                return Err(Rejection::permanent(
                    "no_such_address",
                    "it cannot be delivered",
                ));
            }
            -2 => panic!("the handler's own mistake"),
            -3 => std::future::pending().await,
            _ => {}
        }
        let failing = |left: u32| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing)
            .is_ok()
        {
            return Err(Rejection::transient("mail_down", "the mail system is down"));
        }
        self.sent
            .lock()
            .unwrap()
            .push(record.event_id.as_ref().unwrap().to_string());
        Ok(())
    }
}

type Engine<S> = DeliverEngine<Mail, S, MemoryDeadLetters, VirtualTimer>;

fn engine(bench: &Bench, mail: &Mail) -> Engine<MemoryStore> {
    let (store, letters) = (bench.store.clone(), bench.letters.clone());
    DeliverEngine::new(
        mail.clone(),
        store,
        letters,
        bench.timer.clone(),
        settings(),
    )
}

#[tokio::test]
async fn a_delivery_is_made_once() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "a", "1", 5),
        charged(2, "b", "2", 7),
    ];
    let first = bench
        .run_as(&engine(&bench, &mail), "first", &records)
        .await;
    assert_eq!(outcomes(&first), "AUA");
    let second = bench
        .run_as(&engine(&bench, &mail), "second", &records)
        .await;
    assert_eq!(outcomes(&second), "UUU");
    assert_eq!(second.effort.commit_calls, 0);
    let mut sent = mail.sent();
    sent.sort_unstable();
    assert_eq!(sent, ["a", "b"]);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_three_more_times_a_second_apart() {
    let (bench, mail) = (Bench::new(), Mail::failing(3));
    let before = bench.timer.now();
    let processed = bench
        .run(&engine(&bench, &mail), &[charged(0, "a", "1", 5)])
        .await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(mail.attempt_numbers(), [1, 2, 3, 4]);
    assert_eq!(bench.timer.now().as_ms() - before.as_ms(), 3_000);
    let tokens: Vec<String> = mail
        .attempts
        .lock()
        .unwrap()
        .iter()
        .map(|(t, _)| t.clone())
        .collect();
    assert!(
        tokens.iter().all(|token| *token == tokens[0]),
        "one token for all attempts"
    );
}

#[tokio::test]
async fn the_fourth_failure_is_a_dead_letter() {
    let (bench, mail) = (Bench::new(), Mail::failing(100));
    let processed = bench
        .run(&engine(&bench, &mail), &[charged(0, "a", "1", 5)])
        .await;
    assert_eq!(outcomes(&processed), "D");
    let letters = bench.letters.letters();
    assert_eq!((letters[0].code, letters[0].attempts), ("mail_down", 4));
    assert_eq!(processed.effort.dead_letter_sends, 1);
    assert!(letters[0].first_failed_at < letters[0].last_failed_at);
    let again = bench
        .run_as(&engine(&bench, &mail), "again", &[charged(0, "a", "1", 5)])
        .await;
    assert_eq!(outcomes(&again), "U");
    assert_eq!(mail.attempt_numbers().len(), 4);
}

#[tokio::test]
async fn attempts_are_counted_over_invocations() {
    let (bench, mail) = (Bench::new(), Mail::failing(100));
    // Each invocation has time for one attempt: the pause does not fit what is left.
    let mut numbers = Vec::new();
    for n in 0..4 {
        let engine = engine(&bench, &mail);
        let payload = testkit::EventBuilder::new()
            .record(&charged(0, "a", "1", 5))
            .build();
        let mut invocation = testkit::invocation(format!("r-{n}"), &bench.timer);
        let ends = bench.timer.now().as_ms() + 2_500;
        invocation.deadline = event_schema::Timestamp::from_ms(ends);
        let processed = processing::Processor::process(&engine, &payload, &invocation)
            .await
            .unwrap();
        numbers.push(outcomes(&processed));
    }
    assert_eq!(numbers, ["F", "F", "F", "D"]);
    assert_eq!(mail.attempt_numbers(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_permanent_refusal_is_a_dead_letter_at_once() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let records = [
        charged(0, "a", "1", -1),
        charged(1, "b", "1", -2),
        charged(2, "c", "1", 5),
    ];
    let processed = bench.run(&engine(&bench, &mail), &records).await;
    assert_eq!(outcomes(&processed), "DDA");
    assert_eq!(bench.codes(), ["no_such_address", "panic"]);
    assert_eq!(mail.attempt_numbers(), [1, 1, 1]);
}

#[tokio::test]
async fn nothing_overtakes_within_a_key() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let records = [
        charged(0, "a", "1", -3),
        charged(1, "b", "1", 5),
        charged(2, "c", "2", 5),
    ];
    let processed = bench.run(&engine(&bench, &mail), &records).await;
    assert_eq!(outcomes(&processed), "FFA");
    assert_eq!(code_of(&processed.records[0].outcome), "deadline");
    assert_eq!(named(&processed), [0, 1]);
    assert_eq!(mail.sent(), ["c"]);
}

#[tokio::test]
async fn behind_a_delivery_that_could_not_be_begun_nothing_of_its_key_is_delivered() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let store = Interposed::new(&bench.store, |number, _: &Transaction| match number {
        0 => Verdict::FailBefore(CommitError::Unavailable("no route".into())),
        _ => Verdict::Pass,
    });
    let (letters, timer) = (bench.letters.clone(), bench.timer.clone());
    let engine = DeliverEngine::new(mail.clone(), store, letters, timer, settings());
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "1", 5),
        charged(2, "a", "1", 5),
    ];
    let processed = bench.run(&engine, &records).await;
    assert_eq!(outcomes(&processed), "FFF");
    for behind in &processed.records[1..] {
        assert_eq!(code_of(&behind.outcome), "behind_unfinished");
    }
    assert!(mail.sent().is_empty());
    assert_eq!(processing::Processor::name(&engine), "mail");
}

#[tokio::test]
async fn a_lease_that_another_holds_is_waited_for() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let hanging = [charged(0, "a", "1", -3)];
    bench
        .run_as(&engine(&bench, &mail), "hangs", &hanging)
        .await;
    // The deadline of the first invocation is near but not there: its lease still holds.
    let second = bench
        .run_as(&engine(&bench, &mail), "waits", &hanging)
        .await;
    assert_eq!(code_of(&second.records[0].outcome), "leased");
    bench.timer.advance(Duration::from_mins(1));
    let third = bench
        .run_as(&engine(&bench, &mail), "takes over", &hanging)
        .await;
    assert_eq!(code_of(&third.records[0].outcome), "deadline");
    assert_eq!(mail.attempt_numbers(), [1, 2]);
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_over_cannot_complete() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let other = bench.store.clone();
    // Between the delivery and its completion, a successor takes the lease.
    let store = Interposed::new(&bench.store, move |number, transaction: &Transaction| {
        if number == 1 {
            let mut write = transaction.writes[0].clone();
            let processing::Change::Put(body) = &mut write.change else {
                unreachable!()
            };
            body.insert("mark".into(), json!("leased"));
            body.insert("attempts".into(), json!(2));
            body.insert("lease_until_ms".into(), json!(i64::MAX));
            let steal = Transaction {
                token: "successor".into(),
                writes: vec![write],
            };
            let stolen = processing::Store::commit(&other, &steal);
            futures_util::FutureExt::now_or_never(stolen)
                .unwrap()
                .unwrap();
        }
        Verdict::Pass
    });
    let (letters, timer) = (bench.letters.clone(), bench.timer.clone());
    let engine = DeliverEngine::new(mail.clone(), store, letters, timer, settings());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "lease_lost");
    let marker = bench.store.item("state", "mail#event#a", "mark").unwrap();
    assert_eq!(
        marker.body["attempts"],
        json!(2),
        "the successor's lease stands"
    );
}

#[tokio::test]
async fn without_a_lease_nothing_is_delivered() {
    let (bench, mail) = (Bench::new(), Mail::default());
    let store = Interposed::new(&bench.store, |_, _: &Transaction| {
        Verdict::FailBefore(CommitError::Unavailable("no route".into()))
    });
    let (letters, timer) = (bench.letters.clone(), bench.timer.clone());
    let engine = DeliverEngine::new(mail.clone(), store, letters, timer, settings());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(code_of(&processed.records[0].outcome), "store_unavailable");
    assert!(mail.attempt_numbers().is_empty());
}

#[tokio::test]
async fn an_undecodable_record_is_a_dead_letter_and_a_reused_id_too() {
    let (bench, mail) = (Bench::new(), Mail::default());
    bench
        .run_as(&engine(&bench, &mail), "first", &[charged(0, "a", "1", 5)])
        .await;
    let records = [poison(1, "1"), charged(2, "a", "1", 6)];
    let processed = bench
        .run_as(&engine(&bench, &mail), "second", &records)
        .await;
    assert_eq!(outcomes(&processed), "DD");
    assert_eq!(bench.codes(), ["invalid_json", "event_id_reused"]);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_sent_leaves_the_lease_free() {
    let (bench, mail) = (Bench::new(), Mail::default());
    bench.letters.refuse(true);
    let refused = [charged(0, "a", "1", -1)];
    let first = bench
        .run_as(&engine(&bench, &mail), "first", &refused)
        .await;
    assert_eq!(outcomes(&first), "F");
    bench.letters.refuse(false);
    let second = bench
        .run_as(&engine(&bench, &mail), "second", &refused)
        .await;
    assert_eq!(outcomes(&second), "D");
}

#[tokio::test]
async fn a_dead_letter_is_delivered_after_all_when_it_is_put_back() {
    let (bench, mail) = (Bench::new(), Mail::failing(4));
    let records = [charged(0, "a", "1", 5)];
    assert_eq!(
        outcomes(&bench.run(&engine(&bench, &mail), &records).await),
        "D"
    );
    let payload = testkit::EventBuilder::new()
        .records(&records)
        .redrive("operator")
        .build();
    for (n, expected) in ["A", "U"].into_iter().enumerate() {
        let invocation = testkit::invocation(format!("redrive-{n}"), &bench.timer);
        let engine = engine(&bench, &mail);
        let processed = processing::Processor::process(&engine, &payload, &invocation)
            .await
            .unwrap();
        assert_eq!(outcomes(&processed), expected);
    }
    assert_eq!(mail.sent(), ["a"]);
}
