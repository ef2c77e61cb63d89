//! `order-created`: reserves stock for each new order and stores it, or rejects it whole.

mod handler;
mod items;

pub use handler::OrderCreatedHandler;
pub use items::{Order, Product};
