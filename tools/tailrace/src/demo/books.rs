//! The books: what `DynamoDB`, SQS and Kafka hold after a demo, read back by other means than it was written with.
//!
//! Nothing is counted on the way, and nothing is judged here.

mod letters;
mod offsets;
mod tables;

use std::collections::BTreeMap;

use ::tables::{Order, Product};

pub(crate) use letters::LettersError;
pub(crate) use offsets::OffsetsError;
pub(crate) use tables::{TablesError, seed};

use crate::platform::{Endpoints, MappingView, Resources};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Books {
    /// By the key of its item.
    pub(crate) products: BTreeMap<String, Product>,
    /// By the key of its item.
    pub(crate) orders: BTreeMap<String, Order>,
    /// What waits in the outbox for its publication.
    pub(crate) published: Vec<Published>,
    /// In the dead-letter queue; one that was sent twice is there twice.
    pub(crate) letters: Vec<Letter>,
    /// Messages of the dead-letter queue that are none of a function: records that a mapping gave up.
    pub(crate) given_up: usize,
    /// Records behind the offsets that the consumer groups have committed.
    pub(crate) lag: u64,
}

/// An event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    /// The JSON that Kafka is to get.
    pub(crate) value: String,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: String,
    pub(crate) code: String,
    /// Partition and offset; none if the letter does not say.
    pub(crate) position: Option<(i32, i64)>,
}

/// Why the books could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BooksError {
    #[error("the tables cannot be read back")]
    Tables(#[from] TablesError),
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
            products: tables.products().await?,
            orders: tables.orders().await?,
            published: tables.outbox().await?,
            letters,
            given_up,
            lag,
        })
    }
}
