//! The events that services exchange: their envelope, their payloads, the topic catalogue and the
//! documents that are written from them.
//!
//! Start at [`Envelope::read`] and [`Envelope::write`], then [`Event`], then [`catalogue`].
//! Readers are tolerant (unknown fields, camelCase names, `UPPER_SNAKE` types, ids as integers);
//! writers know the canonical form only.
//!
//! This crate deliberately knows nothing of Kafka clients, Lambda, AWS or async (what a role may do
//! stands in the catalogue as words for infrastructure code, nothing here acts on them), and decides
//! nothing about what an event leads to: it says what a message means, or why it means nothing.

#![doc = ""]
#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod documents;
pub mod events;

mod amount;
mod claim_check;
mod envelope;
mod event;
mod incoming;
mod labels;
mod open_enum;
mod text;
mod timestamp;
mod version;

pub use amount::{AmountSchema, InvalidAmount};
pub use claim_check::{ClaimCheck, InvalidClaimCheck, PAYLOAD_PREFIX, is_bucket};
pub use envelope::{CLAIM_CHECK, Claimed, WRITTEN_BYTES_MAX, header};
pub use envelope::{DEPTH_MAX, Envelope, Hints, Read, ReadError, VALUE_BYTES_MAX, WriteError};
pub use event::{Deduplication, Event, EventSpec, InvalidEvent};
pub use incoming::Incoming;
pub use labels::{LABELS_MAX, Labels};
pub use text::{
    ChargeId, ConcertId, CouponId, EventId, InvalidText, MetricName, OrderId, PaymentId, Personal,
    ProductId, Recipient, ReservationId, SeatId, ServiceName, TargetId, UserId,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use version::{InvalidSchemaVersion, SchemaVersion};

/// Re-exported because public fields have its type.
pub use rust_decimal::Decimal;
