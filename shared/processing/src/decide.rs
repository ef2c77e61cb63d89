//! What an author writes: one pure function that decides what a record does.

use event_schema::Incoming;

use crate::record::Record;
use crate::rejection::Rejection;
use crate::work::Work;

/// A handler whose effects are changes of items and events to publish.
///
/// `decide` is synchronous and pure: everything it may look at comes from `record` and `work`, and it
/// leaves nothing behind but what it tells `work`. It **may run more than once** for a record: when an
/// item is not loaded yet, and when another invocation changed what it read before the commit.
pub trait Decide: Send + Sync + 'static {
    /// The event that the handler's topic carries, or one of several ([`event_schema::one_of!`]).
    type Event: Incoming;
    /// The function's name. It scopes everything that is stored and never changes.
    const NAME: &'static str;
    /// How a record that was already finished is known again.
    const DEDUP: Dedup;
    /// What a dead letter does to later records of its key.
    const ON_POISON: OnPoison;

    /// Decides what one record does.
    ///
    /// It may ask for what it has not read yet in 4 rounds. Records of a batch are decided in order, so a key that
    /// is made of what an earlier record changes (a running number) is known one record a round: make keys of the
    /// record itself, or of what no record changes.
    ///
    /// An `Err` undoes what this record told `work`, and nothing else.
    ///
    /// # Errors
    /// [`Rejection::permanent`] makes the record a dead letter, [`Rejection::transient`] has it delivered
    /// again with all that follows it under its key.
    fn decide(&self, record: &Record<Self::Event>, work: &mut Work<'_>) -> Result<(), Rejection>;
}

/// How a record that was already finished is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// By the event's id: a marker item for each event. A record without an id is a dead letter
    /// (`missing_event_id`).
    EventId,
    /// By the record's position: a fence item for each partition. Order is the partition's. An event
    /// that a producer sends twice lies at two positions, so a natural key has to guard where that counts.
    Position,
}

/// What a dead letter does to later records of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPoison {
    /// Nothing: they are applied as if it had not been there.
    Skip,
    /// They wait behind it in the store, in order, until an operator resolves it.
    ParkKey,
}
