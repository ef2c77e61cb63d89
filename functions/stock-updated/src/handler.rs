//! Decides what a change of stock does: it is taken in, and running low is told once each time.
//!
//! What is to be ordered again is not its business.

use event_schema::Recipient;
use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, StockUpdated,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::StockLevel;

/// Who is told that a product runs low.
pub const INVENTORY_RECIPIENT: &str = "inventory";

/// Handles `stock.updated`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StockUpdatedHandler;

impl Decide for StockUpdatedHandler {
    type Event = StockUpdated;
    const NAME: &'static str = "stock-updated";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<StockUpdated>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let event = &record.event;
        let known = work.get::<StockLevel>(event.product_id.as_str())?;
        let (level, before) = if let Some(mut level) = known {
            let before = level.available;
            level.take_in(event, record.timestamp);
            (level, Some(before))
        } else {
            let level = StockLevel::opened_by(event, record.timestamp);
            let before = event.delta.map(|_| level.opening);
            (level, before)
        };
        work.put(&level);
        // A product that is first met by an event that tells only the whole may be low already.
        let was_low = before.is_some_and(|before| before <= level.bound());
        if level.available <= level.bound() && !was_low {
            return tell(&level, work);
        }
        Ok(())
    }
}

fn tell(level: &StockLevel, work: &mut Work<'_>) -> Result<(), Rejection> {
    let recipient = Recipient::new(INVENTORY_RECIPIENT).map_err(|error| {
        Rejection::permanent("invalid_recipient", "nobody can be told of low stock")
            .caused_by(error)
    })?;
    let data = [
        ("product_id", level.product_id.to_string()),
        ("available", level.available.to_string()),
        ("low_stock_pieces", level.bound().to_string()),
    ];
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::LowStock,
        channel: NotificationChannel::default(),
        locale: None,
        data: data.into_iter().collect(),
    });
    Ok(())
}
