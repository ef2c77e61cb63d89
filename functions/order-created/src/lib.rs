//! `order-created`: reserves stock for each new order and stores it, or rejects it whole.

mod handler;
mod join;

pub use handler::OrderCreatedHandler;
