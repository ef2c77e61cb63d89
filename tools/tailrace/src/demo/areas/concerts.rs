//! Concerts: more reservations than seats, one that sells out, and those who wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::events::ReservationCreated;
use event_schema::{ConcertId, Decimal, ReservationId, SeatId, Timestamp, UserId};
use serde_json::json;

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::Evidence;
use crate::demo::plan::{self, PlanError, Recipe, Seed};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Each concert with its seats and the reservations for them.
const CONCERTS: [(&str, u32, u32); 3] = [
    ("aurora", 40, 160),
    ("nocturne", 60, 150),
    ("encore", 200, 90),
];
/// Users that reserve.
const USERS: u32 = 400;
/// Booking began so long before the first reservation.
const BOOKING_MS: i64 = 60_000;
/// Characters of a bar.
const BAR_WIDTH: usize = 24;

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    let began = Timestamp::from_ms(recipe.starts_at.as_ms() - BOOKING_MS);
    for (concert, seats, reservations) in CONCERTS {
        business.seeds.push(Seed {
            table: "concerts",
            partition: concert.to_owned(),
            sort: "-".to_owned(),
            item: json!({ "concert_id": concert, "available": seats }),
        });
        for number in 0..reservations {
            let reservation = ReservationCreated {
                reservation_id: ReservationId::new(format!("r-{concert}-{number:03}"))?,
                user_id: UserId::new(format!("u-{:03}", random.between(0, USERS)))?,
                concert_id: ConcertId::new(concert)?,
                seat: Some(SeatId::new(format!(
                    "seat-{:03}",
                    random.between(1, seats)
                ))?),
                amount: Some(Decimal::from(random.between(5, 20) * 10_000)),
                status: None,
                booking_started_at: Some(began),
            };
            let id = format!("reservation-{concert}-{number}");
            let record = plan::record(reservation, &id, recipe.at(number))?;
            business.push(record, random);
        }
    }
    Ok(())
}
