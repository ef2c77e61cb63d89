//! `reservation.created`: a user has reserved a seat at a concert.
//!
//! It does not say that the seat was free: the function that holds seats finds out.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::{
    AmountSchema, ConcertId, Deduplication, Event, EventSpec, InvalidEvent, ReservationId,
    SchemaVersion, SeatId, Timestamp, UserId, open_enum::open_enum,
};

open_enum! {
    /// The status of a reservation.
    pub enum ReservationStatus {
        /// It is not paid for yet.
        Pending = "pending",
        /// It is paid for.
        Confirmed = "confirmed",
        /// It is called off.
        Cancelled = "cancelled",
    }
}

/// A user has reserved a seat at a concert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationCreated {
    /// The reservation.
    #[serde(alias = "reservationId")]
    pub reservation_id: ReservationId,
    /// Who reserved.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// The concert.
    #[serde(alias = "concertId")]
    pub concert_id: ConcertId,
    /// The seat, where seats are numbered.
    #[serde(
        default,
        alias = "seatId",
        alias = "seat_id",
        skip_serializing_if = "Option::is_none"
    )]
    pub seat: Option<SeatId>,
    /// What the reservation is to cost.
    #[serde(
        default,
        with = "crate::amount::optional",
        alias = "price",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<AmountSchema>")]
    pub amount: Option<Decimal>,
    /// What the reservation is; without it, pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ReservationStatus>,
    /// When booking for the concert began.
    #[serde(
        default,
        alias = "bookingStartedAt",
        skip_serializing_if = "Option::is_none"
    )]
    pub booking_started_at: Option<Timestamp>,
}

impl Event for ReservationCreated {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "reservation.created",
        topic: "reservation.reservation.created",
        alias_topics: &["reservation-events"],
        legacy_types: &["RESERVATION_CREATED"],
        key: "reservation-{reservation_id}",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(format!("reservation-{}", self.reservation_id))
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        rules::not_negative("amount", self.amount)
    }
}
