//! Decides what an event does to the totals: it is kept whole, and counted once for each thing it is counted by.
//!
//! Averages, rankings and reports are for whoever reads the totals.

use event_schema::Incoming as _;
use event_schema::events::{ConcertSoldOut, OrderCompleted, PaymentCompleted, ReservationCreated};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::facts::Facts;
use crate::items::{RawEvent, RawPart, Total};

event_schema::one_of! {
    /// What is counted.
    pub enum Business {
        OrderCompleted,
        PaymentCompleted,
        ReservationCreated,
        ConcertSoldOut,
    }
}

/// Handles `order.completed`, `payment.completed`, `reservation.created` and `concert.sold-out`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataPlatformHandler;

impl Decide for DataPlatformHandler {
    type Event = Business;
    const NAME: &'static str = "data-platform";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<Business>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let Some(facts) = Facts::of(record) else {
            return Ok(());
        };
        let raw = RawEvent::of(record, &facts);
        // The event itself guards the totals: marks go after a while, and another group has none.
        if work
            .get::<RawEvent>((&raw.subject, RawEvent::SORT))?
            .is_some()
        {
            return Ok(());
        }
        for (number, value) in (1..raw.parts).zip(RawPart::rest_of(record.value())) {
            work.put(&RawPart {
                subject: raw.subject.clone(),
                number,
                value,
            });
        }
        work.put(&raw);
        count(record, &facts, work);
        Ok(())
    }
}

fn count(record: &Record<Business>, facts: &Facts, work: &mut Work<'_>) {
    let hour = facts.at.to_string().chars().take(13).collect::<String>();
    let by = [
        ("hour", Some(hour)),
        ("concert", facts.concert.as_ref().map(ToString::to_string)),
        ("user", facts.user.as_ref().map(ToString::to_string)),
        ("method", facts.method.clone()),
    ];
    for (what, value) in by {
        let Some(value) = value else { continue };
        // What many events share is counted apart for each partition: additions of several invocations at
        // once would hold each other up. A user has few.
        let share = if what == "user" {
            0
        } else {
            record.position.partition
        };
        let event_type = record.event.spec().event_type;
        let (by, share) = (
            format!("{what}#{value}"),
            format!("{event_type}#{share:04}"),
        );
        work.add::<Total>((&by, &share), "events", 1);
        if let Some(amount) = facts.amount {
            work.add::<Total>((&by, &share), "amount", amount);
        }
    }
}
