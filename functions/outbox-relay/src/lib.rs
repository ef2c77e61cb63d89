//! Publishes the outbox to Kafka: in order per key, at least once, under one id.
//!
//! The order, the failures and the sweeps are the engine's (`processing::Relay`), what Lambda sends and hears is
//! `aws-adapters`'. Here is only how the engine's publisher speaks to Kafka.

mod publisher;

pub use publisher::KafkaPublisher;

/// The function's name.
pub const NAME: &str = "outbox-relay";
