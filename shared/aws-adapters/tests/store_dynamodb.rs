//! What the engine relies on in `DynamoDB`, against the embedded server.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use aws_adapters::{DynamoStore, tables};
use aws_sdk_dynamodb::types::AttributeValue;
use event_schema::Decimal;
use processing::{
    Addition, Body, Cancellation, Change, CommitError, Expect, ItemKey, Query, Store, Stored,
    TRANSACTION_WRITES_MAX, Transaction, Write,
};
use serde_json::{Value, json};

fn key(partition: &str, sort: &str) -> ItemKey {
    ItemKey {
        table: "orders",
        partition: partition.into(),
        sort: sort.into(),
    }
}

fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => unreachable!("an object, not {other}"),
    }
}

fn put(key: ItemKey, expect: Expect, value: Value) -> Write {
    Write {
        key,
        expect,
        change: Change::Put(body(value)),
    }
}

fn add(key: ItemKey, field: &str, amount: i64, at_least: Option<i64>) -> Write {
    let addition = Addition {
        field: field.to_owned(),
        amount: Decimal::from(amount),
        at_least: at_least.map(Decimal::from),
    };
    Write {
        key,
        expect: Expect::Anything,
        change: Change::Add(vec![addition]),
    }
}

async fn commit_as(
    store: &DynamoStore,
    token: &str,
    writes: Vec<Write>,
) -> Result<(), CommitError> {
    store
        .commit(&Transaction {
            token: token.to_owned(),
            writes,
        })
        .await
}

async fn commit(store: &DynamoStore, writes: Vec<Write>) -> Result<(), CommitError> {
    let token = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{writes:?}").as_bytes());
    commit_as(store, &token.to_string(), writes).await
}

async fn reasons(store: &DynamoStore, writes: Vec<Write>) -> Vec<Option<Cancellation>> {
    match commit(store, writes).await {
        Err(CommitError::Cancelled(reasons)) => reasons,
        other => unreachable!("cancelled, not {other:?}"),
    }
}

async fn read(store: &DynamoStore, key: ItemKey) -> Option<Stored> {
    store.load(&[key]).await.unwrap().pop().unwrap()
}

async fn sorts(store: &DynamoStore, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    let query = Query {
        table: "orders",
        partition: "p".into(),
        sort_prefix: prefix.into(),
        after: after.map(str::to_owned),
        limit,
    };
    let items = store.query(&query).await.unwrap();
    items.into_iter().map(|(key, _)| key.sort).collect()
}

#[tokio::test]
async fn a_hundred_keys_come_back_in_order_with_their_gaps() {
    let store = common::store().await;
    let keys: Vec<ItemKey> = (0..100).rev().map(|n| key(&format!("p{n}"), "-")).collect();
    let present = keys.iter().step_by(2);
    let writes =
        present.map(|key| put(key.clone(), Expect::Absent, json!({"name": key.partition})));
    commit(&store, writes.collect()).await.unwrap();

    let loaded = store.load(&keys).await.unwrap();
    assert_eq!(loaded.len(), 100);
    for (n, (key, stored)) in keys.iter().zip(loaded).enumerate() {
        let name = stored.map(|stored| stored.body["name"].clone());
        assert_eq!(name, (n % 2 == 0).then(|| json!(key.partition)));
    }
}

#[tokio::test]
async fn keys_of_several_tables_load_together() {
    let store = common::store().await;
    let product = ItemKey {
        table: "products",
        ..key("same", "-")
    };
    let order = key("same", "-");
    let writes = vec![
        put(product.clone(), Expect::Absent, json!({"is": "product"})),
        put(order.clone(), Expect::Absent, json!({"is": "order"})),
    ];
    commit(&store, writes).await.unwrap();
    let loaded = store.load(&[order, product]).await.unwrap();
    let is: Vec<_> = loaded
        .into_iter()
        .map(|stored| stored.unwrap().body["is"].clone())
        .collect();
    assert_eq!(is, ["order", "product"]);
}

#[tokio::test]
async fn no_keys_take_no_call() {
    // Nothing listens there.
    let client = common::dynamodb_client(([127, 0, 0, 1], 1).into()).await;
    let store = DynamoStore::new(&client, "");
    assert_eq!(store.load(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_body_comes_back_as_it_went_in() {
    let store = common::store().await;
    let value = json!({
        "size": 1, "name": "", "status": "ok", "price": "12.50", "least": i64::MIN, "gone": null,
        "lines": [{"product_id": "p-1", "quantity": 2}, []], "yes": true,
    });
    commit(
        &store,
        vec![put(key("p", "s"), Expect::Absent, value.clone())],
    )
    .await
    .unwrap();
    let stored = read(&store, key("p", "s")).await.unwrap();
    assert_eq!(
        stored,
        Stored {
            version: 1,
            body: body(value)
        }
    );
}

#[tokio::test]
async fn versions_count_writes_and_a_stale_one_is_refused() {
    let store = common::store().await;
    let item = || key("p", "s");
    commit(&store, vec![put(item(), Expect::Absent, json!({"n": 1}))])
        .await
        .unwrap();
    commit(
        &store,
        vec![put(item(), Expect::Version(1), json!({"n": 2}))],
    )
    .await
    .unwrap();
    assert_eq!(read(&store, item()).await.unwrap().version, 2);

    let failed = vec![Some(Cancellation::ConditionFailed)];
    for expect in [
        Expect::Version(1),
        Expect::Version(3),
        Expect::Absent,
        Expect::Version(0),
    ] {
        assert_eq!(
            reasons(&store, vec![put(item(), expect, json!({"n": 3}))]).await,
            failed
        );
    }
    assert_eq!(read(&store, item()).await.unwrap().body["n"], 2);
}

#[tokio::test]
async fn an_item_of_another_writer_has_version_0_and_can_be_taken_over() {
    let client = common::dynamodb().await;
    tables::create_tables(&client, "").await.unwrap();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let seeded = client
        .put_item()
        .table_name("orders")
        .item("pk", text("p"))
        .item("sk", text("s"));
    seeded
        .item("price", AttributeValue::N("2.5".into()))
        .send()
        .await
        .unwrap();

    let store = DynamoStore::new(&client, "");
    let item = || key("p", "s");
    let stored = read(&store, item()).await.unwrap();
    assert_eq!((stored.version, &stored.body["price"]), (0, &json!("2.5")));
    commit(
        &store,
        vec![put(item(), Expect::Version(0), json!({"n": 1}))],
    )
    .await
    .unwrap();
    assert_eq!(read(&store, item()).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_check_holds_its_transaction_back() {
    let store = common::store().await;
    commit(&store, vec![put(key("a", "-"), Expect::Absent, json!({}))])
        .await
        .unwrap();
    let check = |expect| Write {
        key: key("a", "-"),
        expect,
        change: Change::Check,
    };
    let new = || put(key("b", "-"), Expect::Absent, json!({}));

    let reasons = reasons(&store, vec![new(), check(Expect::Version(9))]).await;
    assert_eq!(reasons, [None, Some(Cancellation::ConditionFailed)]);
    assert_eq!(read(&store, key("b", "-")).await, None);

    commit(&store, vec![new(), check(Expect::Version(1))])
        .await
        .unwrap();
    assert_eq!(read(&store, key("a", "-")).await.unwrap().version, 1);
    assert!(read(&store, key("b", "-")).await.is_some());
}

#[tokio::test]
async fn a_deletion_holds_its_expectation() {
    let store = common::store().await;
    commit(&store, vec![put(key("p", "s"), Expect::Absent, json!({}))])
        .await
        .unwrap();
    let delete = |expect| Write {
        key: key("p", "s"),
        expect,
        change: Change::Delete,
    };
    let stale = reasons(&store, vec![delete(Expect::Version(2))]).await;
    assert_eq!(stale, [Some(Cancellation::ConditionFailed)]);
    commit(&store, vec![delete(Expect::Version(1))])
        .await
        .unwrap();
    assert_eq!(read(&store, key("p", "s")).await, None);
}

#[tokio::test]
async fn additions_make_items_count_versions_and_keep_fractions() {
    let store = common::store().await;
    commit(&store, vec![add(key("p", "s"), "count", 2, None)])
        .await
        .unwrap();
    commit(&store, vec![add(key("p", "s"), "count", 3, None)])
        .await
        .unwrap();
    let fraction = Addition {
        field: "sum".into(),
        amount: "0.25".parse().unwrap(),
        at_least: None,
    };
    let write = Write {
        key: key("p", "s"),
        expect: Expect::Version(2),
        change: Change::Add(vec![fraction]),
    };
    commit(&store, vec![write]).await.unwrap();
    let stored = read(&store, key("p", "s")).await.unwrap();
    assert_eq!(
        stored,
        Stored {
            version: 3,
            body: body(json!({"count": 5, "sum": "0.25"}))
        }
    );
}

#[tokio::test]
async fn a_guard_holds_what_the_field_has_before_the_addition() {
    let store = common::store().await;
    let item = || key("p", "s");
    let failed = [Some(Cancellation::ConditionFailed)];
    // An absent field counts as zero.
    assert_eq!(
        reasons(&store, vec![add(item(), "stock", -1, Some(1))]).await,
        failed
    );
    commit(&store, vec![add(item(), "stock", 5, Some(0))])
        .await
        .unwrap();
    commit(&store, vec![add(item(), "owed", 1, Some(-3))])
        .await
        .unwrap();

    assert_eq!(
        reasons(&store, vec![add(item(), "stock", -6, Some(6))]).await,
        failed
    );
    commit(&store, vec![add(item(), "stock", -5, Some(5))])
        .await
        .unwrap();
    assert_eq!(
        reasons(&store, vec![add(item(), "stock", -1, Some(1))]).await,
        failed
    );
    assert_eq!(read(&store, item()).await.unwrap().body["stock"], 0);
}

#[tokio::test]
async fn adding_to_what_is_no_number_is_invalid() {
    let store = common::store().await;
    commit(
        &store,
        vec![put(key("p", "s"), Expect::Absent, json!({"name": "x"}))],
    )
    .await
    .unwrap();
    let reasons = match commit(&store, vec![add(key("p", "s"), "name", 1, None)]).await {
        Err(CommitError::Cancelled(reasons)) => reasons,
        // A server may also refuse the whole request.
        Err(CommitError::Invalid(_)) => return,
        other => unreachable!("refused, not {other:?}"),
    };
    assert!(
        matches!(reasons.as_slice(), [Some(Cancellation::Invalid(_))]),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn each_write_of_a_cancelled_transaction_has_its_reason() {
    let store = common::store().await;
    commit(&store, vec![put(key("b", "-"), Expect::Absent, json!({}))])
        .await
        .unwrap();
    let reasons = reasons(
        &store,
        vec![
            put(key("a", "-"), Expect::Absent, json!({})),
            put(key("b", "-"), Expect::Absent, json!({})),
            add(key("c", "-"), "n", -1, Some(1)),
            add(key("d", "-"), "n", 1, None),
        ],
    )
    .await;
    let failed = Some(Cancellation::ConditionFailed);
    assert_eq!(reasons, [None, failed.clone(), failed, None]);
    assert_eq!(read(&store, key("a", "-")).await, None);
    assert_eq!(read(&store, key("d", "-")).await, None);
}

#[tokio::test]
async fn the_same_token_applies_once() {
    let store = common::store().await;
    let writes = || vec![add(key("p", "s"), "n", 1, None)];
    for _ in 0..3 {
        commit_as(&store, "token-1", writes()).await.unwrap();
    }
    commit_as(&store, "token-2", writes()).await.unwrap();
    assert_eq!(read(&store, key("p", "s")).await.unwrap().body["n"], 2);
}

#[tokio::test]
async fn a_token_with_other_writes_is_invalid() {
    let store = common::store().await;
    commit_as(&store, "token-1", vec![add(key("p", "s"), "n", 1, None)])
        .await
        .unwrap();
    let other = commit_as(&store, "token-1", vec![add(key("p", "s"), "n", 2, None)]).await;
    assert!(matches!(other, Err(CommitError::Invalid(_))), "{other:?}");
}

#[tokio::test]
async fn a_transaction_takes_a_hundred_writes_and_not_one_more() {
    let store = common::store().await;
    let writes = |count: usize| -> Vec<Write> {
        let write = |n| put(key(&format!("p{n}"), "-"), Expect::Absent, json!({"n": n}));
        (0..count).map(write).collect()
    };
    let over = commit(&store, writes(TRANSACTION_WRITES_MAX + 1)).await;
    assert!(matches!(over, Err(CommitError::Invalid(_))), "{over:?}");
    commit(&store, writes(TRANSACTION_WRITES_MAX))
        .await
        .unwrap();
    assert_eq!(read(&store, key("p99", "-")).await.unwrap().body["n"], 99);
}

#[tokio::test]
async fn a_write_that_breaks_the_contract_is_never_sent() {
    let store = common::store().await;
    let item = || key("p", "s");
    let broken = [
        put(item(), Expect::Anything, json!({})),
        put(item(), Expect::Absent, json!({"_v": 1})),
        put(item(), Expect::Absent, json!({"fraction": 0.5})),
        Write {
            key: item(),
            expect: Expect::Anything,
            change: Change::Check,
        },
        Write {
            key: item(),
            expect: Expect::Absent,
            change: Change::Add(Vec::new()),
        },
    ];
    for write in broken {
        let refused = commit(&store, vec![write]).await;
        assert!(
            matches!(refused, Err(CommitError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert_eq!(read(&store, item()).await, None);
}

#[tokio::test]
async fn a_query_keeps_prefix_bound_and_limit() {
    let store = common::store().await;
    let names = ["a", "b#1", "b#2", "b#3", "b#4", "c"];
    let writes = names.map(|sort| put(key("p", sort), Expect::Absent, json!({})));
    commit(&store, writes.to_vec()).await.unwrap();
    commit(
        &store,
        vec![put(key("q", "b#0"), Expect::Absent, json!({}))],
    )
    .await
    .unwrap();

    assert_eq!(sorts(&store, "", None, 100).await, names);
    assert_eq!(sorts(&store, "", Some("b#3"), 100).await, ["b#4", "c"]);
    assert_eq!(
        sorts(&store, "b#", None, 100).await,
        ["b#1", "b#2", "b#3", "b#4"]
    );
    assert_eq!(sorts(&store, "b#", None, 2).await, ["b#1", "b#2"]);
    assert_eq!(sorts(&store, "b#", Some("b#2"), 100).await, ["b#3", "b#4"]);
    assert_eq!(sorts(&store, "b#", Some("b#2"), 1).await, ["b#3"]);
    assert_eq!(sorts(&store, "b#", Some("a"), 1).await, ["b#1"]);
    assert_eq!(
        sorts(&store, "b#", Some("bz"), 100).await,
        Vec::<String>::new()
    );
    assert_eq!(sorts(&store, "b#", None, 0).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_query_goes_on_over_pages() {
    let store = common::store().await;
    // A page holds 1 MB.
    let filler = "x".repeat(300_000);
    for n in 0..8 {
        let write = put(
            key("p", &format!("{n}")),
            Expect::Absent,
            json!({"filler": filler}),
        );
        commit(&store, vec![write]).await.unwrap();
    }
    assert_eq!(sorts(&store, "", None, 100).await.len(), 8);
    assert_eq!(sorts(&store, "", None, 7).await.len(), 7);
}
