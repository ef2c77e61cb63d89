//! Protocols that are known to be wrong, each a small change of what the engine does. The same world has to
//! catch every one of them.

use std::collections::{BTreeMap, BTreeSet};

use processing::{
    Answer, Change, CommitError, Expect, ItemKey, OUTBOX_TABLE, Query, STATE_TABLE, Store,
    StoreError, Stored, Transaction, Write,
};
use serde_json::Value;
use testkit::Reading;

use crate::broker::Produced;
use crate::functions::Function;
use crate::mapping::MappingSettings;
use crate::naive::Protocol;
use crate::ports::SimStore;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// In progress, effect, complete or delete, without fencing, as idempotency utilities do.
    Unfenced,
    /// The mark is written before the work is done.
    MarkBeforeWork,
    /// Only the first failed record of a partition is listed.
    FirstFailureOnly,
    /// A record's failure does not hold back the later ones of its key.
    PastAFailure,
    /// Effects and mark are two transactions.
    TwoCalls,
    /// A list of failures is returned to a mapping that ignores it.
    IgnoredList,
    /// A dead letter leaves no mark.
    UnmarkedLetter,
    /// The fence moves to the end of the batch at once.
    FenceAhead,
    /// An item that is only read is not checked at the commit.
    UncheckedRead,
    /// A parked key's flag is dropped whatever has become of it since it was looked at.
    BlindUnparking,
    /// An event that does not reach the topic does not hold back those behind it.
    GapsInPublishing,
    /// An outbox row is stamped with the moment at which its invocation began.
    EarlyStamp,
    /// An event counts as published before its topic has acknowledged it.
    Unacknowledged,
    /// No mistake at all: the control of those that take the engine's place.
    Careful,
}

impl Mutant {
    pub(crate) fn function(self) -> Function {
        match self {
            Self::FenceAhead => Function::Activities,
            Self::BlindUnparking => Function::ParkingLedger,
            _ => Function::Ledger,
        }
    }

    /// The protocol that takes the engine's place, where changing what the engine does is not enough.
    pub(crate) fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Unfenced => Some(Protocol::Unfenced),
            Self::MarkBeforeWork => Some(Protocol::MarkBeforeWork),
            Self::PastAFailure => Some(Protocol::PastAFailure),
            Self::Careful => Some(Protocol::Careful),
            _ => None,
        }
    }

    pub(crate) fn set(self, mapping: &mut MappingSettings) {
        match self {
            Self::IgnoredList => mapping.reading = Reading::OnDemand,
            Self::FirstFailureOnly | Self::PastAFailure => mapping.reading = Reading::ListedOnly,
            _ => {}
        }
    }
}

/// Changes an answer as the mutant would have given it.
pub(crate) fn rewrite(mutant: Option<Mutant>, mut answer: Answer) -> Answer {
    if let (Some(Mutant::FirstFailureOnly), Answer::Respond(response)) = (mutant, &mut answer) {
        let mut seen = BTreeSet::new();
        let first = |failure: &msk_event::ItemFailure| {
            seen.insert(failure.item_identifier.partition.clone())
        };
        response.batch_item_failures.retain(first);
    }
    answer
}

/// The last offset of each partition of a batch.
pub(crate) fn batch_ends(records: &[Produced]) -> BTreeMap<String, i64> {
    let ends = records
        .iter()
        .map(|p| (p.place.partition.to_string(), p.place.offset));
    ends.collect()
}

/// The store as a mutant uses it; as the engine does where there is none.
pub(crate) struct MutantStore {
    pub(crate) inner: SimStore,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) batch_ends: BTreeMap<String, i64>,
    /// When the invocation began.
    pub(crate) began_ms: i64,
}

impl Store for MutantStore {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.inner.load(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        self.inner.query(query).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        match self.mutant {
            Some(Mutant::TwoCalls) => {
                self.commit_those(transaction, "e", |write| write.key.table != STATE_TABLE)
                    .await?;
                self.commit_those(transaction, "m", |write| write.key.table == STATE_TABLE)
                    .await
            }
            Some(Mutant::UnmarkedLetter) => {
                self.commit_those(transaction, "u", |write| !marks_a_letter(write))
                    .await
            }
            Some(Mutant::UncheckedRead) => {
                self.commit_those(transaction, "r", |write| write.change != Change::Check)
                    .await
            }
            Some(Mutant::BlindUnparking) => {
                let mut transaction = transaction.clone();
                for write in &mut transaction.writes {
                    if write.key.sort == "flag" && write.change == Change::Delete {
                        write.expect = Expect::Anything;
                    }
                }
                self.inner.commit(&transaction).await
            }
            Some(Mutant::EarlyStamp) => {
                let mut transaction = transaction.clone();
                for write in &mut transaction.writes {
                    self.stamp_early(write);
                }
                self.inner.commit(&transaction).await
            }
            Some(Mutant::FenceAhead) => {
                let mut transaction = transaction.clone();
                for write in &mut transaction.writes {
                    self.move_ahead(write);
                }
                self.inner.commit(&transaction).await
            }
            _ => self.inner.commit(transaction).await,
        }
    }
}

impl MutantStore {
    /// Commits a part of the writes; what is left out counts as fine.
    async fn commit_those(
        &self,
        transaction: &Transaction,
        name: &str,
        is_kept: impl Fn(&Write) -> bool,
    ) -> Result<(), CommitError> {
        let writes: Vec<_> = transaction
            .writes
            .iter()
            .filter(|write| is_kept(write))
            .cloned()
            .collect();
        if writes.is_empty() {
            return Ok(());
        }
        let token = format!("{name}{}", &transaction.token[1..]);
        let answer = self.inner.commit(&Transaction { token, writes }).await;
        let Err(CommitError::Cancelled(reasons)) = answer else {
            return answer;
        };
        let mut reasons = reasons.into_iter();
        let all = transaction.writes.iter();
        let all = all.map(|write| {
            if is_kept(write) {
                reasons.next().flatten()
            } else {
                None
            }
        });
        Err(CommitError::Cancelled(all.collect()))
    }

    fn stamp_early(&self, write: &mut Write) {
        if write.key.table != OUTBOX_TABLE {
            return;
        }
        if let Some((_, rest)) = write.key.sort.split_once('-') {
            write.key.sort = format!("{:015}-{rest}", self.began_ms);
        }
    }

    fn move_ahead(&self, write: &mut Write) {
        let partition = write.key.partition.rsplit('/').next().unwrap_or_default();
        let end = self
            .batch_ends
            .get(partition)
            .filter(|_| write.key.sort == "fence");
        if let (Change::Put(body), Some(end)) = (&mut write.change, end) {
            body.insert("offset".to_owned(), Value::from(*end));
        }
    }
}

fn marks_a_letter(write: &Write) -> bool {
    let Change::Put(body) = &write.change else {
        return false;
    };
    body.get("mark").and_then(Value::as_str) == Some("dead_lettered")
}
