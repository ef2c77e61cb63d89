//! The stored form of what several functions work on: orders, products, reservations of seats, and payments that
//! came early.
//!
//! It is the boundary at which functions that must not know each other agree: tables, keys, fields, which statuses
//! of an order may follow each other, and what such a change does to stock. What an event leads to is each
//! function's own business, and so is every item that one function alone works on.

#![doc = ""]
#![doc = include_str!("../README.md")]

mod concert;
mod order;
mod payment;
mod product;
mod reservation;

pub use concert::{
    Concert, HOLD_MINUTES, Seat, SeatState, UNNUMBERED_PREFIX, Waiting, before_places_of, place,
};
pub use order::{
    ImpossibleTransition, Line, Order, OrderPayment, TIMELINE_ENTRIES_MAX, TimelineEntry,
    is_possible,
};
pub use payment::{
    EarlyPayment, EarlyPaymentState, PaidFor, PaymentOutcome, REFUNDS_RECIPIENT, refund_due,
};
pub use product::Product;
pub use reservation::{
    Confirmation, HOLD_EXPIRED, NotConfirmed, Reservation, ReservationPayment, ReservationState,
};
