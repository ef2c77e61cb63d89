//! Publishes the outbox to Kafka: in order per key, at least once, under one id.
//!
//! The order, the failures and the sweeps are the engine's (`processing::Relay`). Here is only how the engine's
//! publisher speaks to Kafka.

mod publisher;

pub use publisher::{KafkaPublisher, NotMadeError};

/// The function's name.
pub const NAME: &str = "outbox-relay";
