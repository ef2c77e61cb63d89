//! `payment-completed`: has a payment that succeeded pay its order or confirm its reservation.

mod handler;
mod order;
mod reservation;

pub use handler::PaymentCompletedHandler;
