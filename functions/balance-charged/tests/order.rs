//! A user's charges keep their order when one of them fails: those behind it wait, and are put back in order.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use balance_charged::{Balance, BalanceChargedHandler, LedgerEntry, Outcome};
use common::{amounts, balance, charge, entries, named};
use processing::{Answer, Processed};
use serde_json::{Value, json};
use testkit::{KafkaRecord, Rig, item_key};

/// A record with the key of its user, in the users' one partition.
fn record(offset: i64, value: &Value) -> KafkaRecord {
    let user = value.get("user_id").and_then(Value::as_str).unwrap();
    let mut value = value.clone();
    let fields = value.as_object_mut().unwrap();
    fields.insert("event_id".to_owned(), json!(format!("e-{offset}")));
    KafkaRecord::new("balance.balance.charged", 0, offset)
        .key(format!("user:{user}"))
        .json(&value)
}

/// A charge of `u-1`.
fn of(offset: i64, amount: &str) -> KafkaRecord {
    record(offset, &charge("u-1", amount))
}

/// A charge of `u-1` that nobody can read.
fn unreadable(offset: i64) -> KafkaRecord {
    KafkaRecord::new("balance.balance.charged", 0, offset)
        .key("user:u-1")
        .value(r#"{"user_id":"u-1","amo"#)
}

/// What became of the records, a letter each: applied, dUplicate, parked, dead letter.
fn outcomes(processed: &Processed) -> String {
    use processing::Outcome::{Applied, DeadLettered, Duplicate, Ignored, Parked, Unfinished};
    let letter = |outcome: &processing::Outcome| match outcome {
        Applied => 'A',
        Duplicate => 'U',
        Parked => 'P',
        DeadLettered(_) => 'D',
        Ignored => 'I',
        Unfinished(_) => 'F',
    };
    let records = processed.records.iter();
    records.map(|record| letter(&record.outcome)).collect()
}

/// The row of a parked record, as an operator finds it.
fn row_of(rig: &Rig<BalanceChargedHandler>, offset: i64) -> String {
    let place = format!("#{offset:020}@");
    let rows = rig
        .store
        .table("state")
        .into_iter()
        .map(|(key, _)| key.sort);
    let mut rows = rows.filter(|sort| sort.starts_with("row#") && sort.contains(&place));
    rows.next().unwrap()
}

fn is_free(processed: &Processed) -> bool {
    matches!(processed.answer, Answer::Respond(_))
}

#[tokio::test]
async fn behind_a_charge_that_cannot_be_read_the_users_charges_wait_and_others_go_on() {
    let rig = Rig::new(BalanceChargedHandler);
    let first = [
        of(0, "10"),
        unreadable(1),
        of(2, "-10"),
        record(3, &charge("u-2", "7")),
    ];
    assert_eq!(outcomes(&rig.run(&first).await), "ADPA");
    assert_eq!(
        outcomes(&rig.run(&[of(4, "5")]).await),
        "P",
        "a later batch too"
    );
    assert_eq!(balance(&rig, "u-1"), "10", "nothing overtakes");
    assert_eq!(balance(&rig, "u-2"), "7");
    assert_eq!(
        rig.codes(),
        ["invalid_json"],
        "one letter, for the one that failed"
    );

    let row = row_of(&rig, 1);
    let skipped = rig
        .unpark("user:u-1", Some((&row, "it was never meant")))
        .await;
    assert_eq!(outcomes(&skipped), "DAA");
    assert!(is_free(&skipped));
    assert_eq!(amounts(&rig, "u-1", Outcome::Applied), ["10", "-10", "5"]);
    assert_eq!(balance(&rig, "u-1"), "5");
    assert_eq!(
        outcomes(&rig.run(&[of(5, "1")]).await),
        "A",
        "the key is free"
    );
    assert_eq!(outcomes(&rig.run(&[of(2, "-10"), of(4, "5")]).await), "UU");
    assert_eq!(balance(&rig, "u-1"), "6");
}

/// A withdrawal that overtook the charge before it would be refused, and the balance another.
#[tokio::test]
async fn what_waited_is_decided_in_order_once_the_fault_is_mended() {
    let charges = ["10", "-8", "-5", "4", "-6"];
    let undisturbed = Rig::new(BalanceChargedHandler);
    for (offset, amount) in (0_i64..).zip(charges) {
        undisturbed.run(&[of(offset, amount)]).await;
    }
    let refused = amounts(&undisturbed, "u-1", Outcome::InsufficientFunds);
    assert_eq!(
        (balance(&undisturbed, "u-1"), refused),
        ("0".to_owned(), vec!["-5".to_owned()])
    );

    let rig = Rig::new(BalanceChargedHandler);
    let broken = json!({ "user_id": "u-1", "balance": "ten", "entries": 0 });
    rig.store.seed(item_key("balances", "u-1", "-"), &broken);
    let records: Vec<_> = (0_i64..)
        .zip(charges)
        .map(|(n, amount)| of(n, amount))
        .collect();
    assert_eq!(outcomes(&rig.run(&records[..3]).await), "DPP");
    assert_eq!(outcomes(&rig.run(&records[3..]).await), "PP");
    assert_eq!(rig.codes(), ["item_unreadable"]);
    let early = rig.unpark("user:u-1", None).await;
    assert!(!is_free(&early), "it still cannot be decided");
    assert!(rig.items::<LedgerEntry>().is_empty());

    let mended: Balance = serde_json::from_value(json!({
        "user_id": "u-1", "balance": "0", "entries": 0, "updated_at": rig.now(),
    }))
    .unwrap();
    let item = serde_json::to_value(&mended).unwrap();
    rig.store.seed(item_key("balances", "u-1", "-"), &item);
    let put_back = rig.unpark("user:u-1", None).await;
    assert_eq!(outcomes(&put_back), "AAAAA");
    assert!(is_free(&put_back));
    assert_eq!(entries(&rig, "u-1"), entries(&undisturbed, "u-1"));
    assert_eq!(balance(&rig, "u-1"), "0");
}

#[tokio::test]
async fn a_charge_that_contradicts_what_was_decided_holds_the_user_up_until_it_is_resolved() {
    let rig = Rig::new(BalanceChargedHandler);
    let records = [
        record(0, &named("u-1", "ch-1", "100")),
        record(1, &named("u-1", "ch-1", "200")),
        of(2, "-150"),
    ];
    assert_eq!(outcomes(&rig.run(&records).await), "ADP");
    assert_eq!(rig.codes(), ["charge_differs"]);
    assert_eq!(
        balance(&rig, "u-1"),
        "100",
        "who took 150 is not refused too early"
    );
    let row = row_of(&rig, 1);
    let skipped = rig.unpark("user:u-1", Some((&row, "100 is right"))).await;
    assert_eq!(outcomes(&skipped), "DA");
    assert_eq!(amounts(&rig, "u-1", Outcome::InsufficientFunds), ["-150"]);
    assert_eq!(balance(&rig, "u-1"), "100");
}

#[tokio::test]
async fn a_refused_charge_holds_nobody_up() {
    let rig = Rig::new(BalanceChargedHandler);
    let records = [of(0, "-1"), of(1, "2"), of(2, "-2")];
    assert_eq!(outcomes(&rig.run(&records).await), "AAA");
    assert_eq!(amounts(&rig, "u-1", Outcome::Applied), ["2", "-2"]);
}
