//! What every [`Store`] must do, as named checks: the promises on which the engine's guarantees rest.
//!
//! It asks for nothing that `DynamoDB` does not promise, and does not test speed, authorisation or how an
//! adapter names tables and attributes.

mod additions;
mod limits;
mod queries;
mod reads;
mod tokens;
mod transactions;

use std::sync::atomic::{AtomicUsize, Ordering};

use processing::{
    Addition, Body, Cancellation, Change, CommitError, Expect, ItemKey, Query, STATE_TABLE, Store,
    Stored, Transaction, Write,
};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use crate::report::CheckReport;

/// What a check found: nothing, or what is wrong.
type Check = Result<(), String>;

/// Checks a store, and says everything that it does not do.
///
/// `make` returns a store for each check; it may be the same one each time. All checks use the table
/// [`STATE_TABLE`], which has to exist, and partitions that begin with `conformance-`, which have to be
/// empty.
///
/// # Panics
/// If a check fails; the message names each that did.
pub async fn store_conformance<S: Store>(make: impl AsyncFn() -> S) {
    let mut run = Run {
        make,
        report: CheckReport::new("the store"),
        checks: 0,
    };
    reads::check(&mut run).await;
    transactions::check(&mut run).await;
    additions::check(&mut run).await;
    tokens::check(&mut run).await;
    limits::check(&mut run).await;
    queries::check(&mut run).await;
    run.report.panic_if_any_failed();
}

/// The checks so far.
struct Run<F> {
    make: F,
    report: CheckReport,
    checks: usize,
}

impl<S: Store, F: AsyncFn() -> S> Run<F> {
    /// Runs one check, named by the sentence that has to be true, on a partition of its own.
    async fn check(&mut self, sentence: &'static str, check: impl AsyncFn(&Bench<S>) -> Check) {
        self.checks += 1;
        let partition = format!("conformance-{:03}", self.checks);
        let bench = Bench {
            store: (self.make)().await,
            partition,
            tokens: AtomicUsize::new(0),
        };
        self.report.note(sentence, check(&bench).await);
    }
}

/// A store with a partition to work in.
struct Bench<S> {
    store: S,
    partition: String,
    tokens: AtomicUsize,
}

impl<S: Store> Bench<S> {
    fn key(&self, sort: &str) -> ItemKey {
        ItemKey {
            table: STATE_TABLE,
            partition: self.partition.clone(),
            sort: sort.to_owned(),
        }
    }

    fn put(&self, sort: &str, expect: Expect, value: Value) -> Write {
        Write {
            key: self.key(sort),
            expect,
            change: Change::Put(body(value)),
        }
    }

    fn add(&self, sort: &str, additions: &[Addition]) -> Write {
        let change = Change::Add(additions.to_vec());
        Write {
            key: self.key(sort),
            expect: Expect::Anything,
            change,
        }
    }

    fn check(&self, sort: &str, expect: Expect) -> Write {
        Write {
            key: self.key(sort),
            expect,
            change: Change::Check,
        }
    }

    fn delete(&self, sort: &str, expect: Expect) -> Write {
        Write {
            key: self.key(sort),
            expect,
            change: Change::Delete,
        }
    }

    /// A transaction under a token of its own.
    fn transaction(&self, writes: Vec<Write>) -> Transaction {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}/{number}", self.partition);
        Transaction {
            token: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
            writes,
        }
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.store.commit(&self.transaction(writes)).await
    }

    /// Commits what has to apply.
    async fn apply(&self, writes: Vec<Write>) -> Check {
        self.commit(writes)
            .await
            .map_err(|error| format!("a commit failed: {error:?}"))
    }

    /// Commits what has to be cancelled because of these writes and no others.
    async fn cancelled(&self, writes: Vec<Write>, failing: &[bool]) -> Check {
        let outcome = self.commit(writes).await;
        let Err(CommitError::Cancelled(reasons)) = &outcome else {
            return Err(format!("expected a cancellation, found {outcome:?}"));
        };
        let expected: Vec<_> = failing
            .iter()
            .map(|fails| fails.then_some(Cancellation::ConditionFailed))
            .collect();
        equal(reasons, &expected)
    }

    async fn item(&self, sort: &str) -> Result<Option<Stored>, String> {
        let loaded = self.store.load(&[self.key(sort)]).await;
        let mut items = loaded.map_err(|error| format!("a load failed: {error:?}"))?;
        equal(&items.len(), &1)?;
        Ok(items.pop().flatten())
    }

    /// The item has to be there like this.
    async fn holds(&self, sort: &str, version: u64, value: Value) -> Check {
        equal(
            &self.item(sort).await?,
            &Some(Stored {
                version,
                body: body(value),
            }),
        )
    }

    async fn is_absent(&self, sort: &str) -> Check {
        equal(&self.item(sort).await?, &None)
    }

    /// The sort keys that a query finds.
    async fn find(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, String> {
        let query = Query {
            table: STATE_TABLE,
            partition: self.partition.clone(),
            sort_prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        let found = self.store.query(&query).await;
        let found = found.map_err(|error| format!("a query failed: {error:?}"))?;
        Ok(found.into_iter().map(|(key, _)| key.sort).collect())
    }
}

fn addition(field: &str, amount: i64, at_least: Option<i64>) -> Addition {
    let at_least = at_least.map(Decimal::from);
    Addition {
        field: field.to_owned(),
        amount: Decimal::from(amount),
        at_least,
    }
}

/// The attributes of an object; nothing else is ever given.
fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Body::new()
        }
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Check {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {expected:?}, found {found:?}"))
}

/// The transaction was refused as one that can never apply.
fn is_invalid(outcome: &Result<(), CommitError>) -> Check {
    let refused = match outcome {
        Err(CommitError::Invalid(_)) => true,
        Err(CommitError::Cancelled(reasons)) => reasons
            .iter()
            .any(|reason| matches!(reason, Some(Cancellation::Invalid(_)))),
        Ok(())
        | Err(CommitError::Throttled(_) | CommitError::Unknown(_) | CommitError::Unavailable(_)) => {
            false
        }
    };
    if refused {
        Ok(())
    } else {
        Err(format!("expected a refusal as invalid, found {outcome:?}"))
    }
}
