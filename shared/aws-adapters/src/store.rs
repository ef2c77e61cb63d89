//! The store on `DynamoDB`: `BatchGetItem`, `Query` and `TransactWriteItems` in the engine's words.
//!
//! Every table has the string keys `pk` and `sk`; the number `_v` counts an item's writes; the other
//! attributes are the item's body. It never repeats a commit by itself: the engine knows the deadline, counts
//! the calls, and must learn of each outcome that is open. It creates no tables ([`crate::tables`] does).

mod attributes;
mod cancellation;
mod index;
mod reads;
mod writes;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use futures_util::FutureExt;
use processing::{
    Cause, CommitError, ItemKey, Query, Store, StoreError, Stored, Transaction, Write,
};

use crate::call::{CallError, Fault, fault};

pub(crate) use attributes::{PARTITION, SORT, read_item};
pub use index::{INDEX_PAGE_ITEMS_MAX, IndexQuery};
pub use reads::LOAD_ROUNDS_MAX;
pub(crate) use writes::InvalidWriteError;

/// Time to open a connection; inside a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time to the first byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Time of a whole call; loads may carry 16 MB.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The engine's store in `DynamoDB` tables.
///
/// Clones share the client and its connections.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    tables: TableNames,
}

/// How logical table names become physical ones.
#[derive(Clone, Debug)]
pub(crate) struct TableNames {
    prefix: String,
}

impl TableNames {
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    pub(crate) fn physical(&self, logical: &str) -> String {
        format!("{}{logical}", self.prefix)
    }
}

impl DynamoStore {
    /// Creates a store over tables whose physical names are `table_prefix` and the logical name.
    ///
    /// Of the client it keeps endpoint, region, credentials and connections. Retries are turned off and
    /// timeouts set, whatever the client has: an attempt that the SDK repeats unseen would take time
    /// that the engine has planned, and turn an open outcome into a wrong one.
    #[must_use]
    pub fn new(client: &Client, table_prefix: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = client
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            tables: TableNames::new(table_prefix),
        }
    }
}

// The SDK's futures are boxed: they nest so deep that, inside the engine's, a function might not compile.
impl Store for DynamoStore {
    async fn load(&self, keys: &[ItemKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        reads::load(&self.client, &self.tables, keys).boxed().await
    }

    async fn query(&self, query: &Query) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        reads::query(&self.client, &self.tables, query)
            .boxed()
            .await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let actions = transaction
            .writes
            .iter()
            .map(|write| writes::action(&self.tables, write));
        let actions = actions
            .collect::<Result<Vec<_>, InvalidWriteError>>()
            .map_err(|error| CommitError::Invalid(error.into()))?;
        let sent = self
            .client
            .transact_write_items()
            .client_request_token(&transaction.token)
            .set_transact_items(Some(actions))
            .send()
            .boxed()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(commit_error(error, &transaction.writes)),
        }
    }
}

fn commit_error(error: SdkError<TransactWriteItemsError>, writes: &[Write]) -> CommitError {
    let cancelled = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancellation::read(cancelled, writes.len()))
        }
        Some(_) | None => None,
    };
    match cancelled {
        Some(Some(reasons)) => CommitError::Cancelled(reasons),
        // Nothing was written, but which write is to blame was not said.
        Some(None) => CommitError::Unavailable(commit_cause(error)),
        None => match fault(&error) {
            Fault::Throttled => CommitError::Throttled(commit_cause(error)),
            Fault::NoAnswer => CommitError::Unknown(commit_cause(error)),
            Fault::Refused => CommitError::Invalid(commit_cause(error)),
            Fault::Denied => CommitError::Unavailable(commit_cause(error)),
        },
    }
}

fn commit_cause(error: SdkError<TransactWriteItemsError>) -> Cause {
    CallError::new("TransactWriteItems", error).into()
}

/// Items by physical table, partition key and sort key.
type Found = HashMap<(String, String, String), Stored>;
