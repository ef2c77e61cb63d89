//! The JSON that Lambda's Kafka event source mapping sends, and the batch response it expects.
//!
//! [`KafkaEvent::read`] reads an invocation event record by record: a record that cannot be read
//! comes out as [`Malformed`] beside its healthy neighbours, so that no record fails a batch.
//! [`BatchResponse`] names the records that are to be delivered again.
//! The wire format is described in esm-spec §1 and §2.3.
//!
//! This crate deliberately has no runtime, no AWS SDK and no Kafka client, does not interpret what
//! a record carries, and never writes events: it only reads them.

mod event;
mod position;
mod record;
mod record_error;
mod response;
mod wire;

pub use event::{
    Delivered, EVENT_BYTES_MAX, EventError, EventSource, KafkaEvent, Malformed,
    RECORDS_PER_EVENT_MAX, Redrive, SkipHead,
};
pub use position::Position;
pub use record::{DataFormat, Header, Record, SchemaMetadata, TimestampType};
pub use record_error::RecordError;
pub use response::{BatchResponse, ItemFailure, ItemIdentifier, ResponseError};
