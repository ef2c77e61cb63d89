//! Who is told what of a reservation.
//!
//! Texts and addresses are found when a notification is delivered.

use event_schema::events::{NotificationChannel, NotificationKind, NotificationRequested};
use event_schema::{InvalidText, PaymentId, Recipient};
use processing::{Rejection, Work};
use rust_decimal::Decimal;
use tables::{NotConfirmed, PaidFor, Reservation, Seat, UNNUMBERED_PREFIX};

/// Tells the user that the seat is held, and until when; payment systems follow this by its `reservation_id`.
pub(crate) fn held(
    reservation: &Reservation,
    seat: &Seat,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let mut more = vec![("held_until", seat.held_until.to_string())];
    more.extend((reservation.amount).map(|amount| ("amount", amount.normalize().to_string())));
    notify(
        reservation,
        NotificationKind::ReservationCreated,
        more,
        work,
    )
}

/// Tells the user that there is no seat, and why as a stable code.
pub(crate) fn refused(
    reservation: &Reservation,
    reason: &str,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let more = vec![("reason", reason.to_owned())];
    notify(
        reservation,
        NotificationKind::ReservationRefused,
        more,
        work,
    )
}

/// Tells the user that the hold was over and somebody else has the seat.
pub(crate) fn expired(reservation: &Reservation, work: &mut Work<'_>) -> Result<(), Rejection> {
    notify(
        reservation,
        NotificationKind::ReservationExpired,
        Vec::new(),
        work,
    )
}

/// Tells the user that the reservation is paid.
pub(crate) fn paid(reservation: &Reservation, work: &mut Work<'_>) -> Result<(), Rejection> {
    notify(
        reservation,
        NotificationKind::PaymentCompleted,
        Vec::new(),
        work,
    )
}

/// Tells the user that the payment failed, and no seat is held.
pub(crate) fn payment_failed(
    reservation: &Reservation,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let reason = reservation.reason.iter();
    let more = reason.map(|reason| ("reason", reason.clone())).collect();
    notify(reservation, NotificationKind::PaymentFailed, more, work)
}

/// Tells those who see to payments that money has to go back.
pub(crate) fn refund_due(
    reservation: &Reservation,
    payment_id: Option<&PaymentId>,
    amount: Option<Decimal>,
    reason: &str,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let paid_for = PaidFor::Reservation(&reservation.reservation_id);
    let request = tables::refund_due(paid_for, payment_id, amount, reason);
    work.publish(request.map_err(invalid_recipient)?);
    Ok(())
}

/// Tells them the same of a reservation that was paid elsewhere and got no seat.
pub(crate) fn paid_in_vain(
    reservation: &Reservation,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    let why = NotConfirmed::NeverHeld.code();
    refund_due(reservation, None, reservation.amount, why, work)
}

fn notify(
    reservation: &Reservation,
    kind: NotificationKind,
    more: Vec<(&'static str, String)>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    // The name of a place without a number says nothing to anybody.
    let seat = reservation.seat.as_ref();
    let seat = seat.filter(|seat| !seat.as_str().starts_with(UNNUMBERED_PREFIX));
    let ids = [
        ("reservation_id", reservation.reservation_id.to_string()),
        ("concert_id", reservation.concert_id.to_string()),
    ];
    work.publish(NotificationRequested {
        recipient: Recipient::new(reservation.user_id.as_str()).map_err(invalid_recipient)?,
        kind,
        channel: NotificationChannel::default(),
        locale: None,
        data: (ids.into_iter())
            .chain(seat.map(|seat| ("seat", seat.to_string())))
            .chain(more)
            .collect(),
    });
    Ok(())
}

fn invalid_recipient(error: InvalidText) -> Rejection {
    Rejection::permanent("invalid_recipient", "somebody cannot be notified").caused_by(error)
}
