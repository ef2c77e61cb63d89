//! The stored form of what several functions work on: orders and products.
//!
//! It is the boundary at which functions that must not know each other agree: tables, keys, fields, and which
//! statuses of an order may follow each other. What an event leads to is each function's own business, and so
//! is every item that one function alone works on. Nothing here reads or writes a store.

#![doc = ""]
#![doc = include_str!("../README.md")]

mod order;
mod product;

pub use order::{
    ImpossibleTransition, Line, Order, TIMELINE_ENTRIES_MAX, TimelineEntry, is_possible,
};
pub use product::Product;
