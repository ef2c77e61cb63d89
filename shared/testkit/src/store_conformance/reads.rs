//! Loads: what was written comes back as it was, in the place of its key.

use futures_util::future::join;
use processing::{Expect, LOAD_KEYS_MAX, Store};
use serde_json::json;

use super::{Bench, Check, Run, equal};

/// Items whose bytes together are more than one `BatchGetItem` returns (16 MB).
const LARGE_ITEMS: usize = 48;
const LARGE_ITEM_BYTES: usize = 360_000;
/// Large items that fit one transaction (4 MB).
const LARGE_ITEMS_A_TRANSACTION: usize = 10;

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check("an absent item is read as absent", async |bench| {
        bench.is_absent("a").await
    })
    .await;
    run.check(
        "an item comes back with every attribute as it was put",
        whole,
    )
    .await;
    run.check(
        "a load answers a hundred keys in their order, absent ones in between",
        order,
    )
    .await;
    run.check("a load of more than a hundred keys is refused", too_many)
        .await;
    run.check("a load that names a key twice is refused", twice)
        .await;
    run.check("a load of more than 16 MB comes back whole", large)
        .await;
    run.check(
        "two loads side by side do not disturb each other",
        side_by_side,
    )
    .await;
}

async fn whole<S: Store>(bench: &Bench<S>) -> Check {
    let value = json!({
        "text": "Zo\u{eb} \u{1f600} \"quoted\"\n",
        "empty": "",
        "null": null,
        "flags": [true, false],
        "least": i64::MIN,
        "most": i64::MAX,
        "decimal": "-12.50",
        "nested": { "list": [1, "two", null, { "deep": [[], {}] }], "n": 0 },
        "name": "a reserved word",
        "with space.and-dots#": 1,
    });
    bench
        .apply(vec![bench.put("a", Expect::Absent, value.clone())])
        .await?;
    bench.holds("a", 1, value).await
}

async fn order<S: Store>(bench: &Bench<S>) -> Check {
    let sorts: Vec<_> = (0..LOAD_KEYS_MAX)
        .rev()
        .map(|n| format!("{n:03}"))
        .collect();
    let is_put = |n: usize| !n.is_multiple_of(3);
    let put = sorts.iter().enumerate().filter(|(n, _)| is_put(*n));
    let puts = put.map(|(n, sort)| bench.put(sort, Expect::Absent, json!({ "n": n })));
    bench.apply(puts.collect()).await?;
    let keys: Vec<_> = sorts.iter().map(|sort| bench.key(sort)).collect();
    let loaded = bench
        .store
        .load(&keys)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let found: Vec<_> = loaded
        .iter()
        .map(|item| {
            item.as_ref()
                .and_then(|stored| stored.body.get("n")?.as_u64())
        })
        .collect();
    let expected = (0..LOAD_KEYS_MAX).map(|n| u64::try_from(n).ok().filter(|_| is_put(n)));
    equal(&found, &expected.collect())
}

async fn too_many<S: Store>(bench: &Bench<S>) -> Check {
    let keys: Vec<_> = (0..=LOAD_KEYS_MAX)
        .map(|n| bench.key(&n.to_string()))
        .collect();
    equal(&bench.store.load(&keys).await.is_err(), &true)
}

async fn twice<S: Store>(bench: &Bench<S>) -> Check {
    let keys = [bench.key("a"), bench.key("a")];
    equal(&bench.store.load(&keys).await.is_err(), &true)
}

async fn large<S: Store>(bench: &Bench<S>) -> Check {
    let sorts: Vec<_> = (0..LARGE_ITEMS).map(|n| format!("{n:03}")).collect();
    let text = "x".repeat(LARGE_ITEM_BYTES);
    for some in sorts.chunks(LARGE_ITEMS_A_TRANSACTION) {
        let puts = some
            .iter()
            .map(|sort| bench.put(sort, Expect::Absent, json!({ "text": text })));
        bench.apply(puts.collect()).await?;
    }
    let keys: Vec<_> = sorts.iter().map(|sort| bench.key(sort)).collect();
    let loaded = bench
        .store
        .load(&keys)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let is_whole = |stored: &processing::Stored| {
        stored.body.get("text").and_then(|found| found.as_str()) == Some(text.as_str())
    };
    equal(
        &loaded
            .iter()
            .flatten()
            .filter(|stored| is_whole(stored))
            .count(),
        &LARGE_ITEMS,
    )
}

async fn side_by_side<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    let (one, other) = join(bench.holds("a", 1, json!({ "n": 1 })), bench.is_absent("b")).await;
    one.and(other)
}
