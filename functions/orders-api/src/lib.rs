//! `orders-api`: takes orders over HTTP, stores them as pending, tells of them, and shows them.
//!
//! `api.rs` is the way of a request: route, read, decide (`handler.rs`), answer. The document of it all is
//! `openapi.json`, written by [`openapi`]. Whether an order can be had is decided by others.

mod answer;
mod api;
mod handler;
mod new_order;
mod openapi;
mod problem;
mod reader;

pub use answer::{Accepted, Answer, Item, Moment, OrderView};
pub use api::{BODY_BYTES_MAX, OrdersApi, RETRY_AFTER_SECONDS};
pub use handler::OrdersApiHandler;
pub use new_order::NewOrder;
pub use openapi::openapi;
pub use problem::{FIELD_PROBLEMS_MAX, FieldProblem, Problem};

/// The function's name.
pub const NAME: &str = <OrdersApiHandler as processing::Command>::NAME;
