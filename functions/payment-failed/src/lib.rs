//! `payment-failed`: releases what a payment that failed was for.

mod handler;
mod order;
mod reservation;

pub use handler::PaymentFailedHandler;
