//! Kafka for what publishes and administers: a producer without gaps, an admin client, and a reader.
//!
//! Everything that a process says to Kafka is set by [`Settings`]. Its limits are those of the crate's README:
//! it joins no consumer groups (Lambda's event source mapping reads for the functions), knows nothing of
//! events beyond [`OutgoingEvent`], and never stores anything.

mod admin;
mod client;
mod error;
mod event;
mod metrics;
#[cfg(feature = "msk-iam-admin")]
mod msk_iam;
mod polled;
mod producer;
mod reader;
mod settings;

pub use admin::{
    Admin, AdminClass, AdminCode, AdminError, GroupListing, GroupOffset, Mode, NewTopic,
    PartitionDescription, ResetTo, SettingChange, SettingOrigin, TopicDescription, TopicListing,
    TopicSetting,
};
pub use error::{Code, ErrorClass, Outcome, PublishError};
pub use event::OutgoingEvent;
pub use metrics::{LATENCY_BOUNDS_MS, ProducerMetrics};
#[cfg(feature = "msk-iam-admin")]
pub use msk_iam::{MskIamTokens, Token, TokenError, TokenSource};
pub use polled::ReadError;
pub use producer::{KafkaProducer, Publish};
pub use reader::{ReadRecord, TopicReader};
pub use settings::{Acks, Compression, Security, Settings, SettingsError, SettingsProblem};
