//! A reservation of a seat, and how it is confirmed or given back.
//!
//! Whether a seat can be reserved at all is decided by the function that stores the reservation; who is told is
//! each function's business.

use event_schema::{ConcertId, PaymentId, ReservationId, SeatId, Timestamp, UserId};
use processing::{Item, Key, Rejection, Work};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Concert, Seat, SeatState};

/// Why a seat came free again whose hold was over, as it is stored and published.
pub const HOLD_EXPIRED: &str = "hold_expired";

/// A reservation as it is stored, keyed by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub reservation_id: ReservationId,
    /// Who reserved.
    pub user_id: UserId,
    /// The concert.
    pub concert_id: ConcertId,
    /// The seat that it has or had, or asked for in vain; none where it asked for any and got none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatId>,
    /// What it is to cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// Where it stands.
    pub state: ReservationState,
    /// Why it stands there, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it was paid with; none while it is not, and where only a status told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<ReservationPayment>,
    /// When the user reserved.
    pub booked_at: Timestamp,
    /// When the state was set.
    pub updated_at: Timestamp,
}

/// Where a reservation stands. Only a pending or confirmed one has its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Its seat is held; it is not paid yet.
    Pending,
    /// It is paid.
    Confirmed,
    /// Its seat was given back, or taken over after the hold.
    Released,
    /// It never had a seat; its user waits.
    Refused,
}

/// What a reservation was paid with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationPayment {
    /// The payment; old producers leave its id out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// What was paid.
    pub amount: Decimal,
}

/// What a payment did to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It confirmed the reservation and its seat.
    Confirmed,
    /// The reservation is confirmed already, and the payment is the one that it was confirmed with.
    AlreadyConfirmed,
    /// It paid for nothing: its money has to go back.
    Refused(NotConfirmed),
}

/// Why a payment confirms nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// It was made after the hold, or somebody else has the seat by now.
    #[error("the payment was made after the hold of the seat, or the seat was taken over")]
    HoldExpired,
    /// The seat was given back before.
    #[error("the reservation was released before it was paid")]
    Released,
    /// There never was a seat.
    #[error("the reservation was refused")]
    NeverHeld,
    /// Another payment was there before.
    #[error("the reservation is paid already")]
    AlreadyPaid,
    /// It is not what the reservation costs.
    #[error("the payment is not what the reservation costs")]
    AmountMismatch,
}

impl NotConfirmed {
    /// Returns the stable code, for dead letters and refunds.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HoldExpired => HOLD_EXPIRED,
            Self::Released => "reservation_released",
            Self::NeverHeld => "reservation_refused",
            Self::AlreadyPaid => "reservation_already_paid",
            Self::AmountMismatch => "amount_mismatch",
        }
    }
}

impl Reservation {
    /// Confirms the reservation and its seat with a payment that was made at that time, and stores both.
    ///
    /// A payment made after the hold gives the seat back, in the same transaction. Any other refusal changes
    /// nothing. The caller has read the reservation with [`Work::get`].
    ///
    /// # Errors
    /// Carries a miss; pass it on with `?`.
    pub fn confirm(
        &mut self,
        payment: ReservationPayment,
        paid_at: Timestamp,
        work: &mut Work<'_>,
    ) -> Result<Confirmation, Rejection> {
        if self.state == ReservationState::Confirmed
            && self.was_paid_with(payment.payment_id.as_ref())
        {
            return Ok(Confirmation::AlreadyConfirmed);
        }
        if let Some(why) = self.refuses(payment.amount) {
            return Ok(Confirmation::Refused(why));
        }
        if self.state == ReservationState::Confirmed {
            // Only a status had told of it: this is the payment that it told of.
            self.payment = Some(payment);
            work.put(self);
            return Ok(Confirmation::AlreadyConfirmed);
        }
        if self.settle(Some(payment), paid_at, work)? {
            return Ok(Confirmation::Confirmed);
        }
        Ok(Confirmation::Refused(NotConfirmed::HoldExpired))
    }

    /// Why a payment of that amount cannot confirm it, whenever it was made.
    fn refuses(&self, amount: Decimal) -> Option<NotConfirmed> {
        use ReservationState as S;
        match self.state {
            S::Released if self.reason.as_deref() == Some(HOLD_EXPIRED) => {
                Some(NotConfirmed::HoldExpired)
            }
            S::Released => Some(NotConfirmed::Released),
            S::Refused => Some(NotConfirmed::NeverHeld),
            S::Confirmed if self.payment.is_some() => Some(NotConfirmed::AlreadyPaid),
            S::Pending | S::Confirmed => {
                let differs = self.amount.is_some_and(|due| due != amount);
                differs.then_some(NotConfirmed::AmountMismatch)
            }
        }
    }

    /// Confirms a pending reservation and its seat, as of that time; false, and the seat is given back, if the
    /// hold was over then.
    ///
    /// # Errors
    /// Carries a miss; pass it on with `?`.
    pub fn settle(
        &mut self,
        payment: Option<ReservationPayment>,
        at: Timestamp,
        work: &mut Work<'_>,
    ) -> Result<bool, Rejection> {
        let seat = self.seat_of_its_own(work)?;
        let Some(mut seat) = seat.filter(|seat| at <= seat.held_until) else {
            self.give_back(HOLD_EXPIRED, work)?;
            return Ok(false);
        };
        seat.state = SeatState::Confirmed;
        work.put(&seat);
        self.payment = payment;
        self.stand(ReservationState::Confirmed, None, work);
        Ok(true)
    }

    /// Gives the seat of a pending reservation back: it can be reserved again. False, and nothing changes, if the
    /// reservation is not pending, so that it happens once.
    ///
    /// # Errors
    /// Carries a miss; pass it on with `?`.
    pub fn release(&mut self, reason: &str, work: &mut Work<'_>) -> Result<bool, Rejection> {
        let is_pending = self.state == ReservationState::Pending;
        if is_pending {
            self.give_back(reason, work)?;
        }
        Ok(is_pending)
    }

    /// Gives the seat of a pending or confirmed reservation back. False, and nothing changes, if it has none.
    ///
    /// # Errors
    /// Carries a miss; pass it on with `?`.
    pub fn call_off(&mut self, reason: &str, work: &mut Work<'_>) -> Result<bool, Rejection> {
        let had_seat = self.has_seat();
        if had_seat {
            self.give_back(reason, work)?;
        }
        Ok(had_seat)
    }

    /// Whether it has its seat, held or paid.
    #[must_use]
    pub fn has_seat(&self) -> bool {
        use ReservationState as S;
        matches!(self.state, S::Pending | S::Confirmed)
    }

    /// Notes that it no longer has its seat, and stores it; whose the seat is now is the caller's business.
    pub fn lose_seat(&mut self, reason: &str, work: &mut Work<'_>) {
        self.stand(ReservationState::Released, Some(reason), work);
    }

    /// Whether it was paid with this very payment; one without an id is not known again.
    #[must_use]
    pub fn was_paid_with(&self, payment_id: Option<&PaymentId>) -> bool {
        let paid_with = self.payment.as_ref();
        let paid_with = paid_with.and_then(|payment| payment.payment_id.as_ref());
        paid_with.is_some() && paid_with == payment_id
    }

    fn give_back(&mut self, reason: &str, work: &mut Work<'_>) -> Result<(), Rejection> {
        let seat = self.seat_of_its_own(work);
        // Others may reserve and release seats of the concert meanwhile: additions commute.
        let concert = work.peek::<Concert>(self.concert_id.as_str());
        let (seat, concert) = (seat?, concert?);
        if let Some(mut seat) = seat {
            seat.state = SeatState::Free;
            work.put(&seat);
            if concert.is_some_and(|concert| concert.available.is_some()) {
                work.add::<Concert>(self.concert_id.as_str(), "available", 1);
            }
        }
        self.lose_seat(reason, work);
        Ok(())
    }

    /// The seat, unless it is free or another reservation's.
    fn seat_of_its_own(&self, work: &mut Work<'_>) -> Result<Option<Seat>, Rejection> {
        let Some(seat) = &self.seat else {
            return Ok(None);
        };
        let seat = work.get::<Seat>((&self.concert_id, seat))?;
        Ok(seat.filter(|seat| {
            seat.state != SeatState::Free && seat.reservation_id == self.reservation_id
        }))
    }

    fn stand(&mut self, state: ReservationState, reason: Option<&str>, work: &mut Work<'_>) {
        self.state = state;
        self.reason = reason.map(str::to_owned);
        self.updated_at = work.now();
        work.put(self);
    }
}

impl Item for Reservation {
    const TABLE: &'static str = "reservations";

    fn key(&self) -> Key {
        Key::from(self.reservation_id.as_str())
    }
}
