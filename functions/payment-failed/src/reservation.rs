//! The compensation of a reservation: its held seat is free again, once.
//!
//! A reservation that is not there yet holds nothing: the failure is kept for it.

use event_schema::ReservationId;
use event_schema::events::PaymentFailed;
use processing::{Record, Rejection, Work};
use tables::{PaidFor, Reservation};

use crate::handler::{keep, notify, payment_completed};

/// Why a seat is free again, where the payment system does not say.
const PAYMENT_FAILED: &str = "payment_failed";

/// Gives the seat back, or keeps the failure until the reservation is there.
pub(crate) fn release(
    reservation_id: &ReservationId,
    record: &Record<PaymentFailed>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let event = &record.event;
    let Some(mut reservation) = work.get::<Reservation>(reservation_id.as_str())? else {
        return keep(PaidFor::Reservation(reservation_id), record, work);
    };
    if reservation.was_paid_with(event.payment_id.as_ref()) {
        return Err(payment_completed());
    }
    let reason = event.reason.as_deref().unwrap_or(PAYMENT_FAILED);
    if !reservation.release(reason, work)? {
        // It has no seat, or another attempt paid it: this one changes nothing.
        return Ok(());
    }
    let paid_for = ("reservation_id", reservation_id.as_str());
    let user = reservation.user_id.as_str();
    notify(user, paid_for, event.reason.as_deref(), work)
}
