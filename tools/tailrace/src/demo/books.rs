//! The books: what `DynamoDB`, SQS and Kafka hold after a demo, read back by other means than it was written with.
//!
//! Nothing is counted on the way, and nothing is judged here.

mod letters;
mod offsets;
mod tables;
mod topics;

use std::collections::BTreeMap;

use event_schema::catalogue;
use processing::{Body, STATE_TABLE};

pub(crate) use letters::LettersError;
pub(crate) use offsets::OffsetsError;
pub(crate) use tables::{TablesError, seed};
pub(crate) use topics::{Kept, ReadTopicsError, ends};

use crate::platform::{Endpoints, MappingView, Resources};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Books {
    /// The items of every table, by partition and sort key.
    pub(crate) tables: BTreeMap<&'static str, BTreeMap<(String, String), Body>>,
    /// The records of every topic, by partition and offset.
    pub(crate) topics: BTreeMap<&'static str, Vec<Kept>>,
    /// In the dead-letter queue; one that was sent twice is there twice.
    pub(crate) letters: Vec<Letter>,
    /// Messages of the dead-letter queue that are none of a function: records that a mapping gave up.
    pub(crate) given_up: usize,
    /// Records behind the offsets that the consumer groups have committed.
    pub(crate) lag: u64,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: String,
    pub(crate) function: String,
    pub(crate) code: String,
    /// Topic, partition and offset; none if the letter does not say.
    pub(crate) position: Option<(String, i32, i64)>,
}

/// Why the books could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BooksError {
    #[error("the tables cannot be read back")]
    Tables(#[from] TablesError),
    #[error("the topics cannot be read back")]
    Topics(#[from] ReadTopicsError),
    #[error("the dead-letter queue cannot be read back")]
    Letters(#[from] LettersError),
    #[error("the committed offsets cannot be read back")]
    Offsets(#[from] OffsetsError),
}

impl Books {
    /// Reads everything.
    pub(crate) async fn read(
        resources: &Resources,
        endpoints: &Endpoints,
        mappings: &[MappingView],
    ) -> Result<Self, BooksError> {
        let tables = tables::Tables::of(resources);
        let mut all = BTreeMap::new();
        for table in catalogue::tables() {
            // Marks are the engine's own, and thousands.
            if table != STATE_TABLE {
                all.insert(table, tables.read(table).await?);
            }
        }
        let Resources {
            sqs,
            queue_url,
            payloads,
            ..
        } = resources;
        let (letters, given_up) = letters::read(sqs, queue_url, payloads).await?;
        let mut lag = 0;
        for mapping in mappings {
            lag += offsets::lag(&endpoints.kafka, mapping).await?;
        }
        Ok(Self {
            tables: all,
            topics: topics::read(&endpoints.kafka).await?,
            letters,
            given_up,
            lag,
        })
    }
}
