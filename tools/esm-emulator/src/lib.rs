#![doc = include_str!("../README.md")]

//! # Code map
//! `config`, `switches`, `faults`: what a mapping is told. `rules`: the same as numbers. `scheduler`, `event`, `response`,
//! `document`: the pure core. `ports`: what it needs from outside. `mapping`, `handle`: the loop and the view of it.
//! `kafka_source`, `http_invoke`, `sqs_on_failure`, `memory`: adapters. No other crate of its repository is used here.

mod config;
mod destination;
mod document;
mod event;
mod faults;
mod handle;
mod http_invoke;
mod kafka_source;
mod lag;
mod mapping;
pub mod memory;
mod metrics;
mod ports;
mod record;
mod response;
mod rules;
mod scheduler;
mod sqs_on_failure;
mod switches;

pub use self::config::{
    ConfigError, MappingConfig, MetricGroup, Problem, ProvisionedPollers, StartingPosition,
    SystemLogLevel,
};
pub use self::destination::Destination;
pub use self::faults::{Fault, FaultPlan, SeededFaults};
pub use self::handle::{LagError, MappingHandle};
pub use self::http_invoke::HttpInvoke;
pub use self::kafka_source::KafkaSource;
pub use self::lag::{Lag, PartitionLag};
pub use self::mapping::{Mapping, MappingError};
pub use self::metrics::Metrics;
pub use self::ports::{
    CommitPosition, EndOffsets, Invoke, InvokeAnswer, InvokeError, InvokeFn, InvokeRequest,
    NoOnFailure, OnFailure, OnFailureError, OnFailureMessage, PartitionStart, Source, SourceError,
};
pub use self::record::{Header, Record, Timestamp};
pub use self::sqs_on_failure::SqsOnFailure;
pub use self::switches::{DocumentForm, NullHeaderValue, Oversized, Partial, Switches, Tombstone};
