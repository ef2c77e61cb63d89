//! `stock-updated`: keeps the stock that others read, and tells when a product runs out.

mod handler;
mod items;

pub use handler::{INVENTORY_RECIPIENT, StockUpdatedHandler};
pub use items::{LOW_STOCK_PIECES, StockLevel};
