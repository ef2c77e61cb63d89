//! `payment-completed`: has a payment that succeeded pay its order or confirm its reservation.

mod handler;
mod order;

pub use handler::PaymentCompletedHandler;
