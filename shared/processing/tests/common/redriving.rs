//! What an operator does: rolling out a fix, putting dead letters and parked keys back.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_schema::events::{BalanceCharged, UserActivityRecorded};
use processing::{Answer, Processed, Processor, Record, Rejection, Work};
use serde_json::json;
use testkit::{EventBuilder, KafkaRecord, invocation};

use super::{Bench, Counter, charge};

/// A handler's code before and after its fix.
#[derive(Clone, Default)]
pub(crate) struct Fix(Arc<AtomicBool>);

impl Fix {
    pub(crate) fn roll_out(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Applies charges, but not those of 13 before the fix.
    pub(crate) fn charge(
        &self,
    ) -> impl Fn(&Record<BalanceCharged>, &mut Work<'_>) -> Result<(), Rejection> + use<> {
        let fixed = self.0.clone();
        move |record, work| {
            if record.event.amount == 13.into() && !fixed.load(Ordering::SeqCst) {
                return Err(Rejection::permanent(
                    "unlucky",
                    "the code cannot count to 13",
                ));
            }
            charge(record, work)
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it has the shape of a handler")]
pub(crate) fn count_once(
    _: &Record<UserActivityRecorded>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    work.add::<Counter>("only", "count", 1);
    Ok(())
}

pub(crate) async fn redrive(
    bench: &Bench,
    engine: &impl Processor,
    records: &[KafkaRecord],
) -> Processed {
    let payload = EventBuilder::new()
        .records(records)
        .redrive("operator")
        .build();
    let number = bench.store.calls().loads;
    let invocation = invocation(format!("redrive-{number}"), &bench.timer);
    engine.process(&payload, &invocation).await.unwrap()
}

pub(crate) async fn unpark(
    bench: &Bench,
    engine: &impl Processor,
    key: &str,
    skip: Option<(&str, &str)>,
) -> Processed {
    let skip = skip.map(|(row, reason)| json!({ "row": row, "reason": reason }));
    let payload = json!({ "tailrace": { "redrive": {
        "id": "operator", "parked_key": key, "skip_head": skip,
    } } });
    let number = bench.store.calls().loads;
    let invocation = invocation(format!("unpark-{number}"), &bench.timer);
    engine
        .process(payload.to_string().as_bytes(), &invocation)
        .await
        .unwrap()
}

pub(crate) fn parked_items(bench: &Bench) -> usize {
    let state = bench.store.table("state").into_iter();
    state
        .filter(|(key, _)| key.partition.contains("#key#"))
        .count()
}

pub(crate) fn is_free(processed: &Processed) -> bool {
    matches!(processed.answer, Answer::Respond(_))
}

/// The row of a parked record, as an operator finds it.
pub(crate) fn row_of(bench: &Bench, offset: i64) -> String {
    let rows = bench
        .store
        .table("state")
        .into_iter()
        .map(|(key, _)| key.sort);
    let mut of_record = rows.filter(|sort| {
        sort.starts_with("row#")
            && sort.contains(&format!("#{offset:020}@"))
            && sort.ends_with("#000")
    });
    of_record.next().unwrap()
}
