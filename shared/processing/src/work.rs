//! The unit of work that a handler decides in: reads, changes, and events to publish, all in memory.
//!
//! Nothing here touches a network. A read of what is not loaded ends the run with an error for `?` to
//! carry; the engine notes the miss itself, loads it and runs the record again.

use event_schema::{Envelope, Event, EventId, Timestamp, WriteError};
use rust_decimal::Decimal;

use crate::item::{Item, Key, decode, encode, item_key};
use crate::outbox::{EVENT_BYTES_MAX, Outgoing};
use crate::payload::{BUCKET_SETTING, Overflow, RECORD_PAYLOAD_BYTES_MAX};
use crate::record::Source;
use crate::rejection::Rejection;
use crate::store::{Body, ItemKey, Query};
use crate::view::{Effects, Misses, Seen, StagedAddition, View, with_additions};

/// Items that one [`Work::query`] may ask for.
pub const QUERY_LIMIT_MAX: u32 = 1_000;

/// What a handler reads from and writes to while it decides one record.
///
/// All of it is undone when the handler returns an error. All of it is committed together with the
/// record's mark when the handler returns `Ok`.
pub struct Work<'a> {
    pub(crate) function: &'static str,
    pub(crate) source: &'a Source,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) now: Timestamp,
    pub(crate) view: &'a View<'a>,
    /// Where events go that are too large for a row.
    pub(crate) bucket: Option<&'a str>,
    pub(crate) effects: Effects,
    pub(crate) misses: Misses,
    /// The first thing that went wrong in a call that returns nothing.
    pub(crate) fault: Option<Rejection>,
    pub(crate) ids_made: usize,
}

/// An item as one record sees it, its own changes included.
enum Current {
    NotLoaded,
    Absent,
    Found(Body),
}

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// The commit checks that the item still has the version that was read.
    Depends,
    /// The commit does not look at it again.
    Peeks,
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        function: &'static str,
        source: &'a Source,
        traceparent: Option<&'a str>,
        now: Timestamp,
        view: &'a View<'a>,
    ) -> Self {
        Self {
            function,
            source,
            traceparent,
            now,
            view,
            bucket: None,
            effects: Effects::default(),
            misses: Misses::default(),
            fault: None,
            ids_made: 0,
        }
    }

    /// The same, with a bucket for events that are too large for a row.
    pub(crate) fn with_bucket(mut self, bucket: Option<&'a str>) -> Self {
        self.bucket = bucket;
        self
    }

    /// Reads an item, with the changes of earlier records of the batch and of this one.
    ///
    /// The record is applied only if the item still has this version then; an absent item must still be
    /// absent.
    ///
    /// # Errors
    /// Carries a miss, an invalid key or an unreadable item; pass it on with `?`.
    pub fn get<I: Item>(&mut self, key: impl Into<Key>) -> Result<Option<I>, Rejection> {
        self.read(item_key::<I>(key.into())?, Reading::Depends)
    }

    /// Reads several items at once: what is missing among them is loaded in one round.
    ///
    /// # Errors
    /// As [`Work::get`].
    pub fn get_many<I: Item, K: Into<Key>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<I>>, Rejection> {
        self.read_many(keys, Reading::Depends)
    }

    /// Reads an item without resting the decision on its version.
    ///
    /// Right for a hot item that is then changed by a guarded [`Work::add`]: other invocations may change
    /// it meanwhile without making this one start over.
    ///
    /// # Errors
    /// As [`Work::get`].
    pub fn peek<I: Item>(&mut self, key: impl Into<Key>) -> Result<Option<I>, Rejection> {
        self.read(item_key::<I>(key.into())?, Reading::Peeks)
    }

    /// Peeks at several items at once: what is missing among them is loaded in one round.
    ///
    /// # Errors
    /// As [`Work::get`].
    pub fn peek_many<I: Item, K: Into<Key>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<I>>, Rejection> {
        self.read_many(keys, Reading::Peeks)
    }

    /// Reads the items of a partition whose sort keys begin with `sort_prefix` and lie above `after`, in
    /// ascending order, at most `limit` (1 to [`QUERY_LIMIT_MAX`]).
    ///
    /// The items are peeked at; `get` those on which the decision rests. An item that another invocation
    /// adds meanwhile is not noticed.
    ///
    /// # Errors
    /// As [`Work::get`].
    pub fn query<I: Item>(
        &mut self,
        partition: impl AsRef<str>,
        sort_prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<I>, Rejection> {
        let partition = partition.as_ref();
        // The same limits as for any key, with a sort key that stands for those to be found.
        item_key::<I>(Key::from((partition, after.unwrap_or("-"))))?;
        if !(1..=QUERY_LIMIT_MAX).contains(&limit) {
            return Err(Rejection::permanent(
                "invalid_query",
                format!("a query asks for 1 to {QUERY_LIMIT_MAX} items, not {limit}"),
            ));
        }
        let query = Query {
            table: I::TABLE,
            partition: partition.to_owned(),
            sort_prefix: sort_prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        let Some(keys) = self.view.find(&query) else {
            self.misses.queries.insert(query);
            return Err(Rejection::not_loaded());
        };
        let items = keys.into_iter().map(|key| self.read(key, Reading::Peeks));
        Ok(items
            .collect::<Result<Vec<Option<I>>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Writes an item whole, under the version that it had; a new item must not exist by then.
    pub fn put<I: Item>(&mut self, item: &I) {
        let staged = item_key::<I>(item.key()).and_then(|key| Ok((key, encode(item)?)));
        match staged {
            Ok((key, body)) => {
                if matches!(self.view.see(&key), Seen::NotLoaded) {
                    self.misses.keys.insert(key.clone());
                }
                let effect = self.effects.items.entry(key).or_default();
                effect.depends = true;
                effect.additions.clear();
                effect.put = Some(body);
            }
            Err(rejection) => self.note(rejection),
        }
    }

    /// Adds to a number of an item, which need not be loaded or exist; an absent field counts as zero.
    ///
    /// Additions of several records and invocations commute. Guard a subtraction with
    /// [`Added::at_least`].
    pub fn add<I: Item>(
        &mut self,
        key: impl Into<Key>,
        field: &str,
        amount: impl Into<Decimal>,
    ) -> Added<'_, 'a> {
        let key = match item_key::<I>(key.into()) {
            Ok(key) => key,
            Err(rejection) => {
                self.note(rejection);
                return Added {
                    work: self,
                    key: None,
                };
            }
        };
        let addition = StagedAddition {
            field: field.to_owned(),
            amount: amount.into(),
            floor: None,
        };
        self.effects
            .items
            .entry(key.clone())
            .or_default()
            .additions
            .push(addition);
        Added {
            work: self,
            key: Some(key),
        }
    }

    /// Publishes an event after the commit, once, under an id that is the same however often the record
    /// is decided.
    ///
    /// One that is larger than [`EVENT_BYTES_MAX`](crate::EVENT_BYTES_MAX) goes to the bucket for large values, up
    /// to 6 MiB; where none is set, the record is refused for good (`outgoing_event_too_large`).
    pub fn publish<E: Event>(&mut self, event: E) {
        match self.outgoing(event) {
            Ok(outgoing) => self.effects.published.push(outgoing),
            Err(rejection) => self.note(rejection),
        }
    }

    /// The id that the next published event will have: an item can then name the event that tells of it.
    #[must_use]
    pub fn next_event_id(&self) -> EventId {
        let n = self.effects.published.len();
        EventId::from(self.source.derived_id(self.function, n))
    }

    /// The invocation's instant: the same for every record of the batch.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// An id for something new, the same however often the record is decided.
    pub fn unique_id(&mut self) -> String {
        let n = self.ids_made;
        self.ids_made += 1;
        self.source
            .derived_id(&format!("{}/unique", self.function), n)
            .to_string()
    }

    fn read<I: Item>(&mut self, key: ItemKey, reading: Reading) -> Result<Option<I>, Rejection> {
        let item = match self.current(&key)? {
            Current::NotLoaded => {
                self.misses.keys.insert(key);
                return Err(Rejection::not_loaded());
            }
            Current::Absent => None,
            Current::Found(body) => Some(decode(&body)?),
        };
        match reading {
            Reading::Depends => self.effects.items.entry(key).or_default().depends = true,
            Reading::Peeks => {
                self.effects.peeked.insert(key);
            }
        }
        Ok(item)
    }

    fn read_many<I: Item, K: Into<Key>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
        reading: Reading,
    ) -> Result<Vec<Option<I>>, Rejection> {
        // Every key is tried before the first failure is passed on, so that all misses are noted.
        let items: Vec<_> = keys
            .into_iter()
            .map(|key| self.read(item_key::<I>(key.into())?, reading))
            .collect();
        items.into_iter().collect()
    }

    /// The item as this record sees it.
    fn current(&self, key: &ItemKey) -> Result<Current, Rejection> {
        let effect = self.effects.items.get(key);
        let additions = effect.map_or(&[][..], |effect| &effect.additions);
        let base = match (
            effect.and_then(|effect| effect.put.as_ref()),
            self.view.see(key),
        ) {
            (Some(body), _) | (None, Seen::Found(body)) => body.clone(),
            (None, Seen::NotLoaded) => return Ok(Current::NotLoaded),
            (None, Seen::Absent) if additions.is_empty() => return Ok(Current::Absent),
            (None, Seen::Absent) => Body::new(),
        };
        with_additions(base, additions).map(Current::Found)
    }

    fn outgoing<E: Event>(&self, event: E) -> Result<Outgoing, Rejection> {
        event.validate().map_err(|error| {
            Rejection::permanent("invalid_outgoing_event", "an event to publish is invalid")
                .caused_by(error)
        })?;
        let id = self.next_event_id();
        let unwritable = |error: Box<dyn std::error::Error + Send + Sync>| {
            Rejection::permanent(
                "invalid_outgoing_event",
                "an event to publish cannot be written",
            )
            .caused_by(error)
        };
        let key = event.ordering_key();
        let envelope = Envelope {
            event_id: Some(id.clone()),
            schema_version: E::SPEC.schema_version,
            timestamp: Some(self.now),
            payload: event,
        };
        let mut value = match envelope.write_whole() {
            Ok(value) => value,
            Err(WriteError::TooLarge { bytes, bytes_max }) => {
                return Err(event_too_large(bytes, bytes_max, ""));
            }
            Err(error) => return Err(unwritable(error.into())),
        };
        let mut overflow = None;
        if value.len() > EVENT_BYTES_MAX {
            let large = self.overflow(value)?;
            let written = envelope.write_claim_check(&large.check);
            value = written.map_err(|error| unwritable(error.into()))?;
            overflow = Some(large);
        }
        let trace = self.traceparent;
        let mut outgoing = Outgoing::new(E::SPEC, id.as_str(), key, &value, self.now, trace);
        outgoing.overflow = overflow;
        Ok(outgoing)
    }

    fn overflow(&self, value: String) -> Result<Overflow, Rejection> {
        let bytes = value.len();
        let Some(bucket) = self.bucket else {
            let hint = format!("; with {BUCKET_SETTING} set, it would go to a bucket");
            return Err(event_too_large(bytes, EVENT_BYTES_MAX, &hint));
        };
        let total = self.effects.overflows().map(Overflow::bytes).sum::<usize>() + bytes;
        if total > RECORD_PAYLOAD_BYTES_MAX {
            let hint = " for the large events of a record together";
            return Err(event_too_large(total, RECORD_PAYLOAD_BYTES_MAX, hint));
        }
        Overflow::new(bucket, value).ok_or_else(|| {
            let message = format!("{BUCKET_SETTING} is no bucket's name");
            Rejection::permanent("outgoing_event_too_large", message)
        })
    }

    fn note(&mut self, rejection: Rejection) {
        self.fault.get_or_insert(rejection);
    }

    /// Closes the record: its effects if nothing was missing or wrong, and what has to be loaded.
    pub(crate) fn finish(
        self,
        verdict: Result<(), Rejection>,
    ) -> (Result<(), Rejection>, Effects, Misses) {
        let verdict = match (verdict, self.fault) {
            _ if !self.misses.is_empty() => Err(Rejection::not_loaded()),
            (Ok(()), Some(fault)) => Err(fault),
            (verdict, _) => verdict,
        };
        let mut effects = self.effects;
        let folded = effects.items.values_mut().try_for_each(|effect| {
            if let Some(body) = effect.put.take() {
                effect.put = Some(with_additions(
                    body,
                    &std::mem::take(&mut effect.additions),
                )?);
            }
            Ok(())
        });
        (verdict.and(folded), effects, self.misses)
    }
}

fn event_too_large(bytes: usize, bytes_max: usize, hint: &str) -> Rejection {
    let message = format!("an event to publish has {bytes} bytes of at most {bytes_max}{hint}");
    Rejection::permanent("outgoing_event_too_large", message)
}

/// An addition that was just staged; may be given a guard.
pub struct Added<'w, 'a> {
    work: &'w mut Work<'a>,
    key: Option<ItemKey>,
}

impl Added<'_, '_> {
    /// Applies the record only if the field is at least `floor` after this addition.
    ///
    /// When the guard fails at the commit, the item is loaded and the record is decided again; when it
    /// fails on what is loaded, the record is refused for good (`guard_failed`): look first
    /// ([`Work::peek`]) where less than enough is an ordinary outcome.
    pub fn at_least(self, floor: impl Into<Decimal>) {
        let additions = self
            .key
            .and_then(|key| self.work.effects.items.get_mut(&key))
            .map(|effect| &mut effect.additions);
        if let Some(last) = additions.and_then(|additions| additions.last_mut()) {
            last.floor = Some(floor.into());
        }
    }
}
