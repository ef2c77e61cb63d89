//! `ranking`: ranks concerts by the bookings of a day and by how fast they were sold out.

mod handler;
mod items;
mod top;

pub use handler::{Booking, RankingHandler};
pub use items::{BookedReservation, DailyBookings, SellOut, day_of, month_of};
pub use top::{Board, Order, PLACES_MAX, Place, READ_ITEMS_MAX, TopError, top};
