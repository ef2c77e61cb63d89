//! What a charge does: an entry, and a balance that agrees with all entries and is never negative.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use balance_charged::{BALANCE_MAX, Balance, BalanceChargedHandler, Charge, LedgerEntry, Outcome};
use common::{amounts, balance, charge, entries, named};
use serde_json::json;
use testkit::{KafkaRecord, Rig};

#[tokio::test]
async fn charges_add_up_and_each_has_its_entry() {
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([charge("u-1", "100"), charge("u-1", "-30.25")])
        .await;
    rig.send([charge("u-1", "0.05")]).await;
    assert_eq!(balance(&rig, "u-1"), "69.8");
    let entries = entries(&rig, "u-1");
    let told: Vec<_> = (entries.iter())
        .map(|entry| {
            (
                entry.number,
                entry.amount.to_string(),
                entry.balance.to_string(),
            )
        })
        .collect();
    let expected = [
        (1, "100", "100"),
        (2, "-30.25", "69.75"),
        (3, "0.05", "69.8"),
    ];
    let expected = expected.map(|(n, amount, after)| (n, amount.to_owned(), after.to_owned()));
    assert_eq!(told, expected);
    assert!(
        entries
            .iter()
            .all(|entry| entry.outcome == Outcome::Applied)
    );
}

#[tokio::test]
async fn a_charge_of_more_than_there_is_is_refused_and_those_behind_it_go_on() {
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([
        charge("u-1", "10"),
        charge("u-1", "-10.01"),
        charge("u-1", "-4"),
        charge("u-1", "-6"),
        charge("u-1", "-0.01"),
    ])
    .await;
    assert_eq!(balance(&rig, "u-1"), "0", "to the last cent, and not below");
    let outcomes: Vec<_> = entries(&rig, "u-1")
        .iter()
        .map(|entry| (entry.outcome, entry.balance.to_string()))
        .collect();
    let expected = [
        (Outcome::Applied, "10"),
        (Outcome::InsufficientFunds, "10"),
        (Outcome::Applied, "6"),
        (Outcome::Applied, "0"),
        (Outcome::InsufficientFunds, "0"),
    ];
    assert_eq!(
        outcomes,
        expected.map(|(one, after)| (one, after.to_owned()))
    );
    assert!(rig.codes().is_empty(), "a refusal is no failure");
    rig.send([charge("u-1", "3")]).await;
    assert_eq!(balance(&rig, "u-1"), "3", "and parks nothing");
}

#[tokio::test]
async fn a_user_without_money_has_a_refused_charge_and_a_balance_of_zero() {
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([charge("u-1", "-1")]).await;
    assert_eq!(balance(&rig, "u-1"), "0");
    assert_eq!(amounts(&rig, "u-1", Outcome::InsufficientFunds), ["-1"]);
}

#[tokio::test]
async fn the_balance_is_the_sum_of_the_applied_entries_whatever_comes() {
    let rig = Rig::new(BalanceChargedHandler);
    // A multiplicative generator: the same charges each time, of both signs and up to nine places.
    let mut state = 7_u64;
    for _ in 0..20 {
        let charges: Vec<_> = (0..15)
            .map(|_| {
                state = state * 48_271 % 2_147_483_647;
                let user = if state.is_multiple_of(3) {
                    "u-1"
                } else {
                    "u-2"
                };
                let cents = i64::try_from(state % 20_001).unwrap() - 10_000;
                let amount = rust_decimal::Decimal::new(cents.max(1 - cents), 2);
                let sign = if cents < 0 { "-" } else { "" };
                charge(user, &format!("{sign}{amount}000001"))
            })
            .collect();
        rig.send(charges).await;
        for user in ["u-1", "u-2"] {
            let stored = rig.item::<Balance>(user).unwrap();
            let entries = entries(&rig, user);
            let applied = entries.iter().filter(|one| one.outcome == Outcome::Applied);
            let sum: rust_decimal::Decimal = applied.map(|entry| entry.amount).sum();
            assert_eq!(stored.balance, sum);
            assert!(
                entries
                    .iter()
                    .all(|entry| !entry.balance.is_sign_negative())
            );
            let numbers: Vec<_> = entries.iter().map(|entry| entry.number).collect();
            assert_eq!(numbers, (1..=stored.entries).collect::<Vec<_>>());
        }
    }
    for outcome in [Outcome::Applied, Outcome::InsufficientFunds] {
        assert!(!amounts(&rig, "u-1", outcome).is_empty(), "both happened");
    }
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn a_charge_is_booked_once_whichever_events_tell_of_it() {
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([named("u-1", "ch-1", "100"), named("u-1", "ch-1", "100.00")])
        .await;
    rig.send([named("u-1", "ch-1", "100")]).await;
    assert_eq!(balance(&rig, "u-1"), "100");
    assert_eq!(entries(&rig, "u-1").len(), 1);
    rig.send([named("u-2", "ch-1", "100"), named("u-1", "ch-2", "1")])
        .await;
    assert_eq!(balance(&rig, "u-2"), "100", "another user's charge");
    assert_eq!(balance(&rig, "u-1"), "101");
}

#[tokio::test]
async fn a_refused_charge_stays_refused_when_it_is_told_of_again() {
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([named("u-1", "ch-1", "-5"), charge("u-1", "10")])
        .await;
    rig.send([named("u-1", "ch-1", "-5")]).await;
    assert_eq!(balance(&rig, "u-1"), "10");
}

#[tokio::test]
async fn the_entry_of_a_charge_says_what_is_known_of_it() {
    let rig = Rig::new(BalanceChargedHandler);
    let told = json!({ "event_id": "e-1", "user_id": "u-1", "amount": "5.50",
        "transactionId": 77, "paymentMethod": "CARD", "timestamp": "2026-11-21T10:15:30.123Z" });
    let record = KafkaRecord::new("balance.balance.charged", 2, 41).json(&told);
    rig.run(&[record]).await;
    let entry: LedgerEntry = entries(&rig, "u-1").remove(0);
    let position = "balance.balance.charged#0000000002#00000000000000000041#e-1";
    assert_eq!(entry.position, position);
    assert_eq!(entry.event_id.unwrap().as_str(), "e-1");
    assert_eq!(entry.charge_id.unwrap().as_str(), "77");
    assert_eq!(entry.method.unwrap().as_str(), "card");
    assert_eq!(entry.charged_at.to_string(), "2026-11-21T10:15:30.123Z");
    let known = rig.item::<Charge>(("u-1", "77")).unwrap();
    assert_eq!(
        (known.position.as_str(), known.amount),
        (position, entry.amount)
    );
}

#[tokio::test]
async fn an_entry_is_known_again_when_its_mark_is_gone() {
    let rig = Rig::new(BalanceChargedHandler);
    let record = rig.record(charge("u-1", "100"));
    rig.run(std::slice::from_ref(&record)).await;
    // A replay of the topic after marks have expired finds what was stored, and no marks.
    let replay = Rig::new(BalanceChargedHandler)
        .with(&rig.item::<Balance>("u-1").unwrap())
        .with(&entries(&rig, "u-1").remove(0));
    replay.run(&[record]).await;
    assert_eq!(balance(&replay, "u-1"), "100");
    assert_eq!(entries(&replay, "u-1").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_booked_exactly_is_a_dead_letter() {
    for (amount, code) in [
        ("0.0000000001", "amount_out_of_range"),
        ("1000000000000000000.1", "amount_out_of_range"),
        ("1000000000000000000", "balance_out_of_range"),
    ] {
        let rig = Rig::new(BalanceChargedHandler);
        rig.send([charge("u-1", "1"), charge("u-1", amount)]).await;
        assert_eq!(rig.codes(), [code], "{amount}");
        assert_eq!(balance(&rig, "u-1"), "1");
    }
    let rig = Rig::new(BalanceChargedHandler);
    rig.send([charge("u-1", &BALANCE_MAX.to_string())]).await;
    assert_eq!(balance(&rig, "u-1"), BALANCE_MAX.to_string());
}

#[tokio::test]
async fn money_that_is_brought_is_booked_also_on_a_balance_that_a_hand_made_negative() {
    let rig = Rig::new(BalanceChargedHandler);
    let wrong: Balance = serde_json::from_value(json!({
        "user_id": "u-1", "balance": "-10", "entries": 0, "updated_at": rig.now(),
    }))
    .unwrap();
    let rig = rig.with(&wrong);
    rig.send([
        charge("u-1", "4"),
        charge("u-1", "-1"),
        charge("u-1", "6.5"),
    ])
    .await;
    assert_eq!(amounts(&rig, "u-1", Outcome::Applied), ["4", "6.5"]);
    assert_eq!(balance(&rig, "u-1"), "0.5");
}
