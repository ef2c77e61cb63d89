//! Conditional writes: versions, and all or nothing.

use futures_util::future::join;
use processing::{
    Addition, Cancellation, CommitError, Expect, Store, TRANSACTION_WRITES_MAX, Write,
};
use serde_json::json;

use super::{Bench, Check, Run, addition, equal};

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check("a new item has version 1 and each put adds one", versions)
        .await;
    run.check("a put replaces all attributes", replaces).await;
    run.check(
        "a put of an item that should be absent and is not is cancelled",
        not_absent,
    )
    .await;
    run.check("a put under a version that has passed is cancelled", stale)
        .await;
    run.check("a version is not found at an absent item", absent_version)
        .await;
    run.check(
        "a cancelled transaction writes nothing and says which writes failed",
        nothing,
    )
    .await;
    run.check("a check changes nothing", check_changes_nothing)
        .await;
    run.check(
        "a check that fails cancels the writes beside it",
        check_cancels,
    )
    .await;
    run.check(
        "a delete takes the item away, and only under its version",
        deletes,
    )
    .await;
    run.check("a deleted item starts again at version 1", starts_again)
        .await;
    run.check("a hundred writes apply together", hundred).await;
    run.check(
        "of two transactions on one version at the same time one applies",
        race,
    )
    .await;
}

async fn versions<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    bench
        .apply(vec![bench.put("a", Expect::Version(1), json!({ "n": 2 }))])
        .await?;
    bench
        .apply(vec![bench.put("a", Expect::Version(2), json!({ "n": 2 }))])
        .await?;
    bench.holds("a", 3, json!({ "n": 2 })).await
}

async fn replaces<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put(
            "a",
            Expect::Absent,
            json!({ "old": 1, "kept": "x" }),
        )])
        .await?;
    bench
        .apply(vec![bench.put(
            "a",
            Expect::Version(1),
            json!({ "kept": "y" }),
        )])
        .await?;
    bench.holds("a", 2, json!({ "kept": "y" })).await
}

async fn not_absent<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    bench
        .cancelled(
            vec![bench.put("a", Expect::Absent, json!({ "n": 2 }))],
            &[true],
        )
        .await?;
    bench.holds("a", 1, json!({ "n": 1 })).await
}

async fn stale<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    bench
        .apply(vec![bench.put("a", Expect::Version(1), json!({ "n": 2 }))])
        .await?;
    for version in [1, 3] {
        let put = bench.put("a", Expect::Version(version), json!({ "n": 9 }));
        bench.cancelled(vec![put], &[true]).await?;
    }
    bench.holds("a", 2, json!({ "n": 2 })).await
}

async fn absent_version<S: Store>(bench: &Bench<S>) -> Check {
    for version in [0, 1] {
        let put = bench.put("a", Expect::Version(version), json!({ "n": 1 }));
        bench.cancelled(vec![put], &[true]).await?;
    }
    bench.is_absent("a").await
}

async fn nothing<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("b", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    let writes = vec![
        bench.put("a", Expect::Absent, json!({ "n": 9 })),
        bench.put("b", Expect::Absent, json!({ "n": 9 })),
        bench.add("c", &[addition("n", 1, None)]),
        bench.add("d", &[addition("n", -1, Some(1))]),
        bench.delete("b2", Expect::Anything),
    ];
    bench
        .cancelled(writes, &[false, true, false, true, false])
        .await?;
    bench.holds("b", 1, json!({ "n": 1 })).await?;
    bench.is_absent("a").await?;
    bench.is_absent("c").await?;
    bench.is_absent("d").await
}

async fn check_changes_nothing<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    let checks = vec![
        bench.check("a", Expect::Version(1)),
        bench.check("b", Expect::Absent),
    ];
    bench.apply(checks).await?;
    bench.holds("a", 1, json!({ "n": 1 })).await?;
    bench.is_absent("b").await
}

async fn check_cancels<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    for failing in [
        bench.check("a", Expect::Absent),
        bench.check("a", Expect::Version(2)),
    ] {
        let put = bench.put("b", Expect::Absent, json!({ "n": 1 }));
        bench.cancelled(vec![put, failing], &[false, true]).await?;
    }
    bench.is_absent("b").await
}

async fn deletes<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    bench
        .cancelled(vec![bench.delete("a", Expect::Version(2))], &[true])
        .await?;
    bench.holds("a", 1, json!({ "n": 1 })).await?;
    bench
        .apply(vec![bench.delete("a", Expect::Version(1))])
        .await?;
    bench.is_absent("a").await?;
    bench.apply(vec![bench.delete("a", Expect::Anything)]).await
}

async fn starts_again<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 1 }))])
        .await?;
    bench
        .apply(vec![bench.put("a", Expect::Version(1), json!({ "n": 2 }))])
        .await?;
    bench
        .apply(vec![bench.delete("a", Expect::Version(2))])
        .await?;
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 3 }))])
        .await?;
    bench.holds("a", 1, json!({ "n": 3 })).await
}

async fn hundred<S: Store>(bench: &Bench<S>) -> Check {
    let one: &[Addition] = &[addition("n", 1, None)];
    let writes = (0..TRANSACTION_WRITES_MAX).map(|n| bench.add(&n.to_string(), one));
    bench.apply(writes.collect()).await?;
    bench.holds("0", 1, json!({ "n": 1 })).await?;
    bench
        .holds(
            &(TRANSACTION_WRITES_MAX - 1).to_string(),
            1,
            json!({ "n": 1 }),
        )
        .await
}

async fn race<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 0 }))])
        .await?;
    let put =
        |n: u32| -> Vec<Write> { vec![bench.put("a", Expect::Version(1), json!({ "n": n }))] };
    let (one, other) = join(bench.commit(put(1)), bench.commit(put(2))).await;
    let (winner, loser) = match (one, other) {
        (Ok(()), Err(error)) => (1, error),
        (Err(error), Ok(())) => (2, error),
        outcomes => return Err(format!("expected one of two to apply, found {outcomes:?}")),
    };
    let CommitError::Cancelled(reasons) = &loser else {
        return Err(format!("expected a cancellation, found {loser:?}"));
    };
    let [Some(Cancellation::ConditionFailed | Cancellation::Conflict)] = reasons.as_slice() else {
        return Err(format!(
            "expected a failed condition or a conflict, found {reasons:?}"
        ));
    };
    equal(
        &bench.item("a").await?.map(|stored| stored.version),
        &Some(2),
    )?;
    bench.holds("a", 2, json!({ "n": winner })).await
}
