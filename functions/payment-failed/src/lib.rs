//! `payment-failed`: releases what a payment that failed was for.

mod handler;
mod order;

pub use handler::PaymentFailedHandler;
