//! A store in memory that keeps every promise of [`processing::Store`], as `DynamoDB` does.
//!
//! Its calls are ready at once, so that a test without a runtime can use it; faults, delays and conflicts
//! are [`crate::FaultyStore`]'s part.

mod apply;
mod limits;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use event_schema::Timestamp;
use processing::{
    Body, CommitError, ItemKey, OUTBOX_TABLE, Query, Store, StoreError, Stored, Timer, Transaction,
    Write,
};
use serde::Serialize;
use serde_json::Value;

use crate::{VirtualTimer, lock};

/// How long a token is remembered, in seconds (`ClientRequestToken`, `TransactWriteItems`).
pub const TOKEN_SECONDS: i64 = 600;

/// A [`Store`] whose clones share their items.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    timer: VirtualTimer,
}

/// How often each call of a store was made, answered or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCalls {
    /// Calls of [`Store::load`].
    pub loads: usize,
    /// Calls of [`Store::query`].
    pub queries: usize,
    /// Calls of [`Store::commit`].
    pub commits: usize,
}

#[derive(Default)]
struct State {
    items: BTreeMap<ItemKey, Kept>,
    tokens: HashMap<String, AppliedToken>,
    applied: Vec<Vec<Write>>,
    calls: StoreCalls,
}

/// An item with what its JSON alone does not say: which attributes are numbers.
///
/// A number that an addition made may read back as a decimal string, and a string that a put wrote may
/// look like a number; only the former can be added to.
#[derive(Clone, Debug)]
struct Kept {
    version: u64,
    body: Body,
    numbers: BTreeSet<String>,
}

struct AppliedToken {
    at: Timestamp,
    writes: Vec<Write>,
}

/// Names an item; `sort` is `-` in tables that need no sort key.
#[must_use]
pub fn item_key(
    table: &'static str,
    partition: impl Into<String>,
    sort: impl Into<String>,
) -> ItemKey {
    ItemKey {
        table,
        partition: partition.into(),
        sort: sort.into(),
    }
}

impl MemoryStore {
    /// Creates an empty store whose clock stands still, so that it never forgets a token.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(&VirtualTimer::manual())
    }

    /// Creates an empty store that forgets tokens by this clock.
    #[must_use]
    pub fn with_clock(timer: &VirtualTimer) -> Self {
        Self {
            state: Arc::default(),
            timer: timer.clone(),
        }
    }

    /// Puts an item there as if a transaction had put it, whatever was there before; not counted.
    ///
    /// The item is a struct of the function under test, or the JSON of one.
    ///
    /// # Panics
    /// If it does not serialise as an object.
    #[track_caller]
    pub fn seed(&self, key: ItemKey, item: &impl Serialize) {
        let body = body_of(item);
        lock(&self.state).put(key, body);
    }

    /// Takes every item of a table away, as its time to live would; not counted.
    pub fn clear(&self, table: &str) {
        lock(&self.state).items.retain(|key, _| key.table != table);
    }

    /// Returns an item as it stands.
    #[must_use]
    pub fn item(&self, table: &'static str, partition: &str, sort: &str) -> Option<Stored> {
        let state = lock(&self.state);
        state
            .items
            .get(&item_key(table, partition, sort))
            .map(Kept::stored)
    }

    /// Returns the items of a table in the order of their keys.
    #[must_use]
    pub fn table(&self, name: &str) -> Vec<(ItemKey, Stored)> {
        self.items()
            .into_iter()
            .filter(|(key, _)| key.table == name)
            .collect()
    }

    /// Returns the values of the events of a type that wait in the outbox, in the order of its rows.
    ///
    /// # Panics
    /// If a row is not of its form, which a test has to say.
    #[must_use]
    #[track_caller]
    pub fn outgoing(&self, event_type: &str) -> Vec<Value> {
        let rows = self.table(OUTBOX_TABLE).into_iter();
        let events = rows.flat_map(|(_, row)| match row.body.get("events") {
            Some(Value::Array(events)) => events.clone(),
            other => unreadable(other),
        });
        events
            .filter(|event| event.get("event_type").is_some_and(|one| one == event_type))
            .map(|event| {
                let value = event.get("value").and_then(Value::as_str);
                let value = value.and_then(|value| serde_json::from_str(value).ok());
                value.unwrap_or_else(|| unreadable(Some(&event)))
            })
            .collect()
    }

    /// Returns all items in the order of their tables and keys.
    #[must_use]
    pub fn items(&self) -> Vec<(ItemKey, Stored)> {
        let state = lock(&self.state);
        state
            .items
            .iter()
            .map(|(key, kept)| (key.clone(), kept.stored()))
            .collect()
    }

    /// Says how often the store was called.
    #[must_use]
    pub fn calls(&self) -> StoreCalls {
        lock(&self.state).calls
    }

    /// Returns the writes of each transaction that applied, in the order in which they did.
    #[must_use]
    pub fn applied(&self) -> Vec<Vec<Write>> {
        lock(&self.state).applied.clone()
    }

    /// Returns the writes of each transaction that applied after the first `known`, in their order.
    #[must_use]
    pub fn applied_since(&self, known: usize) -> Vec<Vec<Write>> {
        let state = lock(&self.state);
        state.applied.get(known..).unwrap_or_default().to_vec()
    }

    /// Says how many transactions that applied had a write for this item.
    #[must_use]
    pub fn writes_of(&self, key: &ItemKey) -> usize {
        let names_it = |writes: &&Vec<Write>| writes.iter().any(|write| write.key == *key);
        lock(&self.state).applied.iter().filter(names_it).count()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("MemoryStore")
            .field("items", &state.items.len())
            .field("calls", &state.calls)
            .finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut state = lock(&self.state);
        state.calls.loads += 1;
        limits::check_load(keys).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(keys
            .iter()
            .map(|key| state.items.get(key).map(Kept::stored))
            .collect())
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        let mut state = lock(&self.state);
        state.calls.queries += 1;
        limits::check_query(query).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(state.find(query))
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let now = self.timer.now();
        let mut state = lock(&self.state);
        state.calls.commits += 1;
        state.commit(transaction, now)
    }
}

impl State {
    fn find(&self, query: &Query) -> Vec<(ItemKey, Stored)> {
        let after = query.after.as_deref().unwrap_or_default();
        let from = after.max(query.sort_prefix.as_str());
        let first = item_key(query.table, query.partition.as_str(), from);
        self.items
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(|(key, _)| key.table == query.table && key.partition == query.partition)
            .filter(|(key, _)| key.sort.starts_with(&query.sort_prefix))
            .filter(|(key, _)| query.after.as_ref().is_none_or(|after| key.sort > *after))
            .take(query.limit as usize)
            .map(|(key, kept)| (key.clone(), kept.stored()))
            .collect()
    }

    fn put(&mut self, key: ItemKey, body: Body) {
        let version = self.items.get(&key).map_or(0, |kept| kept.version) + 1;
        self.items.insert(key, Kept::new(version, body));
    }
}

impl Kept {
    fn new(version: u64, body: Body) -> Self {
        let numbers = body.iter().filter(|(_, value)| value.is_number());
        let numbers = numbers.map(|(name, _)| name.clone()).collect();
        Self {
            version,
            body,
            numbers,
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            version: self.version,
            body: self.body.clone(),
        }
    }
}

#[track_caller]
#[expect(
    clippy::panic,
    reason = "an outbox that nobody can read fails every test that looks into it"
)]
fn unreadable<T>(found: Option<&Value>) -> T {
    panic!("no event of an outbox row: {found:?}")
}

/// The attributes of an item that is seeded.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a test that seeds what is no item is wrong and has to say so"
)]
pub(crate) fn body_of(item: &impl Serialize) -> Body {
    match serde_json::to_value(item) {
        Ok(Value::Object(body)) => body,
        other => panic!("a seeded item is a JSON object, not {other:?}"),
    }
}
