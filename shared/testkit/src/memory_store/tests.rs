//! What only this store promises; what every store promises is in the conformance suite.

use futures_util::FutureExt;
use processing::{Addition, Change, CommitError, Expect, Query, Store, Transaction, Write};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;

fn body(value: Value) -> Body {
    let Value::Object(body) = value else {
        panic!("an object")
    };
    body
}

fn put(sort: &str, expect: Expect, value: Value) -> Write {
    Write {
        key: item_key("t", "p", sort),
        expect,
        change: Change::Put(body(value)),
    }
}

fn add(sort: &str, field: &str, amount: &str) -> Write {
    let amount = amount.parse().unwrap();
    let addition = Addition {
        field: field.to_owned(),
        amount,
        at_least: None,
    };
    let change = Change::Add(vec![addition]);
    Write {
        key: item_key("t", "p", sort),
        expect: Expect::Anything,
        change,
    }
}

fn commit(store: &MemoryStore, token: &str, writes: Vec<Write>) -> Result<(), CommitError> {
    let transaction = Transaction {
        token: token.to_owned(),
        writes,
    };
    store
        .commit(&transaction)
        .now_or_never()
        .expect("ready at once")
}

#[test]
fn a_token_is_forgotten_after_ten_minutes() {
    let timer = VirtualTimer::manual();
    let store = MemoryStore::with_clock(&timer);
    let writes = vec![add("a", "n", "1")];
    commit(&store, "x", writes.clone()).unwrap();
    commit(&store, "x", writes.clone()).unwrap();
    assert_eq!(
        store.item("t", "p", "a").unwrap().body,
        body(json!({"n": 1}))
    );
    timer.advance(std::time::Duration::from_secs(601));
    commit(&store, "x", writes).unwrap();
    assert_eq!(
        store.item("t", "p", "a").unwrap().body,
        body(json!({"n": 2}))
    );
}

#[test]
fn a_token_of_a_cancelled_transaction_is_not_remembered() {
    let store = MemoryStore::new();
    let writes = vec![put("a", Expect::Version(1), json!({"n": 2}))];
    assert!(matches!(
        commit(&store, "x", writes.clone()),
        Err(CommitError::Cancelled(_))
    ));
    store.seed(item_key("t", "p", "a"), &json!({"n": 1}));
    commit(&store, "x", writes).unwrap();
}

#[test]
fn a_decimal_made_by_additions_stays_a_number() {
    let store = MemoryStore::new();
    commit(&store, "1", vec![add("a", "sum", "0.1")]).unwrap();
    assert_eq!(
        store.item("t", "p", "a").unwrap().body,
        body(json!({"sum": "0.1"}))
    );
    commit(&store, "2", vec![add("a", "sum", "0.9")]).unwrap();
    assert_eq!(
        store.item("t", "p", "a").unwrap().body,
        body(json!({"sum": 1}))
    );
}

#[test]
fn a_put_that_does_not_say_what_it_replaces_is_refused() {
    let store = MemoryStore::new();
    let blind = put("a", Expect::Anything, json!({"n": 1}));
    assert!(matches!(
        commit(&store, "x", vec![blind]),
        Err(CommitError::Invalid(_))
    ));
}

#[test]
fn floating_point_and_key_names_are_refused() {
    let store = MemoryStore::new();
    for value in [json!({"n": [0.5]}), json!({"pk": "p"})] {
        let write = put("a", Expect::Absent, value);
        assert!(matches!(
            commit(&store, "x", vec![write]),
            Err(CommitError::Invalid(_))
        ));
    }
}

#[test]
fn calls_and_applied_writes_are_counted() {
    let store = MemoryStore::new();
    commit(&store, "1", vec![add("a", "n", "1"), add("b", "n", "1")]).unwrap();
    commit(&store, "2", vec![put("b", Expect::Absent, json!({}))]).unwrap_err();
    let a = item_key("t", "p", "a");
    store
        .load(std::slice::from_ref(&a))
        .now_or_never()
        .unwrap()
        .unwrap();
    let calls = StoreCalls {
        loads: 1,
        queries: 0,
        commits: 2,
    };
    assert_eq!(
        (store.calls(), store.applied().len(), store.writes_of(&a)),
        (calls, 1, 1)
    );
}

#[test]
fn a_query_does_not_leave_its_partition() {
    let store = MemoryStore::new();
    for (partition, sort) in [("p", "a"), ("p", "z"), ("pp", "a"), ("o", "b")] {
        store.seed(item_key("t", partition, sort), &json!({}));
    }
    let query = Query {
        table: "t",
        partition: "p".into(),
        sort_prefix: String::new(),
        after: None,
        limit: 10,
    };
    let found = store.query(&query).now_or_never().unwrap().unwrap();
    assert_eq!(found.len(), 2);
}

#[test]
fn a_seed_raises_the_version() {
    let store = MemoryStore::new();
    store.seed(item_key("t", "p", "a"), &json!({"n": Decimal::ONE}));
    store.seed(item_key("t", "p", "a"), &json!({"n": Decimal::ONE}));
    assert_eq!(store.item("t", "p", "a").unwrap().version, 2);
}
