//! `concert.sold-out`: a concert has no seats left; who waits is to be told.
//!
//! Telling everybody does not fit into one transaction, so the function that does it goes on by
//! publishing the same event with a `cursor`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConcertId, Deduplication, Event, EventSpec, SchemaVersion, Timestamp};

/// A concert has no seats left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConcertSoldOut {
    /// The concert.
    #[serde(alias = "concertId")]
    pub concert_id: ConcertId,
    /// When the last seat went, where that is not when the event was made.
    #[serde(default, alias = "soldOutAt", skip_serializing_if = "Option::is_none")]
    pub sold_out_at: Option<Timestamp>,
    /// When booking began.
    #[serde(
        default,
        alias = "bookingStartedAt",
        skip_serializing_if = "Option::is_none"
    )]
    pub booking_started_at: Option<Timestamp>,
    /// How many seats there were.
    #[serde(default, alias = "totalSeats", skip_serializing_if = "Option::is_none")]
    pub total_seats: Option<u64>,
    /// Where a continuation goes on; producers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Event for ConcertSoldOut {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "concert.sold-out",
        topic: "concert.concert.sold-out",
        alias_topics: &["concert-events"],
        legacy_types: &["CONCERT_SOLD_OUT"],
        key: "concert-{concert_id}",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(format!("concert-{}", self.concert_id))
    }
}
