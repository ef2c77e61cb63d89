//! Tokens: the same transaction sent twice applies once.

use processing::{CommitError, Expect, Store, Transaction};
use serde_json::json;

use super::{Bench, Check, Run, addition};

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check(
        "a transaction sent again under its token applies once",
        again,
    )
    .await;
    run.check(
        "a token answers success although the conditions fail by now",
        stale,
    )
    .await;
    run.check(
        "a token that belongs to other writes is refused as invalid",
        other_writes,
    )
    .await;
}

async fn again<S: Store>(bench: &Bench<S>) -> Check {
    let transaction = bench.transaction(vec![
        bench.add("a", &[addition("n", 1, None)]),
        bench.put("b", Expect::Absent, json!({ "n": 1 })),
    ]);
    for _ in 0..3 {
        send(bench, &transaction).await?;
    }
    bench.holds("a", 1, json!({ "n": 1 })).await?;
    bench.holds("b", 1, json!({ "n": 1 })).await
}

async fn stale<S: Store>(bench: &Bench<S>) -> Check {
    let transaction = bench.transaction(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))]);
    send(bench, &transaction).await?;
    bench
        .apply(vec![bench.delete("a", Expect::Version(1))])
        .await?;
    send(bench, &transaction).await?;
    bench.is_absent("a").await
}

async fn other_writes<S: Store>(bench: &Bench<S>) -> Check {
    let mut transaction = bench.transaction(vec![bench.add("a", &[addition("n", 1, None)])]);
    send(bench, &transaction).await?;
    transaction.writes = vec![bench.add("a", &[addition("n", 2, None)])];
    let outcome = bench.store.commit(&transaction).await;
    if !matches!(outcome, Err(CommitError::Invalid(_))) {
        return Err(format!("expected a refusal as invalid, found {outcome:?}"));
    }
    bench.holds("a", 1, json!({ "n": 1 })).await
}

async fn send<S: Store>(bench: &Bench<S>, transaction: &Transaction) -> Check {
    let outcome = bench.store.commit(transaction).await;
    outcome.map_err(|error| format!("a commit failed: {error:?}"))
}
