//! The stream of one table, read through the Streams API: embedded, `DynamoDB` Local or AWS.
//!
//! It knows shards, iterators and records. What is delivered when is the reader's business.

use std::error::Error;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodbstreams::error::ProvideErrorMetadata;
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType};

use crate::REGION;

/// The records that one call may read (`DynamoDB` Streams' `GetRecords` page).
pub(super) const PAGE_RECORDS_MAX: usize = 1_000;
/// Pages of shards, or of streams, that are read; of shards, a page has 100.
const LIST_PAGES_MAX: usize = 100;
/// What local servers are given, as they check no credentials.
const CREDENTIALS: &str = "local";

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The table does not exist or has no stream.
    #[error("table {table} has no stream; it needs one with new images")]
    NoStream {
        /// The table.
        table: String,
    },
    /// The service refused a call or could not be reached.
    #[error("the Streams API did not answer {call}{}", said(code.as_deref()))]
    Call {
        /// The call.
        call: &'static str,
        /// The error's code, if it has one.
        code: Option<String>,
        /// What the client said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service gave an answer without something that it always has.
    #[error("the answer of the Streams API to {call} lacks {what}")]
    Incomplete {
        /// The call.
        call: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// There are more pages than are read.
    #[error("the Streams API has more than {LIST_PAGES_MAX} pages for {call}")]
    TooManyPages {
        /// The call.
        call: &'static str,
    },
}

impl StreamError {
    /// Whether the position that was asked for is older than what the stream keeps.
    pub(super) fn is_trimmed(&self) -> bool {
        let trimmed = "TrimmedDataAccessException";
        matches!(self, Self::Call { code: Some(code), .. } if code == trimmed)
    }
}

fn said(code: Option<&str>) -> String {
    code.map(|code| format!(": {code}")).unwrap_or_default()
}

/// Where a shard is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// The oldest record that is kept.
    TrimHorizon,
    /// The first one behind this sequence number.
    After(String),
}

/// A page of records.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// Where the shard goes on; none at the end of a shard that is closed.
    pub(super) next: Option<String>,
}

/// The stream of one table.
#[derive(Debug, Clone)]
pub struct StreamSource {
    client: Client,
    table: String,
}

impl StreamSource {
    /// Reads the stream of `table` at an endpoint that checks no credentials, such as an embedded one.
    #[must_use]
    pub fn local(endpoint: &str, table: impl Into<String>) -> Self {
        let credentials = Credentials::new(CREDENTIALS, CREDENTIALS, None, None, CREDENTIALS);
        let config = aws_sdk_dynamodbstreams::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(endpoint);
        Self::new(Client::from_conf(config.build()), table)
    }

    /// Reads the stream of `table` with a client, which brings endpoint, region and credentials.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Finds the table's newest stream.
    pub(super) async fn stream_arn(&self) -> Result<String, StreamError> {
        let call = "ListStreams";
        let mut newest: Option<(String, String)> = None;
        let mut after = None;
        for _ in 0..LIST_PAGES_MAX {
            let list = self.client.list_streams().table_name(&self.table);
            let answer = list.set_exclusive_start_stream_arn(after).send().await;
            let answer = answer.map_err(|error| failed(call, error))?;
            for stream in answer.streams() {
                let arn = stream.stream_arn().ok_or(StreamError::Incomplete {
                    call,
                    what: "an ARN",
                })?;
                // Labels are the times of creation.
                let label = stream.stream_label().unwrap_or_default().to_owned();
                newest = newest.max(Some((label, arn.to_owned())));
            }
            after = answer.last_evaluated_stream_arn;
            if after.is_none() {
                let no_stream = || StreamError::NoStream {
                    table: self.table.clone(),
                };
                return newest.map(|(_, arn)| arn).ok_or_else(no_stream);
            }
        }
        Err(StreamError::TooManyPages { call })
    }

    /// Returns the shards that the stream has now, closed ones included.
    pub(super) async fn shards(&self, stream_arn: &str) -> Result<Vec<Shard>, StreamError> {
        let call = "DescribeStream";
        let mut shards = Vec::new();
        let mut after = None;
        for _ in 0..LIST_PAGES_MAX {
            let describe = self.client.describe_stream().stream_arn(stream_arn);
            let answer = describe.set_exclusive_start_shard_id(after).send().await;
            let answer = answer.map_err(|error| failed(call, error))?;
            let description = answer.stream_description.ok_or(StreamError::Incomplete {
                call,
                what: "a description",
            })?;
            shards.extend(description.shards.unwrap_or_default());
            after = description.last_evaluated_shard_id;
            if after.is_none() {
                return Ok(shards);
            }
        }
        Err(StreamError::TooManyPages { call })
    }

    /// Returns an iterator of a shard.
    pub(super) async fn iterator(
        &self,
        stream_arn: &str,
        shard_id: &str,
        position: &Position,
    ) -> Result<String, StreamError> {
        let call = "GetShardIterator";
        let (kind, sequence) = match position {
            Position::TrimHorizon => (ShardIteratorType::TrimHorizon, None),
            Position::After(sequence) => (ShardIteratorType::AfterSequenceNumber, Some(sequence)),
        };
        let get = self.client.get_shard_iterator().stream_arn(stream_arn);
        let get = get.shard_id(shard_id).shard_iterator_type(kind);
        let answer = get.set_sequence_number(sequence.cloned()).send().await;
        let answer = answer.map_err(|error| failed(call, error))?;
        answer.shard_iterator.ok_or(StreamError::Incomplete {
            call,
            what: "an iterator",
        })
    }

    /// Reads at an iterator, at most `records_max` and [`PAGE_RECORDS_MAX`].
    pub(super) async fn page(
        &self,
        iterator: &str,
        records_max: usize,
    ) -> Result<Page, StreamError> {
        let limit = records_max.clamp(1, PAGE_RECORDS_MAX);
        let get = self.client.get_records().shard_iterator(iterator);
        let get = get.set_limit(i32::try_from(limit).ok());
        let answer = get.send().await;
        let answer = answer.map_err(|error| failed("GetRecords", error))?;
        Ok(Page {
            records: answer.records.unwrap_or_default(),
            next: answer.next_shard_iterator,
        })
    }
}

fn failed(
    call: &'static str,
    error: impl ProvideErrorMetadata + Error + Send + Sync + 'static,
) -> StreamError {
    StreamError::Call {
        call,
        code: error.code().map(ToOwned::to_owned),
        source: Box::new(error),
    }
}
