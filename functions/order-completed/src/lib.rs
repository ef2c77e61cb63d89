//! `order-completed`: counts the sales of completed orders by hour, product and user.

mod handler;
mod items;

pub use handler::OrderCompletedHandler;
pub use items::{Counted, Sales, hour};
