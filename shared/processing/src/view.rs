//! What a handler sees: items as loaded, with the changes of earlier records of the batch laid over them.
//!
//! Nothing is written here. A record's own changes are staged in [`Effects`] and reach the view only when
//! the handler accepts the record.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_decimal::Decimal;

use crate::outbox::Outgoing;
use crate::payload::Overflow;
use crate::rejection::Rejection;
use crate::store::{Body, ItemKey, Query, Stored, number, number_value};

/// Everything that was loaded for the batch; absent items are known to be absent.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) items: HashMap<ItemKey, Option<Stored>>,
    pub(crate) queries: HashMap<Query, Vec<ItemKey>>,
}

/// What a run asked for and did not find loaded.
#[derive(Debug, Default)]
pub(crate) struct Misses {
    pub(crate) keys: HashSet<ItemKey>,
    pub(crate) queries: HashSet<Query>,
}

impl Misses {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.queries.is_empty()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.queries.extend(other.queries);
    }
}

/// What one record does, once its handler has accepted it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    pub(crate) items: BTreeMap<ItemKey, ItemEffect>,
    /// Items whose content was seen without being depended on.
    pub(crate) peeked: HashSet<ItemKey>,
    pub(crate) published: Vec<Outgoing>,
}

/// What one record does to one item.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemEffect {
    /// The decision rests on the item's version.
    pub(crate) depends: bool,
    pub(crate) put: Option<Body>,
    /// Additions that are not part of `put`, in the handler's order.
    pub(crate) additions: Vec<StagedAddition>,
    /// The whole item after this record, where the item was loaded.
    pub(crate) after: Option<Body>,
}

/// One addition as the handler asked for it.
#[derive(Clone, Debug)]
pub(crate) struct StagedAddition {
    pub(crate) field: String,
    pub(crate) amount: Decimal,
    /// The least value that the field may hold after this addition.
    pub(crate) floor: Option<Decimal>,
}

impl ItemEffect {
    pub(crate) fn changes(&self) -> bool {
        self.put.is_some() || !self.additions.is_empty()
    }
}

impl Effects {
    /// The large events among those to publish.
    pub(crate) fn overflows(&self) -> impl Iterator<Item = &Overflow> {
        let published = self.published.iter();
        published.filter_map(|outgoing| outgoing.overflow.as_ref())
    }

    /// What remains of the effects of a record that is not applied: the versions its refusal rests on.
    pub(crate) fn into_reads(self) -> Self {
        let items = self
            .items
            .into_iter()
            .filter(|(_, effect)| effect.depends)
            .map(|(key, _)| {
                (
                    key,
                    ItemEffect {
                        depends: true,
                        ..ItemEffect::default()
                    },
                )
            })
            .collect();
        Self {
            items,
            peeked: self.peeked,
            published: Vec::new(),
        }
    }
}

/// The result of looking an item up.
pub(crate) enum Seen<'a> {
    NotLoaded,
    Absent,
    Found(&'a Body),
}

/// The batch's current state of the world.
pub(crate) struct View<'a> {
    cache: &'a Cache,
    changed: BTreeMap<ItemKey, Body>,
}

impl<'a> View<'a> {
    pub(crate) fn new(cache: &'a Cache) -> Self {
        Self {
            cache,
            changed: BTreeMap::new(),
        }
    }

    pub(crate) fn cache(&self) -> &'a Cache {
        self.cache
    }

    pub(crate) fn see(&self, key: &ItemKey) -> Seen<'_> {
        if let Some(body) = self.changed.get(key) {
            return Seen::Found(body);
        }
        match self.cache.items.get(key) {
            None => Seen::NotLoaded,
            Some(None) => Seen::Absent,
            Some(Some(stored)) => Seen::Found(&stored.body),
        }
    }

    /// The keys that a query finds, with what the batch has added so far; `None` while it is not loaded.
    pub(crate) fn find(&self, query: &Query) -> Option<Vec<ItemKey>> {
        let mut found: Vec<ItemKey> = self.cache.queries.get(query)?.clone();
        let added = self.changed.keys().filter(|key| matches(query, key));
        found.extend(added.cloned());
        found.sort_unstable();
        found.dedup();
        found.truncate(query.limit as usize);
        Some(found)
    }

    /// Works out what each changed item is after a record, and whether the floors of its additions hold.
    ///
    /// An item that is not loaded is left open: a later read of it is a miss, and the record runs again on
    /// what is loaded then.
    pub(crate) fn settle(&self, effects: &mut Effects) -> Result<(), Rejection> {
        for (key, effect) in effects
            .items
            .iter_mut()
            .filter(|(_, effect)| effect.changes())
        {
            effect.after = match (&effect.put, self.see(key)) {
                (Some(body), _) => Some(body.clone()),
                (None, Seen::NotLoaded) => None,
                (None, Seen::Absent) => Some(with_additions(Body::new(), &effect.additions)?),
                (None, Seen::Found(body)) => Some(with_additions(body.clone(), &effect.additions)?),
            };
        }
        Ok(())
    }

    /// Lays a record's settled changes over the items, for the records after it.
    pub(crate) fn keep(&mut self, effects: &Effects) {
        let after = effects.items.iter().filter_map(|(key, effect)| {
            effect
                .after
                .as_ref()
                .map(|body| (key.clone(), body.clone()))
        });
        self.changed.extend(after);
    }
}

fn matches(query: &Query, key: &ItemKey) -> bool {
    key.table == query.table
        && key.partition == query.partition
        && key.sort.starts_with(&query.sort_prefix)
        && query.after.as_ref().is_none_or(|after| key.sort > *after)
}

/// Applies additions one after another; refuses the first whose floor does not hold.
pub(crate) fn with_additions(
    mut body: Body,
    additions: &[StagedAddition],
) -> Result<Body, Rejection> {
    for addition in additions {
        let before = match body.get(&addition.field) {
            None => Decimal::ZERO,
            Some(value) => number(value).ok_or_else(|| {
                Rejection::permanent(
                    "not_a_number",
                    format!("field {} is no number to add to", addition.field),
                )
            })?,
        };
        let after = before.checked_add(addition.amount).ok_or_else(|| {
            Rejection::permanent(
                "number_overflow",
                format!("field {} overflows", addition.field),
            )
        })?;
        if addition.floor.is_some_and(|floor| after < floor) {
            return Err(Rejection::permanent(
                "guard_failed",
                format!("field {} would fall below its bound", addition.field),
            ));
        }
        body.insert(addition.field.clone(), number_value(after));
    }
    Ok(body)
}
