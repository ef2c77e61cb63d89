//! `concert-sold-out`: closes a concert that has no seats left, and tells everybody who waits, once.

mod handler;

pub use handler::{ConcertSoldOutHandler, PAGE_USERS_MAX};
