//! Additions: they commute, they are exact, and their guards hold.

use futures_util::future::join_all;
use processing::{Addition, CommitError, Expect, Store, Write};
use rust_decimal::Decimal;
use serde_json::json;

use super::{Bench, Check, Run, addition, equal, is_invalid};

/// Additions that are committed side by side.
const SIDE_BY_SIDE: usize = 4;
/// Times that one of them is sent, should they be in each other's way.
const TRIES_MAX: usize = 50;

pub(super) async fn check<S: Store>(run: &mut Run<impl AsyncFn() -> S>) {
    run.check("an addition makes an absent item, at version 1", makes_item)
        .await;
    run.check(
        "an addition makes an absent field from zero and keeps the others",
        makes_field,
    )
    .await;
    run.check(
        "a change of several fields adds one to the version",
        several,
    )
    .await;
    run.check(
        "additions are exact decimals, and their sum stays a number",
        exact,
    )
    .await;
    run.check("a put number can be added to", put_number).await;
    run.check(
        "an addition to what was put as text is refused as invalid",
        text,
    )
    .await;
    run.check("a guard holds at its bound and cancels below it", guard)
        .await;
    run.check("a guard counts an absent field as zero", guard_of_absent)
        .await;
    run.check(
        "a guard that fails keeps the other fields as they are",
        guard_of_several,
    )
    .await;
    run.check(
        "an addition holds its item to what is expected of it",
        expected,
    )
    .await;
    run.check("additions side by side all count", side_by_side)
        .await;
}

fn amount(field: &str, amount: Decimal) -> Addition {
    Addition {
        field: field.to_owned(),
        amount,
        at_least: None,
    }
}

async fn makes_item<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.add("a", &[addition("n", -3, None)])])
        .await?;
    bench.holds("a", 1, json!({ "n": -3 })).await
}

async fn makes_field<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put(
            "a",
            Expect::Absent,
            json!({ "name": "x", "m": 1 }),
        )])
        .await?;
    bench
        .apply(vec![bench.add("a", &[addition("n", 5, None)])])
        .await?;
    bench
        .holds("a", 2, json!({ "name": "x", "m": 1, "n": 5 }))
        .await
}

async fn several<S: Store>(bench: &Bench<S>) -> Check {
    let additions = [
        addition("m", 1, None),
        addition("name", 2, None),
        addition("n", 0, None),
    ];
    bench.apply(vec![bench.add("a", &additions)]).await?;
    bench.apply(vec![bench.add("a", &additions)]).await?;
    bench
        .holds("a", 2, json!({ "m": 2, "name": 4, "n": 0 }))
        .await
}

async fn exact<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.add("a", &[amount("n", Decimal::new(1, 1))])])
        .await?;
    bench
        .apply(vec![bench.add("a", &[amount("n", Decimal::new(2, 1))])])
        .await?;
    bench.holds("a", 2, json!({ "n": "0.3" })).await?;
    bench
        .apply(vec![bench.add("a", &[amount("n", Decimal::new(-13, 1))])])
        .await?;
    bench.holds("a", 3, json!({ "n": -1 })).await
}

async fn put_number<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 40 }))])
        .await?;
    bench
        .apply(vec![bench.add("a", &[addition("n", 2, None)])])
        .await?;
    bench.holds("a", 2, json!({ "n": 42 })).await
}

async fn text<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": "0.5" }))])
        .await?;
    is_invalid(
        &bench
            .commit(vec![bench.add("a", &[addition("n", 1, None)])])
            .await,
    )?;
    bench.holds("a", 1, json!({ "n": "0.5" })).await
}

async fn guard<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("a", Expect::Absent, json!({ "n": 3 }))])
        .await?;
    bench
        .apply(vec![bench.add("a", &[addition("n", -2, Some(2))])])
        .await?;
    bench
        .cancelled(vec![bench.add("a", &[addition("n", -2, Some(2))])], &[true])
        .await?;
    bench
        .apply(vec![bench.add("a", &[addition("n", -1, Some(1))])])
        .await?;
    bench.holds("a", 3, json!({ "n": 0 })).await
}

async fn guard_of_absent<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put("b", Expect::Absent, json!({ "name": "x" }))])
        .await?;
    for sort in ["a", "b"] {
        bench
            .cancelled(vec![bench.add(sort, &[addition("n", 1, Some(1))])], &[true])
            .await?;
    }
    bench.is_absent("a").await?;
    for least in [0, -5] {
        let sort = format!("c{least}");
        bench
            .apply(vec![bench.add(&sort, &[addition("n", -2, Some(least))])])
            .await?;
        bench.holds(&sort, 1, json!({ "n": -2 })).await?;
    }
    bench
        .apply(vec![bench.add("b", &[addition("n", 1, Some(0))])])
        .await?;
    bench.holds("b", 2, json!({ "name": "x", "n": 1 })).await
}

async fn guard_of_several<S: Store>(bench: &Bench<S>) -> Check {
    bench
        .apply(vec![bench.put(
            "a",
            Expect::Absent,
            json!({ "m": 5, "n": 5 }),
        )])
        .await?;
    let additions = [addition("m", -1, Some(1)), addition("n", -9, Some(9))];
    bench
        .cancelled(vec![bench.add("a", &additions)], &[true])
        .await?;
    bench.holds("a", 1, json!({ "m": 5, "n": 5 })).await
}

async fn expected<S: Store>(bench: &Bench<S>) -> Check {
    let add = |expect| Write {
        expect,
        ..bench.add("a", &[addition("n", 1, None)])
    };
    bench
        .cancelled(vec![add(Expect::Version(1))], &[true])
        .await?;
    bench.apply(vec![add(Expect::Absent)]).await?;
    bench.cancelled(vec![add(Expect::Absent)], &[true]).await?;
    bench.apply(vec![add(Expect::Version(1))]).await?;
    bench
        .cancelled(vec![add(Expect::Version(1))], &[true])
        .await?;
    bench.holds("a", 2, json!({ "n": 2 })).await
}

async fn side_by_side<S: Store>(bench: &Bench<S>) -> Check {
    let one = async || {
        for _ in 0..TRIES_MAX {
            match bench
                .commit(vec![bench.add("a", &[addition("n", 1, None)])])
                .await
            {
                Ok(()) => return Ok(()),
                // In each other's way, which says that nothing was written.
                Err(CommitError::Cancelled(_) | CommitError::Throttled(_)) => {}
                Err(error) => return Err(format!("an addition failed: {error:?}")),
            }
        }
        Err(format!("an addition was cancelled {TRIES_MAX} times"))
    };
    let outcomes = join_all((0..SIDE_BY_SIDE).map(|_| one())).await;
    outcomes.into_iter().collect::<Check>()?;
    let stored = bench.item("a").await?;
    let total = stored
        .as_ref()
        .and_then(|stored| stored.body.get("n")?.as_u64());
    equal(&total, &u64::try_from(SIDE_BY_SIDE).ok())
}
