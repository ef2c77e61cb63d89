//! What an event says that is counted: of what it tells, when it happened, for whom, and how much.
//!
//! How it is counted is not said here.

use event_schema::events::{
    ConcertSoldOut, OrderCompleted, PaymentCompleted, PaymentMethod, ReservationCreated,
};
use event_schema::{ConcertId, Timestamp, UserId};
use processing::Record;
use rust_decimal::Decimal;

use crate::handler::Business;

/// What stands for the means of a payment that does not say it.
const UNKNOWN_METHOD: &str = "unknown";

/// What is counted of an event.
pub(crate) struct Facts {
    /// What the event tells of, the same however often and under whatever ids it is told.
    pub(crate) subject: String,
    /// When it happened.
    pub(crate) at: Timestamp,
    pub(crate) concert: Option<ConcertId>,
    pub(crate) user: Option<UserId>,
    /// The means of payment; none of what is no payment.
    pub(crate) method: Option<String>,
    pub(crate) amount: Option<Decimal>,
}

impl Facts {
    /// Reads them; none of an event that counts nothing.
    pub(crate) fn of(record: &Record<Business>) -> Option<Self> {
        let event_id = record.event_id.as_ref().map_or("", |id| id.as_str());
        let facts = match &record.event {
            Business::OrderCompleted(order) => of_order(order),
            Business::PaymentCompleted(payment) => of_payment(payment, event_id),
            Business::ReservationCreated(reservation) => of_reservation(reservation),
            // Who goes on with telling those who wait does not sell the concert out again.
            Business::ConcertSoldOut(sold_out) if sold_out.cursor.is_some() => return None,
            Business::ConcertSoldOut(sold_out) => of_sell_out(sold_out, event_id),
        };
        Some(facts.at_or(record.timestamp))
    }
}

/// Facts whose instant is the event's own where the payload says none.
struct Undated {
    at: Option<Timestamp>,
    facts: Facts,
}

impl Undated {
    fn at_or(self, event_at: Timestamp) -> Facts {
        Facts {
            at: self.at.unwrap_or(event_at),
            ..self.facts
        }
    }
}

fn undated(subject: String, at: Option<Timestamp>) -> Undated {
    let facts = Facts {
        subject,
        at: Timestamp::MIN,
        concert: None,
        user: None,
        method: None,
        amount: None,
    };
    Undated { at, facts }
}

fn of_order(order: &OrderCompleted) -> Undated {
    let mut undated = undated(order.order_id.to_string(), order.completed_at);
    undated.facts.user = Some(order.user_id.clone());
    undated.facts.amount = order.total_amount;
    undated
}

/// One of a producer that gives payments no ids is known by its event's.
fn of_payment(payment: &PaymentCompleted, event_id: &str) -> Undated {
    let subject = match &payment.payment_id {
        Some(payment_id) => payment_id.to_string(),
        None => format!("event/{event_id}"),
    };
    let method = payment.method.as_ref().map(PaymentMethod::as_str);
    let mut undated = undated(subject, payment.paid_at);
    undated.facts.user.clone_from(&payment.user_id);
    undated.facts.method = Some(method.unwrap_or(UNKNOWN_METHOD).to_owned());
    undated.facts.amount = Some(payment.amount);
    undated
}

fn of_reservation(reservation: &ReservationCreated) -> Undated {
    let mut undated = undated(reservation.reservation_id.to_string(), None);
    undated.facts.concert = Some(reservation.concert_id.clone());
    undated.facts.user = Some(reservation.user_id.clone());
    undated.facts.amount = reservation.amount;
    undated
}

/// A concert may be sold out more than once, when seats are given back.
fn of_sell_out(sold_out: &ConcertSoldOut, event_id: &str) -> Undated {
    let mut undated = undated(format!("event/{event_id}"), sold_out.sold_out_at);
    undated.facts.concert = Some(sold_out.concert_id.clone());
    undated
}
