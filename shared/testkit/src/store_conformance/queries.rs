//! Queries: one partition, in order, all of it.

use processing::{Expect, Store};
use serde_json::json;

use super::{Bench, Check, Run, addition, equal};

/// Items whose bytes together are more than one `Query` returns (1 MB).
const LARGE_ITEMS: usize = 6;
const LARGE_ITEM_BYTES: usize = 300_000;

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check("a query of an empty partition finds nothing", empty)
        .await;
    run.check(
        "a query finds items in ascending order of their sort keys' bytes",
        order,
    )
    .await;
    run.check(
        "a query keeps to its prefix, its start and its limit",
        bounds,
    )
    .await;
    run.check("a query does not leave its partition", partition)
        .await;
    run.check(
        "a query returns items with their versions as they are now",
        current,
    )
    .await;
    run.check("a query of more than 1 MB comes back whole", large)
        .await;
}

async fn put_all<S: Store>(bench: &Bench<S>, sorts: &[&str]) -> Check {
    let puts = sorts
        .iter()
        .map(|sort| bench.put(sort, Expect::Absent, json!({})));
    bench.apply(puts.collect()).await
}

async fn empty<S: Store>(bench: &Bench<S>) -> Check {
    equal(&bench.find("", None, 10).await?, &Vec::new())
}

async fn order<S: Store>(bench: &Bench<S>) -> Check {
    // UTF-16 would put the last one before the one ahead of it.
    let sorted = ["-", "10", "9", "A", "a", "\u{eb}", "\u{ff5e}", "\u{1f600}"];
    let mut mixed = sorted;
    mixed.rotate_left(3);
    mixed.reverse();
    put_all(bench, &mixed).await?;
    equal(
        &bench.find("", None, 10).await?,
        &sorted.map(str::to_owned).to_vec(),
    )
}

async fn bounds<S: Store>(bench: &Bench<S>) -> Check {
    put_all(bench, &["a#1", "a#2", "a#3", "a#4", "b#1"]).await?;
    let found = |sorts: &[&str]| {
        sorts
            .iter()
            .map(|sort| (*sort).to_owned())
            .collect::<Vec<_>>()
    };
    equal(
        &bench.find("a#", None, 10).await?,
        &found(&["a#1", "a#2", "a#3", "a#4"]),
    )?;
    equal(
        &bench.find("a#", Some("a#2"), 10).await?,
        &found(&["a#3", "a#4"]),
    )?;
    equal(
        &bench.find("a#", Some("a#1"), 2).await?,
        &found(&["a#2", "a#3"]),
    )?;
    equal(
        &bench.find("", Some("a#35"), 10).await?,
        &found(&["a#4", "b#1"]),
    )?;
    equal(&bench.find("a#", Some("a#4"), 10).await?, &Vec::new())?;
    equal(&bench.find("a#", Some("b"), 10).await?, &Vec::new())?;
    equal(&bench.find("b#", Some("a#2"), 10).await?, &found(&["b#1"]))
}

async fn partition<S: Store>(bench: &Bench<S>) -> Check {
    put_all(bench, &["a"]).await?;
    let mut other = bench.put("b", Expect::Absent, json!({}));
    other.key.partition.push_str("-other");
    bench.apply(vec![other]).await?;
    equal(&bench.find("", None, 10).await?, &vec!["a".to_owned()])
}

async fn current<S: Store>(bench: &Bench<S>) -> Check {
    put_all(bench, &["a"]).await?;
    bench
        .apply(vec![bench.add("a", &[addition("n", 7, None)])])
        .await?;
    let query = processing::Query {
        table: processing::STATE_TABLE,
        partition: bench.partition.clone(),
        sort_prefix: String::new(),
        after: None,
        limit: 1,
    };
    let found = bench
        .store
        .query(&query)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let expected = bench
        .item("a")
        .await?
        .map(|stored| (bench.key("a"), stored));
    equal(&found, &expected.into_iter().collect())?;
    bench.holds("a", 2, json!({ "n": 7 })).await
}

async fn large<S: Store>(bench: &Bench<S>) -> Check {
    let text = "x".repeat(LARGE_ITEM_BYTES);
    let puts =
        (0..LARGE_ITEMS).map(|n| bench.put(&n.to_string(), Expect::Absent, json!({ "t": text })));
    bench.apply(puts.collect()).await?;
    equal(&bench.find("", None, 100).await?.len(), &LARGE_ITEMS)?;
    equal(&bench.find("", Some("0"), 4).await?.len(), &4)
}
