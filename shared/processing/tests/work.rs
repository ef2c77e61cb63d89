//! What a handler sees and may do through `Work`, and what of it reaches the store.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::{Arc, Mutex};

use common::{
    Account, Bench, Counter, Interposed, Skipping, Verdict, charge, charged, code_of, outcomes,
};
use event_schema::ServiceName;
use event_schema::events::{BalanceCharged, ErrorLogged, LogLevel};
use processing::{
    Cancellation, CommitError, EVENT_BYTES_MAX, Item, Key, QUERY_LIMIT_MAX, Record, Rejection,
    Timer as _, Transaction, Work,
};
use serde::{Deserialize, Serialize};
use testkit::item_key;

/// A word of a list, which is queried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Word {
    list: String,
    word: String,
}

impl Item for Word {
    const TABLE: &'static str = "words";
    fn key(&self) -> Key {
        Key::from((&self.list, &self.word))
    }
}

fn word(list: &str, word: &str) -> Word {
    Word {
        list: list.to_owned(),
        word: word.to_owned(),
    }
}

/// Runs a handler over one record on a bench with some words, and returns the outcome's letter and code.
async fn run(
    bench: &Bench,
    decide: impl Fn(&Record<BalanceCharged>, &mut Work<'_>) -> Result<(), Rejection>
    + Send
    + Sync
    + 'static,
) -> (String, &'static str) {
    for (list, each) in [
        ("a", "x-1"),
        ("a", "x-2"),
        ("a", "x-3"),
        ("a", "y"),
        ("b", "x-4"),
    ] {
        let key = item_key("words", list, each);
        bench.store.seed(key, &word(list, each));
    }
    let engine = bench.engine(Skipping(decide));
    let processed = bench.run(&engine, &[charged(0, "e", "1", 5)]).await;
    let code = code_of(&processed.records[0].outcome);
    (outcomes(&processed), code)
}

/// A query's partition, prefix, key to begin behind, and limit.
type Asked = (&'static str, &'static str, Option<&'static str>, u32);

/// What a closure saw in its last run.
type Seen<T> = Arc<Mutex<Vec<T>>>;

#[tokio::test]
async fn a_query_finds_a_partition_by_prefix_from_a_key_on_up_to_a_number() {
    let queries: [(Asked, &[&str]); 6] = [
        (("a", "x-", None, 10), &["x-0", "x-1", "x-2", "x-3"]),
        (("a", "", None, 10), &["x-0", "x-1", "x-2", "x-3", "y"]),
        (("a", "x-", Some("x-1"), 10), &["x-2", "x-3"]),
        (("a", "x-", Some("x-0"), 2), &["x-1", "x-2"]),
        (("b", "x-", None, 10), &["x-4"]),
        (("c", "x-", None, 10), &[]),
    ];
    for ((list, prefix, after, limit), expected) in queries {
        let bench = Bench::new();
        let seen: Seen<Word> = Arc::default();
        let notes = seen.clone();
        let handler = move |record: &Record<_>, work: &mut Work<'_>| {
            // The second record sees what the first has put: the same words, and others.
            if record.position.offset == 0 {
                work.put(&word("a", "x-0"));
                return Ok(());
            }
            *notes.lock().unwrap() = work.query(list, prefix, after, limit)?;
            Ok(())
        };
        for each in ["x-1", "x-2", "x-3", "y"] {
            bench
                .store
                .seed(item_key("words", "a", each), &word("a", each));
        }
        bench
            .store
            .seed(item_key("words", "b", "x-4"), &word("b", "x-4"));
        let records = [charged(0, "e", "1", 5), charged(1, "f", "1", 5)];
        let processed = bench.run(&bench.engine(Skipping(handler)), &records).await;
        assert_eq!(outcomes(&processed), "AA");
        assert!(processed.effort.query_calls > 0);
        let found: Vec<_> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|w| w.word.clone())
            .collect();
        assert_eq!(found, expected, "{list}, {prefix}, {after:?}, {limit}");
    }
}

#[tokio::test]
async fn a_query_asks_for_one_item_at_least_and_a_bounded_number() {
    for (limit, code) in [
        (0, "invalid_query"),
        (1, ""),
        (QUERY_LIMIT_MAX, ""),
        (QUERY_LIMIT_MAX + 1, "invalid_query"),
    ] {
        let (_, found) = run(&Bench::new(), move |_, work| {
            work.query::<Word>("a", "x-", None, limit).map(drop)
        })
        .await;
        assert_eq!(found, code, "{limit}");
    }
}

#[tokio::test]
async fn many_items_are_read_at_once_each_in_its_place() {
    for peeks in [false, true] {
        let bench = Bench::new();
        let seen: Seen<Option<Word>> = Arc::default();
        let notes = seen.clone();
        let (outcome, _) = run(&bench, move |_, work| {
            let keys = [("a", "x-2"), ("a", "none"), ("b", "x-4")];
            let found = if peeks {
                work.peek_many::<Word, _>(keys)?
            } else {
                work.get_many::<Word, _>(keys)?
            };
            *notes.lock().unwrap() = found;
            Ok(())
        })
        .await;
        assert_eq!(outcome, "A");
        let expected = [Some(word("a", "x-2")), None, Some(word("b", "x-4"))];
        assert_eq!(*seen.lock().unwrap(), expected);
        assert_eq!(bench.store.calls().loads, 1, "with the mark");
    }
}

#[tokio::test]
async fn a_record_sees_its_own_additions_and_what_it_put() {
    let bench = Bench::new();
    let (outcome, code) = run(&bench, |_, work| {
        let seen = |work: &mut Work<'_>| work.get::<Counter>("only").map(|c| c.map(|c| c.count));
        assert_eq!(seen(work)?, None);
        work.add::<Counter>("only", "count", 2);
        work.add::<Counter>("only", "count", 3);
        assert_eq!(seen(work)?, Some(5));
        work.put(&Counter { count: 7 });
        assert_eq!(seen(work)?, Some(7));
        work.add::<Counter>("only", "count", 1);
        assert_eq!(seen(work)?, Some(8));
        Ok(())
    })
    .await;
    assert_eq!((outcome.as_str(), code), ("A", ""));
    assert_eq!(bench.count(), 8);
}

#[tokio::test]
async fn a_guard_holds_at_its_bound_and_not_below() {
    for (floor, code, count) in [(5, "", 5), (6, "guard_failed", 0)] {
        let bench = Bench::new();
        let (_, found) = run(&bench, move |_, work| {
            work.peek::<Counter>("only")?;
            work.add::<Counter>("only", "count", 5).at_least(floor);
            Ok(())
        })
        .await;
        assert_eq!((found, bench.count()), (code, count));
    }
}

#[tokio::test]
async fn new_ids_differ_and_are_the_same_when_decided_again() {
    let bench = Bench::new();
    let seen: Seen<String> = Arc::default();
    let notes = seen.clone();
    let (_, code) = run(&bench, move |_, work| {
        let ids: Vec<_> = (0..3).map(|_| work.unique_id()).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        let mut known = notes.lock().unwrap();
        assert!(known.is_empty() || *known == ids);
        *known = ids;
        drop(known);
        work.get::<Account>("1").map(drop)
    })
    .await;
    assert_eq!(code, "");
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_staged_is_the_records_own_failure_whatever_its_handler_says() {
    let (outcome, code) = run(&Bench::new(), |_, work| {
        work.put(&word("", "no partition"));
        Ok(())
    })
    .await;
    assert_eq!((outcome.as_str(), code), ("D", "invalid_key"));
    let (_, code) = run(&Bench::new(), |_, work| {
        work.put(&word("", "no partition"));
        Err(Rejection::permanent("its_own", "it refuses anyway"))
    })
    .await;
    assert_eq!(code, "its_own");
}

#[tokio::test]
async fn all_records_of_an_invocation_have_one_instant() {
    let bench = Bench::new();
    let now = bench.timer.now();
    let (_, code) = run(&bench, move |_, work| {
        assert_eq!(work.now(), now);
        Ok(())
    })
    .await;
    assert_eq!(code, "");
}

/// The tokens under which a batch's transactions are sent, when each call ends as told.
async fn tokens(verdicts: fn(usize, &Transaction) -> Verdict) -> Vec<String> {
    let bench = Bench::new();
    let tokens: Seen<String> = Arc::default();
    let sent = tokens.clone();
    let store = Interposed::new(&bench.store, move |number, transaction: &Transaction| {
        sent.lock().unwrap().push(transaction.token.clone());
        verdicts(number, transaction)
    });
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    let tokens = tokens.lock().unwrap();
    tokens.clone()
}

fn cancelled(transaction: &Transaction, reason: &Cancellation) -> Verdict {
    let reasons = transaction.writes.iter().map(|_| Some(reason.clone()));
    Verdict::FailBefore(CommitError::Cancelled(reasons.collect()))
}

#[tokio::test]
async fn an_unknown_end_is_asked_for_under_its_token_and_a_cancelled_one_gets_another() {
    let unknown = tokens(|number, _| match number {
        0 | 1 => Verdict::FailBefore(CommitError::Unknown("the connection broke".into())),
        _ => Verdict::Pass,
    })
    .await;
    assert!(unknown.len() == 3 && unknown.iter().all(|token| *token == unknown[0]));
    let renewed = tokens(|number, transaction| match number {
        0 | 1 => cancelled(transaction, &Cancellation::Conflict),
        _ => Verdict::Pass,
    })
    .await;
    assert!(renewed[0] != renewed[1] && renewed[1] != renewed[2] && renewed[0] != renewed[2]);
}

#[tokio::test]
async fn what_changed_is_decided_again_after_a_pause_under_another_token() {
    let bench = Bench::new();
    let store = Interposed::new(
        &bench.store,
        |number, transaction: &Transaction| match number {
            0 => cancelled(transaction, &Cancellation::ConditionFailed),
            _ => Verdict::Pass,
        },
    );
    let engine = bench.engine_over(Skipping(charge), store, bench.letters.clone());
    let before = bench.timer.now();
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(outcomes(&processed), "A");
    assert!(bench.timer.now() > before, "there was no pause");
    let again = tokens(|number, transaction| match number {
        0 => cancelled(transaction, &Cancellation::ConditionFailed),
        _ => Verdict::Pass,
    })
    .await;
    assert_ne!(again[0], again[1]);
}

/// `?` is not the only thing that one can do with an error.
#[tokio::test]
async fn a_miss_that_a_handler_swallows_is_loaded_all_the_same() {
    let bench = Bench::new();
    let engine = bench.engine(Skipping(charge));
    bench
        .run(&engine, &[charged(0, "a", "1", 5), charged(1, "b", "2", 5)])
        .await;
    // The second read only shows when the first is loaded.
    let handler = Skipping(|_: &Record<BalanceCharged>, work: &mut Work<'_>| {
        let first = work.get::<Account>("1").ok().flatten();
        let second = first.and_then(|_| work.get::<Account>("2").ok().flatten());
        work.add::<Counter>("only", "count", i64::from(second.is_some()));
        Ok(())
    });
    let processed = bench
        .run_as(&bench.engine(handler), "third", &[charged(2, "c", "3", 5)])
        .await;
    assert_eq!(outcomes(&processed), "A");
    assert_eq!(bench.count(), 1, "both accounts are there");
}

#[tokio::test]
async fn an_outgoing_event_is_taken_up_to_its_last_byte() {
    /// Publishes an event with so long a text; what became of the record, and how long the value was.
    async fn published(characters: usize) -> (String, Option<usize>, Vec<&'static str>) {
        let bench = Bench::new();
        let handler = Skipping(move |_: &Record<BalanceCharged>, work: &mut Work<'_>| {
            work.publish(ErrorLogged {
                service: ServiceName::new("s").unwrap(),
                error_type: None,
                message: "m".into(),
                level: LogLevel::default(),
                stack_trace: Some("x".repeat(characters)),
                trace_id: None,
            });
            Ok(())
        });
        let processed = bench
            .run(&bench.engine(handler), &[charged(0, "a", "1", 5)])
            .await;
        let rows = bench.store.table("outbox");
        let value = rows
            .first()
            .map(|(_, row)| row.body["events"][0]["value"].as_str().unwrap().len());
        (outcomes(&processed), value, bench.codes())
    }
    let (_, around, _) = published(1).await;
    let room = EVENT_BYTES_MAX - around.unwrap() + 1;
    let (outcome, bytes, _) = published(room).await;
    assert_eq!((outcome.as_str(), bytes), ("A", Some(EVENT_BYTES_MAX)));
    let (outcome, _, codes) = published(room + 1).await;
    assert_eq!(outcome, "D");
    assert_eq!(codes, ["outgoing_event_too_large"]);
}
