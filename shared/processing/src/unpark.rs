//! Putting a parked key back: its rows in order, each gone in the transaction of its effects, then its flag.
//!
//! Records of the key that arrive meanwhile park behind, because the flag stands. It is dropped under the
//! version that was seen before the rows were found to be gone: whoever parked in between has raised it.

use std::collections::BTreeMap;

use msk_event::{BatchResponse, SkipHead};
use serde_json::Value;

use crate::batch::{Batch, Entry, Fate, Skip, decode_record};
use crate::decide::Decide;
use crate::engine::{DecideEngine, Invocation, Run};
use crate::loader::Loader;
use crate::mark::STATE_TABLE;
use crate::park::{RECORD_ROWS_MAX, ROW_PREFIX, flag_key};
use crate::plan::Mode;
use crate::ports::{DeadLetters, Payloads, Timer};
use crate::rejection::Refusal;
use crate::report::{Answer, Effort, Processed};
use crate::store::{Change, Expect, ItemKey, Query, Store, Stored, Write};
use crate::transact::{NotCommitted, Transactor};
use crate::view::{Cache, Misses};

/// Rows that are read at once; at least one whole record.
const PAGE_ROWS_MAX: u32 = 200;
/// Pages that one invocation puts back; an operator invokes again for more.
pub const UNPARK_PAGES_MAX: u32 = 1_000;

const _A_PAGE_HOLDS_A_RECORD: () = assert!(PAGE_ROWS_MAX as usize >= 2 * RECORD_ROWS_MAX);

/// What one page of rows came to.
enum Page {
    /// All of it was put back, and there may be more.
    Done(Processed),
    /// Something of it was not.
    Stuck(Processed),
    /// There was nothing left, and the flag is gone.
    Free,
    /// Somebody parked meanwhile.
    Changed,
}

impl<H: Decide, S: Store, D: DeadLetters, T: Timer, P: Payloads> DecideEngine<H, S, D, T, P> {
    /// Puts the parked records of a key back, in order, up to the first that fails again.
    ///
    /// `skip_head` says which is the first of them, to be left a dead letter, and why. The answer fails unless
    /// the key is free in the end.
    pub(crate) async fn unpark(
        &self,
        ordering_key: &str,
        mut skip_head: Option<&SkipHead<'_>>,
        invocation: &Invocation,
    ) -> Processed {
        let mut all = Processed {
            answer: Answer::Respond(BatchResponse::default()),
            records: Vec::new(),
            effort: Effort::default(),
        };
        for number in 0..UNPARK_PAGES_MAX {
            // Each page is an invocation of its own to the store: its tokens must not repeat.
            let page = Invocation {
                request_id: format!("{}/{number}", invocation.request_id),
                deadline: invocation.deadline,
            };
            match self
                .unpark_page(ordering_key, skip_head.take(), &page)
                .await
            {
                Ok(Page::Free) => return all,
                Ok(Page::Changed) => {}
                Ok(Page::Done(processed)) => all.extend(processed),
                Ok(Page::Stuck(processed)) => {
                    all.extend(processed);
                    return all.failed("still_parked");
                }
                Err(refusal) => return all.failed(refusal.code),
            }
        }
        all.failed("still_parked")
    }

    async fn unpark_page(
        &self,
        ordering_key: &str,
        skip_head: Option<&SkipHead<'_>>,
        invocation: &Invocation,
    ) -> Result<Page, Refusal> {
        let nothing = Batch {
            cluster: String::new(),
            entries: Vec::new(),
        };
        let mut run = self.start(nothing, Mode::Unpark, invocation);
        let flag = flag_key(H::NAME, ordering_key);
        let mut cache = Cache::default();
        let query = Query {
            table: STATE_TABLE,
            partition: flag.partition.clone(),
            sort_prefix: ROW_PREFIX.to_owned(),
            after: None,
            limit: PAGE_ROWS_MAX,
        };
        // The flag before the rows: what is parked after it was read has raised its version.
        self.load(
            &mut run,
            Misses {
                keys: [flag.clone()].into(),
                ..Misses::default()
            },
            &mut cache,
        )
        .await?;
        let Some(stored_flag) = cache.items.remove(&flag).flatten() else {
            return Ok(Page::Free);
        };
        self.load(
            &mut run,
            Misses {
                queries: [query].into(),
                ..Misses::default()
            },
            &mut cache,
        )
        .await?;
        if cache.items.is_empty() {
            return self.drop_flag(&run, flag, stored_flag.version).await;
        }
        let rows = cache
            .items
            .into_iter()
            .filter_map(|(key, row)| Some((key, row?)));
        run.batch = parked_batch::<H>(rows.collect(), skip_head, &self.timer)?;
        self.finish(&mut run).await;
        let stuck = run.batch.entries.iter().any(|entry| {
            let skipped = entry.skip.is_some();
            match &entry.fate {
                Some(Fate::Applied | Fate::Duplicate | Fate::Ignored) => false,
                Some(Fate::DeadLettered(_)) => !skipped,
                Some(Fate::Parked | Fate::Unfinished(_)) | None => true,
            }
        });
        let processed = Processed::of(run.batch, H::DEDUP, run.effort, true);
        Ok(if stuck {
            Page::Stuck(processed)
        } else {
            Page::Done(processed)
        })
    }

    async fn load(
        &self,
        run: &mut Run<H::Event>,
        misses: Misses,
        cache: &mut Cache,
    ) -> Result<(), Refusal> {
        let loader = Loader {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
            salt: &run.id.clone(),
        };
        loader.load(misses, cache, &mut run.effort).await
    }

    async fn drop_flag(
        &self,
        run: &Run<H::Event>,
        flag: ItemKey,
        version: u64,
    ) -> Result<Page, Refusal> {
        let write = Write {
            key: flag,
            expect: Expect::Version(version),
            change: Change::Delete,
        };
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline: run.deadline,
        };
        let name = format!("{}-flag", run.id);
        match transactor
            .commit(&[write], &name, &mut Effort::default())
            .await
        {
            Ok(()) => Ok(Page::Free),
            Err(NotCommitted::Changed { .. }) => Ok(Page::Changed),
            Err(NotCommitted::Invalid(message)) => Err(Refusal::new("store_refused", message)),
            Err(NotCommitted::Unfinished(refusal)) => Err(refusal),
        }
    }
}

/// The records of some rows, in the rows' order: those of one cluster, without a last one whose rows are not
/// all there.
fn parked_batch<H: Decide>(
    rows: BTreeMap<ItemKey, Stored>,
    skip_head: Option<&SkipHead<'_>>,
    timer: &impl Timer,
) -> Result<Batch<H::Event>, Refusal> {
    let unreadable = || Refusal::new("parked_unreadable", "a parked row is not of its form");
    let mut records: Vec<Vec<(ItemKey, Stored)>> = Vec::new();
    for (key, row) in rows {
        let first = key.sort.ends_with("#000");
        match records.last_mut().filter(|_| !first) {
            Some(record) => record.push((key, row)),
            None => records.push(vec![(key, row)]),
        }
    }
    let mut batch = Batch {
        cluster: String::new(),
        entries: Vec::new(),
    };
    for record in records {
        let field = |name: &str| record.first().and_then(|(_, row)| row.body.get(name));
        let chunks = field("chunks")
            .and_then(Value::as_u64)
            .ok_or_else(unreadable)?;
        if u64::try_from(record.len()).ok() != Some(chunks) {
            break;
        }
        let cluster = field("cluster")
            .and_then(Value::as_str)
            .ok_or_else(unreadable)?;
        if !batch.entries.is_empty() && batch.cluster != cluster {
            break;
        }
        cluster.clone_into(&mut batch.cluster);
        let raw: String = record
            .iter()
            .filter_map(|(_, row)| row.body.get("record").and_then(Value::as_str))
            .collect();
        let delivered = msk_event::Record::read(&raw)
            .map_err(|error| Refusal::of("parked_unreadable", &error))?;
        let mut entry: Entry<H::Event> =
            decode_record(&delivered, &batch.cluster, H::DEDUP, timer.now());
        entry.rows = record
            .iter()
            .map(|(key, row)| take_away(key, row))
            .collect();
        if let Some(skip) = skip_head.filter(|_| batch.entries.is_empty()) {
            let head = record.first().map(|(key, _)| &*key.sort);
            if head != Some(&*skip.row) {
                let message = "another record than the one to skip is the first that waits";
                return Err(Refusal::new("another_head", message));
            }
            entry.skip = Some(Skip {
                reason: skip.reason.clone().into_owned(),
                has_letter: field("code").is_some_and(Value::is_string),
            });
        }
        batch.entries.push(entry);
    }
    if batch.entries.is_empty() {
        return Err(unreadable());
    }
    Ok(batch)
}

fn take_away(key: &ItemKey, row: &Stored) -> Write {
    Write {
        key: key.clone(),
        expect: Expect::Version(row.version),
        change: Change::Delete,
    }
}
