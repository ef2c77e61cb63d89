//! Strongly consistent reads: keys in batches, and the items of one partition page by page.
//!
//! A failed call is reported, not repeated; only what a successful call left unprocessed is asked for again,
//! because that is part of `BatchGetItem`'s protocol.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use processing::{ItemKey, Query, StoreError, Stored};

use super::attributes::{Attributes, PARTITION, SORT, key_attributes, read_item};
use super::{Found, TableNames};
use crate::call::{CallError, Fault, fault};

/// Calls that one load may take: an answer holds at most 16 MB, and what does not fit, or what the
/// service has no capacity for, is left for the next.
pub const LOAD_ROUNDS_MAX: u32 = 8;
/// The pause before the second call of a load; it doubles from there.
const ROUND_PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause between two calls of a load.
const ROUND_PAUSE_MAX: Duration = Duration::from_millis(500);

/// A load that was not complete after the last round.
#[derive(Debug, thiserror::Error)]
#[error("{keys} keys were left unprocessed after {LOAD_ROUNDS_MAX} calls")]
struct UnprocessedKeysError {
    keys: usize,
}

pub(crate) async fn load(
    client: &Client,
    tables: &TableNames,
    keys: &[ItemKey],
) -> Result<Vec<Option<Stored>>, StoreError> {
    let mut found = Found::new();
    let mut pending = request(tables, keys)?;
    let mut round = 0;
    while !pending.is_empty() {
        if round == LOAD_ROUNDS_MAX {
            let keys = pending.values().map(|request| request.keys.len()).sum();
            return Err(StoreError::Throttled(UnprocessedKeysError { keys }.into()));
        }
        if round > 0 {
            tokio::time::sleep(round_pause(round)).await;
        }
        round += 1;
        let call = client.batch_get_item().set_request_items(Some(pending));
        let answer = call
            .send()
            .await
            .map_err(|error| store_error("BatchGetItem", error))?;
        for (table, items) in answer.responses.unwrap_or_default() {
            found.extend(items.into_iter().map(|item| {
                let (partition, sort, stored) = read_item(item);
                ((table.clone(), partition, sort), stored)
            }));
        }
        pending = answer.unprocessed_keys.unwrap_or_default();
        // The service repeats the keys; that it repeats the consistency is not promised.
        for request in pending.values_mut() {
            request.consistent_read = Some(true);
        }
    }
    let in_order = keys.iter().map(|key| {
        found.remove(&(
            tables.physical(key.table),
            key.partition.clone(),
            key.sort.clone(),
        ))
    });
    Ok(in_order.collect())
}

fn request(
    tables: &TableNames,
    keys: &[ItemKey],
) -> Result<HashMap<String, KeysAndAttributes>, StoreError> {
    let mut by_table: HashMap<String, Vec<Attributes>> = HashMap::new();
    for key in keys {
        by_table
            .entry(tables.physical(key.table))
            .or_default()
            .push(key_attributes(key));
    }
    let requests = by_table.into_iter().map(|(table, keys)| {
        let request = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys));
        let request = request
            .build()
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok((table, request))
    });
    requests.collect()
}

/// Exponential with full jitter, so that invocations that were throttled together do not come back together.
fn round_pause(round: u32) -> Duration {
    let ceiling = ROUND_PAUSE_FIRST
        .saturating_mul(1 << round.min(10))
        .min(ROUND_PAUSE_MAX);
    // A new hasher state is random; the standard library offers no other source.
    let thousandths = u32::try_from(RandomState::new().hash_one(round) % 1_000).unwrap_or(0);
    ceiling.saturating_mul(thousandths) / 1_000
}

pub(crate) async fn query(
    client: &Client,
    tables: &TableNames,
    query: &Query,
) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let mut start = None;
    // A page without a filter holds at least one item, so there are never more pages than items.
    for _page in 0..query.limit {
        let left = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
        let call = range(
            client.query().table_name(tables.physical(query.table)),
            query,
        )
        .consistent_read(true)
        .limit(left)
        .set_exclusive_start_key(start);
        let page = call
            .send()
            .await
            .map_err(|error| store_error("Query", error))?;
        for item in page.items.unwrap_or_default() {
            let (partition, sort, stored) = read_item(item);
            if !sort.starts_with(&query.sort_prefix) {
                return Ok(items);
            }
            items.push((
                ItemKey {
                    table: query.table,
                    partition,
                    sort,
                },
                stored,
            ));
        }
        start = page.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() || items.len() >= limit {
            break;
        }
    }
    Ok(items)
}

/// One range of sort keys: a key condition takes one term only, so of prefix and lower bound it says the
/// narrower. Sort keys are in order, so behind a lower bound inside the prefix, the first key without the
/// prefix ends the items.
fn range(call: QueryFluentBuilder, query: &Query) -> QueryFluentBuilder {
    let call = call
        .expression_attribute_names("#pk", PARTITION)
        .expression_attribute_values(":pk", AttributeValue::S(query.partition.clone()));
    // A bound below the whole prefix excludes nothing of it.
    let bound = query
        .after
        .as_deref()
        .filter(|after| *after >= query.sort_prefix.as_str());
    let (term, value) = match bound {
        Some(after) => ("#sk > :sk", after),
        None if query.sort_prefix.is_empty() => {
            return call.key_condition_expression("#pk = :pk");
        }
        None => ("begins_with(#sk, :sk)", query.sort_prefix.as_str()),
    };
    call.key_condition_expression(format!("#pk = :pk AND {term}"))
        .expression_attribute_names("#sk", SORT)
        .expression_attribute_values(":sk", AttributeValue::S(value.to_owned()))
}

pub(super) fn store_error<E>(
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let fault = fault(&error);
    let cause = CallError::new(operation, error).into();
    match fault {
        Fault::Throttled => StoreError::Throttled(cause),
        // A read has no outcome to be unsure of.
        Fault::NoAnswer | Fault::Refused | Fault::Denied => StoreError::Unavailable(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_rounds_stay_bounded() {
        for round in 1..100 {
            assert!(round_pause(round) <= ROUND_PAUSE_MAX);
        }
    }
}
