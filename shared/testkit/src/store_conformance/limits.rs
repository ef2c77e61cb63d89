//! What the service refuses, so that no caller waits for it to be accepted.

use processing::{
    CommitError, Expect, PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX, Store, TRANSACTION_WRITES_MAX,
};
use serde_json::json;

use super::{Bench, Check, Run, addition, is_invalid};

/// More bytes than an item may have (400 KB).
const TOO_LARGE_ITEM_BYTES: usize = 420_000;
/// Items that each fit, and together are more than a transaction may hold (4 MB).
const LARGE_ITEMS: usize = 12;
const LARGE_ITEM_BYTES: usize = 380_000;

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check(
        "a transaction of more than a hundred writes is refused as invalid",
        writes,
    )
    .await;
    run.check(
        "a transaction that names an item twice is refused as invalid",
        twice,
    )
    .await;
    run.check("an empty or too long key is refused as invalid", keys)
        .await;
    run.check("the longest keys are taken", longest_keys).await;
    run.check("an item of more than 400 KB is refused as invalid", item)
        .await;
    run.check(
        "a transaction of more than 4 MB is refused as invalid",
        transaction,
    )
    .await;
}

async fn writes<S: Store>(bench: &Bench<S>) -> Check {
    let one = [addition("n", 1, None)];
    let writes = (0..=TRANSACTION_WRITES_MAX).map(|n| bench.add(&n.to_string(), &one));
    refused(&bench.commit(writes.collect()).await)?;
    bench.is_absent("0").await
}

async fn twice<S: Store>(bench: &Bench<S>) -> Check {
    let one = [addition("n", 1, None)];
    refused(
        &bench
            .commit(vec![bench.add("a", &one), bench.add("a", &one)])
            .await,
    )?;
    bench.is_absent("a").await
}

async fn keys<S: Store>(bench: &Bench<S>) -> Check {
    let one = [addition("n", 1, None)];
    for sort in ["", &"s".repeat(SORT_KEY_BYTES_MAX + 1)] {
        refused(&bench.commit(vec![bench.add(sort, &one)]).await)?;
    }
    for partition in [String::new(), "p".repeat(PARTITION_KEY_BYTES_MAX + 1)] {
        let mut write = bench.add("a", &one);
        write.key.partition = partition;
        refused(&bench.commit(vec![write]).await)?;
    }
    Ok(())
}

async fn longest_keys<S: Store>(bench: &Bench<S>) -> Check {
    let mut write = bench.add(&"s".repeat(SORT_KEY_BYTES_MAX), &[addition("n", 1, None)]);
    let padding = PARTITION_KEY_BYTES_MAX - bench.partition.len();
    write.key.partition = format!("{}{}", bench.partition, "p".repeat(padding));
    let keys = [write.key.clone()];
    bench.apply(vec![write]).await?;
    let loaded = bench
        .store
        .load(&keys)
        .await
        .map_err(|error| format!("{error:?}"))?;
    if loaded.iter().flatten().count() == 1 {
        Ok(())
    } else {
        Err("it was not found".to_owned())
    }
}

async fn item<S: Store>(bench: &Bench<S>) -> Check {
    let text = "x".repeat(TOO_LARGE_ITEM_BYTES);
    is_invalid(
        &bench
            .commit(vec![bench.put("a", Expect::Absent, json!({ "t": text }))])
            .await,
    )?;
    bench.is_absent("a").await
}

async fn transaction<S: Store>(bench: &Bench<S>) -> Check {
    let text = "x".repeat(LARGE_ITEM_BYTES);
    let puts =
        (0..LARGE_ITEMS).map(|n| bench.put(&n.to_string(), Expect::Absent, json!({ "t": text })));
    is_invalid(&bench.commit(puts.collect()).await)?;
    bench.is_absent("0").await
}

fn refused(outcome: &Result<(), CommitError>) -> Check {
    if matches!(outcome, Err(CommitError::Invalid(_))) {
        return Ok(());
    }
    Err(format!("expected a refusal as invalid, found {outcome:?}"))
}
