//! What happens to a reservation beside its making: a payment that was there before it, a later status.
//!
//! Payments that come after the reservation are the functions of payments' business.

use event_schema::events::{ReservationCreated, ReservationStatus};
use processing::{Record, Rejection, Work};
use tables::{
    Confirmation, EarlyPayment, EarlyPaymentState, HOLD_EXPIRED, NotConfirmed, PaymentOutcome,
    Reservation, ReservationPayment, ReservationState,
};

use crate::tell;

/// Why a reservation is released that was called off, as it is stored and published.
pub(crate) const CANCELLED: &str = "reservation_cancelled";

/// Has a reservation that is there take on the status that another event of it tells.
pub(crate) fn follow(
    mut stored: Reservation,
    record: &Record<ReservationCreated>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    use ReservationState as S;
    use ReservationStatus as Told;
    let told = record.event.status.as_ref().unwrap_or(&Told::Pending);
    if matches!(told, Told::Other(_)) {
        return Err(unknown_status());
    }
    if *told == Told::Pending || !is_same(&stored, &record.event) {
        return Err(Rejection::permanent(
            "reservation_exists",
            "another event made a reservation of this id before",
        ));
    }
    match (told, stored.state) {
        (Told::Confirmed, S::Confirmed) => Ok(()),
        (Told::Confirmed, S::Pending) => {
            if stored.settle(None, record.timestamp, work)? {
                return tell::paid(&stored, work);
            }
            // The seat is given back with this very record, which a refusal would undo.
            tell::refund_due(&stored, None, stored.amount, HOLD_EXPIRED, work)
        }
        (Told::Confirmed, S::Released) => Err(Rejection::permanent(
            "reservation_released",
            "its seat was given back before; if it is paid, the money has to go back",
        )),
        (Told::Confirmed, S::Refused) => Err(Rejection::permanent(
            "reservation_refused",
            "it never had a seat; if it is paid, the money has to go back",
        )),
        (_, S::Confirmed) => {
            stored.call_off(CANCELLED, work)?;
            let payment = stored.payment.as_ref();
            let payment_id = payment.and_then(|payment| payment.payment_id.as_ref());
            let amount = payment.map(|payment| payment.amount).or(stored.amount);
            tell::refund_due(&stored, payment_id, amount, CANCELLED, work)
        }
        (_, S::Pending | S::Released | S::Refused) => {
            stored.release(CANCELLED, work)?;
            Ok(())
        }
    }
}

/// Has a payment that was there before the reservation take effect on it, or has its money go back.
pub(crate) fn join(
    mut reservation: Reservation,
    mut early: EarlyPayment,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    early.state = EarlyPaymentState::Joined;
    match (early.outcome, early.amount) {
        (PaymentOutcome::Failed, _) => {
            // It was released for that; one that another system calls confirmed is paid all the same.
            if reservation.state == ReservationState::Released {
                tell::payment_failed(&reservation, work)?;
            }
        }
        (PaymentOutcome::Completed, amount) => {
            let payment = amount.map(|amount| ReservationPayment {
                payment_id: early.payment_id.clone(),
                amount,
            });
            let confirmation = match payment {
                Some(payment) => reservation.confirm(payment, early.happened_at, work)?,
                None => Confirmation::Refused(NotConfirmed::AmountMismatch),
            };
            match confirmation {
                Confirmation::Confirmed => tell::paid(&reservation, work)?,
                Confirmation::AlreadyConfirmed => {}
                Confirmation::Refused(why) => {
                    early.state = EarlyPaymentState::RefundDue;
                    let payment_id = early.payment_id.as_ref();
                    tell::refund_due(&reservation, payment_id, amount, why.code(), work)?;
                }
            }
        }
    }
    work.put(&early);
    Ok(())
}

pub(crate) fn unknown_status() -> Rejection {
    Rejection::permanent(
        "unknown_reservation_status",
        "the reservation's status is none of pending, confirmed, cancelled",
    )
}

/// Whether the event tells of the stored reservation; a status may leave the seat out.
fn is_same(stored: &Reservation, event: &ReservationCreated) -> bool {
    stored.user_id == event.user_id
        && stored.concert_id == event.concert_id
        && (event.seat.is_none() || event.seat == stored.seat)
}
