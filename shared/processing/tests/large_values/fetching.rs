//! Records whose values lie elsewhere: everything that can be wrong with a value, and what follows from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_schema::VALUE_BYTES_MAX;
use event_schema::events::BalanceCharged;
use processing::{
    Attempt, Deliver, DeliverEngine, PAYLOAD_BYTES_AT_ONCE_MAX, PAYLOADS_IN_FLIGHT_MAX,
    PayloadError, Payloads, Record, Rejection, Timer as _,
};
use serde_json::{Value, json};
use testkit::{Fault, FaultPlan, FaultyPayloads, KafkaRecord, MemoryPayloads, VirtualTimer};

use super::common::redriving::{count_once, is_free, parked_items, redrive, unpark};
use super::common::{
    ACTIVITIES, Bench, Parking, Positioned, Skipping, charge, charged, code_of, named, outcomes,
    poison, settings,
};
use super::{BUCKET, charge_of, claimed, key_of, reference_to, said, sent, sha256};

#[tokio::test]
async fn a_claim_check_is_decided_as_the_event_that_it_stands_for() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Skipping(charge))
        .with_payloads(payloads.clone());
    let records = [
        charged(0, "a", "1", 5),
        claimed(&payloads, 1, "b", "1", 6),
        charged(2, "c", "1", 7),
    ];
    let processed = bench.run(&engine, &records).await;
    assert_eq!(outcomes(&processed), "AAA");
    assert_eq!(bench.account("1").unwrap().history, [5, 6, 7]);
    let mark = bench
        .store
        .item("state", "skipping#event#b", "mark")
        .unwrap();
    let own = sha256(records[1].value.as_deref().unwrap());
    assert_eq!(
        mark.body["payload_sha256"], own,
        "the hash of what was sent"
    );
    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!(outcomes(&again), "UUU");
}

/// A value, what is sent in its place, and the code of the dead letter.
fn wrongs() -> Vec<(&'static str, Value, Option<Vec<u8>>)> {
    let right = charge_of("a", "1", 5, 1_000);
    let bytes = right.clone().into_bytes();
    let reference = |value: &[u8]| reference_to("a", BUCKET, value);
    let other_id = charge_of("b", "1", 5, 1_000).into_bytes();
    let other_type = br#"{"event_id":"a","event_type":"order.created"}"#.to_vec();
    let nested = reference(&bytes).to_string().into_bytes();
    let mut same_size = bytes.clone();
    same_size[5] = b'!';
    let mut by_name = reference(&bytes);
    by_name["claim_check"]["key"] = json!("payloads/by-name");
    let mut unnamed = reference(&bytes);
    unnamed["event_id"].take();
    vec![
        ("payload_missing", reference(&bytes), None),
        ("payload_mismatch", reference(&bytes), Some(same_size)),
        (
            "payload_mismatch",
            reference(&bytes),
            Some(bytes[1..].to_vec()),
        ),
        (
            "payload_mismatch",
            reference(&bytes),
            Some([&bytes[..], b" "].concat()),
        ),
        ("payload_mismatch", reference(&other_id), Some(other_id)),
        ("payload_mismatch", reference(&other_type), Some(other_type)),
        ("invalid_claim_check", reference(&nested), Some(nested)),
        ("invalid_claim_check", by_name, Some(bytes.clone())),
        ("invalid_json", reference(b"no"), Some(b"no".to_vec())),
        (
            "payload_bucket_foreign",
            reference_to("a", "another", &bytes),
            Some(bytes.clone()),
        ),
        ("missing_event_id", unnamed, Some(bytes)),
    ]
}

#[tokio::test]
async fn a_value_that_is_not_what_its_reference_says_is_a_dead_letter_and_harms_no_neighbour() {
    for (code, value, object) in wrongs() {
        let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
        let engine = bench
            .engine(Skipping(charge))
            .with_payloads(payloads.clone());
        if let (Some(object), Some(key)) = (object, value["claim_check"]["key"].as_str()) {
            payloads.set(key, object);
        }
        let records = [sent(0, "1", &value), charged(1, "z", "1", 7)];
        let processed = bench.run(&engine, &records).await;
        assert_eq!(outcomes(&processed), "DA", "{value}");
        assert_eq!(code_of(&processed.records[0].outcome), code, "{value}");
        assert_eq!(bench.account("1").unwrap().history, [7]);
    }
}

#[tokio::test]
async fn without_a_bucket_the_dead_letter_names_the_setting() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let record = claimed(&payloads, 0, "a", "1", 5);
    let engine = bench.engine(Skipping(charge));
    let processed = bench.run(&engine, std::slice::from_ref(&record)).await;
    let outcome = &processed.records[0].outcome;
    assert_eq!(code_of(outcome), "payload_bucket_unset");
    assert!(
        said(outcome).contains("OVERFLOW_BUCKET is not set"),
        "{outcome:?}"
    );

    let engine = engine.with_payloads(payloads);
    let again = redrive(&bench, &engine, &[record]).await;
    assert_eq!(outcomes(&again), "A");
    assert_eq!(bench.account("1").unwrap().history, [5]);
}

#[tokio::test]
async fn while_the_bucket_fails_a_record_and_what_follows_it_under_its_key_is_unfinished() {
    for (fault, code, behind) in [
        (Fault::Refused, "payload_unavailable", "behind_unfinished"),
        (Fault::HangsBefore, "deadline", "deadline"),
    ] {
        let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
        let faulty = FaultyPayloads::new(payloads.clone(), &FaultPlan::at(1, fault));
        let engine = bench.engine(Skipping(charge)).with_payloads(faulty);
        let records = [
            claimed(&payloads, 0, "a", "1", 5),
            charged(1, "b", "1", 6),
            charged(2, "c", "2", 7),
        ];
        let processed = bench.run(&engine, &records).await;
        assert_eq!(code_of(&processed.records[0].outcome), code);
        assert_eq!(code_of(&processed.records[1].outcome), behind);
        assert_eq!(named(&processed)[..2], [0, 1]);
        assert!(bench.account("1").is_none());
        assert!(bench.codes().is_empty());

        let again = bench.run_as(&engine, "request-2", &records).await;
        assert_eq!(bench.account("1").unwrap().history, [5, 6]);
        assert_eq!(bench.account("2").unwrap().history, [7]);
        assert!(named(&again).is_empty());
    }
}

#[tokio::test]
async fn a_finished_record_is_a_duplicate_although_its_value_is_gone() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Skipping(charge))
        .with_payloads(payloads.clone());
    let records = [claimed(&payloads, 0, "a", "1", 5)];
    bench.run(&engine, &records).await;
    for key in payloads.objects().keys() {
        payloads.remove(key);
    }
    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!(outcomes(&again), "U");
    assert!(bench.codes().is_empty());
}

#[tokio::test]
async fn a_dead_letter_whose_value_is_back_is_put_back_once() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Skipping(charge))
        .with_payloads(payloads.clone());
    let records = [claimed(&payloads, 0, "a", "1", 5)];
    let (key, value) = payloads.objects().pop_first().unwrap();
    payloads.remove(&key);
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "D");
    let still = redrive(&bench, &engine, &records).await;
    assert_eq!(code_of(&still.records[0].outcome), "payload_missing");
    payloads.set(key, value);
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "A");
    assert_eq!(outcomes(&redrive(&bench, &engine, &records).await), "U");
    assert_eq!(bench.account("1").unwrap().history, [5]);
    assert_eq!(
        bench.letters.letters().len(),
        1,
        "one letter, however often it was sent"
    );
}

#[tokio::test]
async fn a_parked_key_is_put_back_with_the_values_that_lie_elsewhere() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let engine = bench
        .engine(Parking(charge))
        .with_payloads(payloads.clone());
    let head = claimed(&payloads, 0, "a", "1", 5);
    let (key, value) = payloads.objects().pop_first().unwrap();
    payloads.remove(&key);
    let records = [
        head,
        claimed(&payloads, 1, "b", "1", 6),
        charged(2, "c", "1", 7),
    ];
    assert_eq!(outcomes(&bench.run(&engine, &records).await), "DPP");
    let stuck = unpark(&bench, &engine, "user:1", None).await;
    assert!(!is_free(&stuck));
    assert!(bench.account("1").is_none());
    payloads.set(key, value);
    let freed = unpark(&bench, &engine, "user:1", None).await;
    assert!(is_free(&freed));
    assert_eq!(bench.account("1").unwrap().history, [5, 6, 7]);
    assert_eq!(parked_items(&bench), 0);
}

#[tokio::test]
async fn a_function_that_goes_by_positions_reads_them_too() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let plan = FaultPlan::at(2, Fault::Refused);
    let faulty = FaultyPayloads::new(payloads.clone(), &plan);
    let engine = bench.engine(Positioned(count_once)).with_payloads(faulty);
    let record = |offset| {
        let value = json!({ "user_id": "u", "action": format!("look-{offset}") }).to_string();
        payloads.set(key_of(&value), value.clone());
        let mut reference = reference_to("", BUCKET, value.as_bytes());
        reference["event_id"].take();
        KafkaRecord::new(ACTIVITIES, 0, offset)
            .key("u")
            .json(&reference)
    };
    let records = [record(0), record(1), record(2)];
    let processed = bench.run(&engine, &records).await;
    assert_eq!((outcomes(&processed).as_str(), bench.count()), ("AFF", 1));
    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!((outcomes(&again).as_str(), bench.count()), ("UAA", 3));
}

/// A bucket that notes how many calls were under way at once; each takes a while.
#[derive(Clone)]
struct Watched {
    inner: MemoryPayloads,
    timer: VirtualTimer,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Payloads for Watched {
    fn bucket(&self) -> Option<&str> {
        self.inner.bucket()
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), PayloadError> {
        self.inner.put(key, value).await
    }

    async fn get(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.timer.sleep(Duration::from_millis(10)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.inner.get(key, bytes_max).await
    }
}

#[tokio::test]
async fn values_are_fetched_side_by_side_within_bounds() {
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let watched = Watched {
        inner: payloads.clone(),
        timer: bench.timer.clone(),
        now: Arc::default(),
        most: Arc::default(),
    };
    let engine = bench
        .engine(Skipping(charge))
        .with_payloads(watched.clone());
    let record = |offset| {
        let id = format!("e-{offset}");
        let value = charge_of(&id, "1", offset + 1, 500);
        payloads.set(key_of(&value), value.clone());
        sent(offset, "1", &reference_to(&id, BUCKET, value.as_bytes()))
    };
    let records: Vec<_> = (0..40).map(record).collect();
    let processed = bench.run(&engine, &records).await;
    assert_eq!(outcomes(&processed), "A".repeat(40));
    let expected: Vec<i64> = (1..=40).collect();
    assert_eq!(bench.account("1").unwrap().history, expected);
    assert_eq!(watched.most.load(Ordering::SeqCst), PAYLOADS_IN_FLIGHT_MAX);
}

#[tokio::test]
async fn a_batch_that_is_too_much_at_once_is_worked_off_in_parts_and_in_order() {
    let bytes = VALUE_BYTES_MAX - 100;
    let count = 1 + usize::try_from(PAYLOAD_BYTES_AT_ONCE_MAX).unwrap() / bytes;
    let (bench, payloads) = (Bench::new(), MemoryPayloads::new());
    let plan = FaultPlan::at(2, Fault::Refused);
    let faulty = FaultyPayloads::new(payloads.clone(), &plan);
    let engine = bench.engine(Skipping(charge)).with_payloads(faulty);
    let record = |offset: usize| {
        let (id, offset) = (format!("e-{offset}"), i64::try_from(offset).unwrap());
        let value = charge_of(&id, "1", offset + 1, bytes);
        payloads.set(key_of(&value), value.clone());
        sent(offset, "1", &reference_to(&id, BUCKET, value.as_bytes()))
    };
    let records: Vec<_> = (0..count).map(record).collect();
    let processed = bench.run(&engine, &records).await;
    let expected = format!("A{}", "F".repeat(count - 1));
    assert_eq!(
        outcomes(&processed),
        expected,
        "nothing overtakes, also not into a later part"
    );
    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!(outcomes(&again), format!("U{}", "A".repeat(count - 1)));
    let history = bench.account("1").unwrap().history;
    assert!(history.is_sorted() && history.len() == count, "{history:?}");
    assert!(
        again.effort.commit_calls >= 2,
        "a part is committed before the next is fetched"
    );
}

/// Counts what it delivers.
#[derive(Clone, Default)]
struct Post(Arc<AtomicUsize>);

impl Deliver for Post {
    type Event = BalanceCharged;
    const NAME: &'static str = "post";

    async fn deliver(&self, _: &Record<BalanceCharged>, _: &Attempt) -> Result<(), Rejection> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_delivery_fetches_what_it_delivers_and_does_not_when_it_is_made() {
    let (bench, payloads, post) = (Bench::new(), MemoryPayloads::new(), Post::default());
    let plan = FaultPlan::at(1, Fault::Refused);
    let (store, letters) = (bench.store.clone(), bench.letters.clone());
    let engine = DeliverEngine::new(
        post.clone(),
        store,
        letters,
        bench.timer.clone(),
        settings(),
    )
    .with_payloads(FaultyPayloads::new(payloads.clone(), &plan));
    let records = [claimed(&payloads, 0, "a", "1", 5), charged(1, "b", "1", 6)];
    let processed = bench.run(&engine, &records).await;
    assert_eq!(outcomes(&processed), "FF");
    assert_eq!(
        code_of(&processed.records[0].outcome),
        "payload_unavailable"
    );
    let again = bench.run_as(&engine, "request-2", &records).await;
    assert_eq!(outcomes(&again), "AA");
    let gets = payloads.gets();
    let twice = bench.run_as(&engine, "request-3", &records).await;
    assert_eq!((outcomes(&twice).as_str(), payloads.gets()), ("UU", gets));
    assert_eq!(post.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_delivery_whose_value_is_wrong_is_a_dead_letter() {
    for (code, value, object) in wrongs() {
        let (bench, payloads, post) = (Bench::new(), MemoryPayloads::new(), Post::default());
        let (store, letters) = (bench.store.clone(), bench.letters.clone());
        let engine = DeliverEngine::new(
            post.clone(),
            store,
            letters,
            bench.timer.clone(),
            settings(),
        )
        .with_payloads(payloads.clone());
        if let (Some(object), Some(key)) = (object, value["claim_check"]["key"].as_str()) {
            payloads.set(key, object);
        }
        let records = [sent(0, "1", &value), poison(1, "2")];
        let processed = bench.run(&engine, &records).await;
        assert_eq!(outcomes(&processed), "DD", "{value}");
        assert!(bench.codes().contains(&code), "{value}");
        assert_eq!(post.0.load(Ordering::SeqCst), 0);
    }
}
