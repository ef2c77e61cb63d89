//! What a handler may rely on: what it sees, how often it runs, what its errors do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    Account, Bench, Counter, Positioned, Skipping, activity, charge, charged, code_of, named,
    outcomes, poison,
};
use event_schema::events::{NotificationChannel, NotificationKind, NotificationRequested};
use event_schema::{Labels, Recipient};
use processing::{Answer, Item, Key, Rejection, Work};
use serde::{Deserialize, Serialize};
use serde_json::json;
use testkit::{KafkaRecord, item_key};

#[tokio::test]
async fn later_records_see_what_earlier_ones_of_the_batch_did() {
    let bench = Bench::new();
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "1", 7),
        charged(2, "c", "1", -12),
    ];
    let processed = bench.run(&bench.engine(Skipping(charge)), &records).await;
    assert_eq!(outcomes(&processed), "AAA");
    assert_eq!(bench.account("1").unwrap().history, [5, 7, -12]);
    assert_eq!(
        processed.effort.commit_calls, 1,
        "three changes of an item are one write"
    );
}

#[tokio::test]
async fn an_error_undoes_its_record_and_nothing_else() {
    let bench = Bench::new();
    let handler = Skipping(|record: &processing::Record<_>, work: &mut Work<'_>| {
        charge(record, work)?;
        work.add::<Counter>("only", "count", 1);
        if record.position.offset == 1 {
            return Err(Rejection::permanent("refused", "the second is refused"));
        }
        Ok(())
    });
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "1", 7),
        charged(2, "c", "1", 1),
    ];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "ADA");
    assert_eq!(bench.account("1").unwrap().history, [5, 1]);
    assert_eq!(bench.count(), 2);
    assert_eq!(bench.codes(), ["refused"]);
}

#[tokio::test]
async fn a_swallowed_miss_changes_nothing() {
    let bench = Bench::new();
    bench.store.seed(
        item_key("accounts", "1", "-"),
        &json!({
            "user_id": "1", "balance": 100, "history": [100],
        }),
    );
    let handler = Skipping(|_: &processing::Record<_>, work: &mut Work<'_>| {
        let account = work.get::<Account>("1").unwrap_or(None);
        let balance = account.map_or(-1, |account| account.balance);
        work.add::<Counter>("only", "count", balance);
        Ok(())
    });
    bench
        .run(&bench.engine(handler), &[charged(0, "a", "1", 5)])
        .await;
    assert_eq!(bench.count(), 100);
}

#[tokio::test]
async fn a_panic_is_the_records_own_permanent_failure() {
    let bench = Bench::new();
    let handler = Skipping(|record: &processing::Record<_>, work: &mut Work<'_>| {
        assert!(record.position.offset != 1, "the second panics");
        charge(record, work)
    });
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "1", 7),
        charged(2, "c", "1", 1),
    ];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "ADA");
    assert_eq!(bench.codes(), ["panic"]);
}

/// Item `n` names item `n - 1`.
#[derive(Serialize, Deserialize)]
struct Link {
    n: i64,
}

impl Item for Link {
    const TABLE: &'static str = "links";
    fn key(&self) -> Key {
        Key::from(self.n.to_string().as_str())
    }
}

fn follow(
    links: i64,
) -> impl Fn(
    &processing::Record<event_schema::events::BalanceCharged>,
    &mut Work<'_>,
) -> Result<(), Rejection> {
    move |_, work| {
        let mut next = links;
        while next > 0 {
            next = work
                .get::<Link>(next.to_string().as_str())?
                .map_or(0, |link| link.n);
        }
        work.add::<Counter>("only", "count", 1);
        Ok(())
    }
}

#[tokio::test]
async fn reads_that_depend_on_reads_cost_a_round_each_up_to_four() {
    for (links, expected) in [(4, "A"), (5, "D")] {
        let bench = Bench::new();
        for n in 1..=links {
            let key = item_key("links", n.to_string(), "-");
            bench.store.seed(key, &Link { n: n - 1 });
        }
        let processed = bench
            .run(
                &bench.engine(Skipping(follow(links))),
                &[charged(0, "a", "1", 5)],
            )
            .await;
        assert_eq!(outcomes(&processed), expected, "{links} links");
    }
}

#[tokio::test]
async fn a_batch_is_loaded_at_once_whatever_its_records_read() {
    let bench = Bench::new();
    let records: Vec<_> = (0..50)
        .map(|n| charged(n, &format!("e-{n}"), &format!("u-{n}"), 5))
        .collect();
    let processed = bench.run(&bench.engine(Skipping(charge)), &records).await;
    assert_eq!(
        processed.effort.load_calls, 1,
        "50 markers and 50 accounts are 100 keys"
    );
    assert_eq!(processed.effort.commit_calls, 1, "and 100 writes");
}

#[tokio::test]
async fn a_transient_rejection_holds_back_its_key_and_nothing_else() {
    let bench = Bench::new();
    let handler = Skipping(|record: &processing::Record<_>, work: &mut Work<'_>| {
        if record.position.offset == 1 {
            return Err(Rejection::transient(
                "not_yet",
                "what it waits for is not there",
            ));
        }
        charge(record, work)
    });
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "1", 7),
        charged(2, "c", "2", 3),
        charged(3, "d", "1", 1),
    ];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "AFAF");
    assert_eq!(named(&processed), [1, 3]);
    assert_eq!(code_of(&processed.records[3].outcome), "behind_unfinished");
    assert_eq!(bench.account("1").unwrap().history, [5]);
}

#[tokio::test]
async fn duplicates_behind_an_unfinished_record_are_named_too() {
    let bench = Bench::new();
    let later = charged(3, "d", "1", 1);
    bench
        .run(
            &bench.engine(Skipping(charge)),
            std::slice::from_ref(&later),
        )
        .await;
    let handler = Skipping(|_: &processing::Record<_>, _: &mut Work<'_>| {
        Err(Rejection::transient(
            "not_yet",
            "what it waits for is not there",
        ))
    });
    let processed = bench
        .run(&bench.engine(handler), &[charged(1, "b", "1", 7), later])
        .await;
    assert_eq!(named(&processed), [1, 3]);
}

#[tokio::test]
async fn without_partial_responses_anything_unfinished_fails_the_invocation() {
    let bench = Bench::new();
    let handler = Skipping(|_: &processing::Record<_>, _: &mut Work<'_>| {
        Err(Rejection::transient(
            "not_yet",
            "what it waits for is not there",
        ))
    });
    let settings = processing::EngineSettings::default();
    let engine = processing::DecideEngine::new(
        handler,
        bench.store.clone(),
        bench.letters.clone(),
        bench.timer.clone(),
        settings,
    );
    let processed = bench.run(&engine, &[charged(0, "a", "1", 5)]).await;
    assert_eq!(
        processed.answer,
        Answer::Fail {
            unfinished: 1,
            code: "not_yet"
        }
    );
}

#[tokio::test]
async fn a_record_without_an_id_is_a_dead_letter_of_a_function_that_needs_one() {
    let bench = Bench::new();
    let undated =
        KafkaRecord::new(common::BALANCES, 0, 0).json(&json!({ "user_id": "1", "amount": 5 }));
    let processed = bench.run(&bench.engine(Skipping(charge)), &[undated]).await;
    assert_eq!(outcomes(&processed), "D");
    assert_eq!(bench.codes(), ["missing_event_id"]);
}

#[tokio::test]
async fn a_position_function_takes_a_record_without_an_id() {
    let bench = Bench::new();
    let engine = bench.engine(Positioned(
        |_: &processing::Record<_>, work: &mut Work<'_>| {
            work.add::<Counter>("only", "count", 1);
            Ok(())
        },
    ));
    let processed = bench
        .run(&engine, &[activity(0, "u"), activity(1, "u")])
        .await;
    assert_eq!(outcomes(&processed), "AA");
    assert_eq!(bench.count(), 2);
}

#[tokio::test]
async fn an_event_of_another_type_is_ignored_and_its_marks_are_not_written() {
    let bench = Bench::new();
    let other = KafkaRecord::new(common::BALANCES, 0, 0)
        .json(&json!({ "event_id": "x", "event_type": "payment.completed", "amount": 1 }));
    let processed = bench.run(&bench.engine(Skipping(charge)), &[other]).await;
    assert_eq!(outcomes(&processed), "I");
    assert_eq!(bench.store.items(), []);
    assert!(bench.codes().is_empty());
}

#[tokio::test]
async fn a_tombstone_is_a_dead_letter() {
    let bench = Bench::new();
    let tombstone = KafkaRecord::new(common::BALANCES, 0, 0).key("user:1");
    let processed = bench
        .run(&bench.engine(Skipping(charge)), &[tombstone])
        .await;
    assert_eq!(outcomes(&processed), "D");
    assert_eq!(bench.codes(), ["tombstone"]);
}

#[tokio::test]
async fn a_poison_record_in_the_middle_loses_nothing_and_orders_everything() {
    let bench = Bench::new();
    let records = [
        charged(0, "a", "1", 5),
        poison(1, "1"),
        charged(2, "b", "1", 7),
    ];
    let processed = bench.run(&bench.engine(Skipping(charge)), &records).await;
    assert_eq!(outcomes(&processed), "ADA");
    assert_eq!(bench.account("1").unwrap().history, [5, 7]);
    let letters = bench.letters.letters();
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0].record.get().contains("bm90IGpzb24="),
        "the record is in its letter"
    );
    assert_eq!(letters[0].position.as_ref().unwrap().offset, 1);
}

#[tokio::test]
async fn a_malformed_record_is_a_dead_letter_and_harms_no_neighbour() {
    let bench = Bench::new();
    let payload = testkit::EventBuilder::new()
        .record(&charged(0, "a", "1", 5))
        .raw(
            "balance.balance.charged-0",
            json!({ "topic": common::BALANCES, "partition": 0,
            "offset": 1, "value": 17 }),
        )
        .record(&charged(2, "b", "1", 7))
        .build();
    let engine = bench.engine(Skipping(charge));
    let invocation = testkit::invocation("r", &bench.timer);
    let processed = processing::Processor::process(&engine, &payload, &invocation)
        .await
        .unwrap();
    assert_eq!(processed.records.len(), 3);
    assert_eq!(bench.account("1").unwrap().history, [5, 7]);
    assert_eq!(bench.codes(), ["invalid_field"]);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_sent_leaves_its_record_unfinished() {
    let bench = Bench::new();
    bench.letters.refuse(true);
    let records = [
        charged(0, "a", "1", 5),
        poison(1, "1"),
        charged(2, "b", "2", 7),
    ];
    let processed = bench.run(&bench.engine(Skipping(charge)), &records).await;
    assert_eq!(outcomes(&processed), "AFA");
    assert_eq!(named(&processed), [1]);
}

/// Neither its effects nor the checks of what its refusal rests on fit a transaction.
#[tokio::test]
async fn a_record_that_reads_more_than_a_transaction_is_finished_as_a_dead_letter() {
    let bench = Bench::new();
    let users: Vec<_> = (0..150).map(|n| format!("u-{n}")).collect();
    let handler = Skipping(move |_: &processing::Record<_>, work: &mut Work<'_>| {
        work.get_many::<Account, _>(&users)?;
        Err(Rejection::permanent("unlucky", "none of them will do"))
    });
    let engine = bench.engine(handler);
    let records = [charged(0, "a", "1", 5)];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "D");
    assert_eq!(bench.codes(), ["unlucky"]);
    let again = bench.run_as(&engine, "again", &records).await;
    assert_eq!(outcomes(&again), "U", "its mark is there");
}

#[tokio::test]
async fn a_record_that_needs_more_than_a_transaction_is_too_large() {
    let bench = Bench::new();
    let handler = Skipping(|_: &processing::Record<_>, work: &mut Work<'_>| {
        for n in 0..100 {
            work.add::<Counter>(format!("c-{n}").as_str(), "count", 1);
        }
        Ok(())
    });
    let processed = bench
        .run(&bench.engine(handler), &[charged(0, "a", "1", 5)])
        .await;
    assert_eq!(outcomes(&processed), "D");
    assert_eq!(bench.codes(), ["too_large"]);
    assert!(bench.store.table("counters").is_empty());
}

#[tokio::test]
async fn a_key_that_the_store_cannot_take_is_the_records_own_failure() {
    let bench = Bench::new();
    let handler = Skipping(|record: &processing::Record<_>, work: &mut Work<'_>| {
        if record.position.offset == 0 {
            work.get::<Account>("k".repeat(3_000).as_str())?;
        }
        charge(record, work)
    });
    let records = [charged(0, "a", "1", 5), charged(1, "b", "1", 7)];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "DA");
    assert_eq!(bench.codes(), ["invalid_key"]);
}

#[tokio::test]
async fn published_events_are_rows_of_the_same_transaction_with_repeatable_ids() {
    let rows = |bench: &Bench| -> Vec<serde_json::Value> {
        let rows = bench.store.table("outbox").into_iter();
        rows.flat_map(|(_, row)| row.body["events"].as_array().unwrap().clone())
            .collect()
    };
    let notify = |record: &processing::Record<event_schema::events::BalanceCharged>,
                  work: &mut Work<'_>| {
        charge(record, work)?;
        work.publish(NotificationRequested {
            recipient: Recipient::new(record.event.user_id.as_str()).unwrap(),
            kind: NotificationKind::Welcome,
            channel: NotificationChannel::default(),
            locale: None,
            data: Labels::default(),
        });
        Ok(())
    };
    let (first, second) = (Bench::new(), Bench::new());
    let records = [charged(0, "a", "1", 5), charged(1, "b", "1", 7)];
    first.run(&first.engine(Skipping(notify)), &records).await;
    second.run(&second.engine(Skipping(notify)), &records).await;
    let (first_rows, second_rows) = (rows(&first), rows(&second));
    assert_eq!(first_rows.len(), 2);
    let ids = |rows: &[serde_json::Value]| -> Vec<String> {
        rows.iter()
            .map(|row| row["event_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&first_rows), ids(&second_rows));
    assert_ne!(first_rows[0]["event_id"], first_rows[1]["event_id"]);
    let transactions = first.store.applied();
    assert_eq!(
        transactions.len(),
        1,
        "marker, effect and event are one transaction"
    );
}

#[tokio::test]
async fn a_query_sees_what_the_batch_added() {
    #[derive(Serialize, Deserialize)]
    struct Waiting {
        list: String,
        user: String,
    }
    impl Item for Waiting {
        const TABLE: &'static str = "waiting";
        fn key(&self) -> Key {
            Key::from((&self.list, &self.user))
        }
    }
    let bench = Bench::new();
    let seeded = Waiting {
        list: "concert".into(),
        user: "u-5".into(),
    };
    bench
        .store
        .seed(item_key("waiting", "concert", "u-5"), &seeded);
    let handler = Skipping(|record: &processing::Record<_>, work: &mut Work<'_>| {
        let before: Vec<Waiting> = work.query("concert", "u-", Some("u-1"), 10)?;
        work.add::<Counter>("only", "count", i64::try_from(before.len()).unwrap());
        let user = format!("u-{}", record.position.offset + 1);
        work.put(&Waiting {
            list: "concert".into(),
            user,
        });
        Ok(())
    });
    // u-1 is not above the cursor; u-2 is; each record sees u-5 and what came before it.
    let records = [
        charged(0, "a", "1", 5),
        charged(1, "b", "2", 5),
        charged(2, "c", "3", 5),
    ];
    let processed = bench.run(&bench.engine(handler), &records).await;
    assert_eq!(outcomes(&processed), "AAA");
    assert_eq!(bench.count(), 1 + 1 + 2);
}
