//! A reservation is confirmed: its held seat is its own.
//!
//! A reservation that is not there yet is not decided here: its payment is kept for it.

use event_schema::ReservationId;
use event_schema::events::PaymentCompleted;
use processing::{Record, Rejection, Work};
use tables::{
    Confirmation, NotConfirmed, PaidFor, Reservation, ReservationPayment, ReservationState,
    refund_due,
};

use crate::handler::{already_paid, amount_mismatch, keep, not_payable, notify};

/// Has the payment confirm the reservation, or keeps it until the reservation is there.
pub(crate) fn confirm(
    reservation_id: &ReservationId,
    record: &Record<PaymentCompleted>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let (event, paid_for) = (&record.event, PaidFor::Reservation(reservation_id));
    let Some(mut reservation) = work.get::<Reservation>(reservation_id.as_str())? else {
        return keep(paid_for, record, work);
    };
    let was_pending = reservation.state == ReservationState::Pending;
    let payment = ReservationPayment {
        payment_id: event.payment_id.clone(),
        amount: event.amount,
    };
    let paid_at = event.paid_at.unwrap_or(record.timestamp);
    match reservation.confirm(payment, paid_at, work)? {
        Confirmation::Confirmed => notify(
            reservation.user_id.as_str(),
            ("reservation_id", reservation_id.as_str()),
            work,
        ),
        Confirmation::AlreadyConfirmed => Ok(()),
        // The seat is given back with this very record, which a refusal would undo.
        Confirmation::Refused(why @ NotConfirmed::HoldExpired) if was_pending => {
            let payment_id = event.payment_id.as_ref();
            let request = refund_due(paid_for, payment_id, Some(event.amount), why.code());
            work.publish(request.map_err(|error| {
                Rejection::permanent("invalid_recipient", "nobody can be told of the refund")
                    .caused_by(error)
            })?);
            Ok(())
        }
        Confirmation::Refused(why) => Err(match why {
            NotConfirmed::AmountMismatch => amount_mismatch().caused_by(why),
            NotConfirmed::AlreadyPaid => already_paid().caused_by(why),
            NotConfirmed::HoldExpired | NotConfirmed::Released | NotConfirmed::NeverHeld => {
                not_payable().caused_by(why)
            }
        }),
    }
}
