//! `product-stock-changed`: restocks products and corrects their stock.

mod handler;

pub use handler::ProductStockChangedHandler;
