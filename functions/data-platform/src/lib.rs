//! `data-platform`: counts orders, payments, reservations and sell-outs, and keeps each event whole for replay.

mod facts;
mod handler;
mod items;

pub use handler::{Business, DataPlatformHandler};
pub use items::{PART_BYTES_MAX, RawEvent, RawPart, Total};
