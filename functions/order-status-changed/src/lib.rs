//! `order-status-changed`: keeps the timeline of each order, and moves its pieces with it.

mod handler;

pub use handler::OrderStatusChangedHandler;
