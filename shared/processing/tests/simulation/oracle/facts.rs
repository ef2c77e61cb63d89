//! What a schedule left behind, read into one shape.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use processing::{Change, DeadLetter, OUTBOX_TABLE, OutboxEvent, STATE_TABLE, Write};
use serde_json::Value;
use testkit::{MemoryDeadLetters, MemoryStore};

use crate::broker::{Broker, Place, Produced};
use crate::functions::Function;
use crate::mail::Mail;
use crate::operator::{Deeds, place_of};
use crate::relay::{Appended, RELAY};

/// Where a schedule left something.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of another part how far it came"
)]
pub(crate) struct Left<'a> {
    pub(crate) function: Function,
    pub(crate) ended: bool,
    /// The relay was given the time to publish everything.
    pub(crate) relayed: bool,
    /// The operator was given the time to free every key.
    pub(crate) freed: bool,
    pub(crate) fixed: bool,
    pub(crate) broker: &'a Broker,
    pub(crate) store: &'a MemoryStore,
    pub(crate) letters: &'a MemoryDeadLetters,
    pub(crate) mail: &'a Mail,
    pub(crate) appended: &'a Appended,
    pub(crate) deeds: &'a Mutex<Deeds>,
}

/// What a schedule left behind.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of another part how far it came"
)]
pub(crate) struct Facts {
    pub(crate) function: Function,
    pub(crate) ended: bool,
    pub(crate) relayed: bool,
    pub(crate) freed: bool,
    pub(crate) fixed: bool,
    pub(crate) produced: BTreeMap<Place, Produced>,
    /// The committed offset of each partition and epoch.
    committed: BTreeMap<(i32, u32), i64>,
    pub(crate) discarded: BTreeSet<Place>,
    /// In the order in which they happened.
    pub(crate) effects: Vec<Effect>,
    pub(crate) applied: BTreeSet<Place>,
    pub(crate) letters: BTreeSet<Place>,
    /// Records that an operator took out of their order: put back one by one behind what followed them.
    pub(crate) out_of_order: BTreeSet<Place>,
    /// What the relay published, in the order of the topic.
    pub(crate) appended: Vec<OutboxEvent>,
    /// Ids of events that no topic took.
    pub(crate) refused_events: BTreeSet<String>,
    pub(crate) parked: BTreeMap<Place, Parked>,
    pub(crate) mail_faults: Vec<String>,
    pub(crate) store: MemoryStore,
}

/// Something that a record brought about.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) place: Place,
    pub(crate) user: String,
    /// The id of the event that tells of it, or the token of the mail.
    pub(crate) told_id: String,
    pub(crate) kind: String,
    /// A mail of an invocation whose time was up long before.
    pub(crate) late: bool,
    /// The number of its transaction, in the order of commits.
    pub(crate) transaction: usize,
    /// When its outbox row was stamped, by the clock of its invocation.
    pub(crate) stamp_ms: i64,
}

/// A record that waits in the store.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) user: String,
}

impl Facts {
    pub(crate) fn gather(left: &Left<'_>) -> Self {
        let &Left {
            function,
            broker,
            store,
            ..
        } = left;
        let letters = left.letters.letters();
        let is_of_relay = |letter: &&DeadLetter| letter.function == RELAY;
        let refused = letters.iter().filter(is_of_relay).filter_map(|letter| {
            let event: Value = serde_json::from_str(letter.record.get()).ok()?;
            Some(event["event_id"].as_str()?.to_owned())
        });
        let of_records = letters.iter().filter(|letter| !is_of_relay(letter));
        let letters_at = of_records.filter_map(|letter| place_of(letter, broker));
        let (letters_at, refused) = (letters_at.collect(), refused.collect());
        let deeds = left.deeds.lock().unwrap();
        let topic = broker.topic();
        let produced: BTreeMap<_, _> = topic
            .produced()
            .map(|produced| (produced.place, produced.clone()))
            .collect();
        let committed = topic
            .partitions
            .iter()
            .enumerate()
            .flat_map(|(index, partition)| {
                let index = i32::try_from(index).unwrap();
                let all = partition
                    .committed_before
                    .iter()
                    .chain([&partition.committed]);
                all.enumerate()
                    .map(move |(epoch, offset)| ((index, u32::try_from(epoch).unwrap()), *offset))
            });
        let mut effects = match function {
            Function::Mail => mails(left.mail, &produced),
            _ => published(store),
        };
        effects.retain(|effect| !effect.user.is_empty());
        // A parked record is only ever put back with its whole key, unless its head was given up before.
        let is_given_up = |place: &Place| {
            topic.discarded.contains(place)
                || deeds.skipped.iter().any(|skipped| {
                    let (one, other) = (produced.get(place), produced.get(skipped));
                    skipped == place || one.and_then(event_of) == other.and_then(event_of)
                })
        };
        let out_of_order = deeds
            .redriven
            .iter()
            .filter(|place| function != Function::ParkingLedger || is_given_up(place));
        Self {
            function,
            ended: left.ended,
            relayed: left.relayed,
            freed: left.freed,
            fixed: left.fixed,
            out_of_order: out_of_order.copied().collect::<BTreeSet<_>>(),
            appended: left.appended.lock().unwrap().clone(),
            refused_events: refused,
            committed: committed.collect(),
            discarded: topic.discarded.clone(),
            applied: effects.iter().map(|effect| effect.place).collect(),
            effects,
            letters: letters_at,
            parked: parked(store, &produced),
            mail_faults: left.mail.faults(),
            store: store.clone(),
            produced,
        }
    }

    pub(crate) fn is_in_topic(&self, place: &Place) -> bool {
        let committed = self.committed.get(&(place.partition, place.epoch));
        committed.is_none_or(|committed| place.offset >= *committed)
    }

    /// Whether the records at two places are one event.
    pub(crate) fn same_event(&self, a: Place, b: Place) -> bool {
        let event = |place| self.produced.get(&place).and_then(event_of);
        event(a).is_some() && event(a) == event(b)
    }

    /// The items of a table, as the structs that they are.
    pub(crate) fn table<I: serde::de::DeserializeOwned>(&self, name: &str) -> Vec<I> {
        let items = self.store.table(name).into_iter();
        items
            .map(|(_, stored)| serde_json::from_value(Value::Object(stored.body)).unwrap())
            .collect()
    }
}

/// What makes two records one event.
pub(crate) fn event_of(produced: &Produced) -> Option<(&str, &[u8])> {
    Some((
        produced.event_id.as_deref()?,
        produced.record.value.as_deref()?,
    ))
}

/// What the outbox rows tell of, in the order of commits.
fn published(store: &MemoryStore) -> Vec<Effect> {
    let transactions = store.applied();
    let rows = transactions
        .iter()
        .enumerate()
        .flat_map(|(number, writes)| {
            writes
                .iter()
                .filter_map(move |write| Some((number, row(write)?)))
        });
    rows.flat_map(|(transaction, (stamp_ms, events))| {
        events
            .iter()
            .filter_map(move |event| effect(event, transaction, stamp_ms))
    })
    .collect()
}

/// An outbox row's stamp and events.
fn row(write: &Write) -> Option<(i64, &Vec<Value>)> {
    let Change::Put(body) = &write.change else {
        return None;
    };
    if write.key.table != OUTBOX_TABLE {
        return None;
    }
    let (stamp, _) = write.key.sort.split_once('-').unwrap_or_default();
    Some((stamp.parse().unwrap_or(0), body.get("events")?.as_array()?))
}

fn effect(event: &Value, transaction: usize, stamp_ms: i64) -> Option<Effect> {
    let value: Value = serde_json::from_str(event["value"].as_str()?).ok()?;
    Some(Effect {
        place: Place::read(value["data"]["place"].as_str()?)?,
        user: value["recipient"].as_str()?.to_owned(),
        told_id: event["event_id"].as_str()?.to_owned(),
        kind: value["kind"].as_str().unwrap_or_default().to_owned(),
        late: false,
        transaction,
        stamp_ms,
    })
}

fn mails(mail: &Mail, produced: &BTreeMap<Place, Produced>) -> Vec<Effect> {
    let sent = mail.sent().into_iter().enumerate();
    let effects = sent.map(|(number, sent)| Effect {
        place: sent.place,
        user: produced
            .get(&sent.place)
            .map(|p| p.user.clone())
            .unwrap_or_default(),
        told_id: sent.token,
        kind: String::new(),
        late: sent.late,
        transaction: number,
        stamp_ms: 0,
    });
    effects.collect()
}

/// Parked rows, by the position in their sort key.
fn parked(store: &MemoryStore, produced: &BTreeMap<Place, Produced>) -> BTreeMap<Place, Parked> {
    let rows = store.table(STATE_TABLE).into_iter().filter_map(|(key, _)| {
        let mut parts = key.sort.strip_prefix("row#")?.split('#').skip(1);
        let place = Place {
            partition: parts.next()?.parse().ok()?,
            offset: parts.next()?.split('@').next()?.parse().ok()?,
            epoch: 0,
        };
        let user = produced.get(&place)?.user.clone();
        Some((place, Parked { user }))
    });
    rows.collect()
}
