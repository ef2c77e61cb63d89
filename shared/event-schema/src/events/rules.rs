//! Rules that several event types share; each names the field and never its value.

use rust_decimal::Decimal;

use super::OrderLine;
use crate::{InvalidEvent, LABELS_MAX, Labels, OrderId, ReservationId, text};

/// Holds one order's lines to their number and each line to its quantity and price.
pub(super) fn order_lines(lines: &[OrderLine], lines_max: usize) -> Result<(), InvalidEvent> {
    if lines.len() > lines_max {
        return Err(InvalidEvent::new(
            "items",
            format!("at most {lines_max} lines"),
        ));
    }
    for (position, line) in lines.iter().enumerate() {
        if line.quantity == 0 || line.quantity > super::QUANTITY_MAX {
            let path = format!("items[{position}].quantity");
            return Err(InvalidEvent::new(
                path,
                format!("1 to {}", super::QUANTITY_MAX),
            ));
        }
        not_negative(&format!("items[{position}].unit_price"), line.unit_price)?;
    }
    Ok(())
}

/// Holds an amount, where there is one, to zero or more.
pub(super) fn not_negative(path: &str, amount: Option<Decimal>) -> Result<(), InvalidEvent> {
    match amount {
        Some(amount) if amount < Decimal::ZERO => Err(InvalidEvent::new(path, "not negative")),
        Some(_) | None => Ok(()),
    }
}

/// Requires what a payment is for.
pub(super) fn paid_for(
    order: Option<&OrderId>,
    reservation: Option<&ReservationId>,
) -> Result<(), InvalidEvent> {
    if order.is_none() && reservation.is_none() {
        return Err(InvalidEvent::new(
            "order_id",
            "required unless `reservation_id` is there",
        ));
    }
    Ok(())
}

/// Returns the key of a payment: its order, else its reservation.
pub(super) fn payment_key(
    order: Option<&OrderId>,
    reservation: Option<&ReservationId>,
) -> Option<String> {
    let order = order.map(OrderId::as_str);
    order
        .or(reservation.map(ReservationId::as_str))
        .map(str::to_owned)
}

/// Holds labels to [`LABELS_MAX`], which reading has done already.
pub(super) fn labels(path: &str, labels: &Labels) -> Result<(), InvalidEvent> {
    if labels.len() > LABELS_MAX {
        return Err(InvalidEvent::new(
            path,
            format!("at most {LABELS_MAX} labels"),
        ));
    }
    Ok(())
}

/// Holds a plain text to a length, and to characters that keys can carry.
pub(super) fn short_text(path: &str, text: &str, bytes_max: usize) -> Result<(), InvalidEvent> {
    text::check(text, bytes_max).map_err(|error| InvalidEvent::new(path, error.to_string()))
}
