//! `reservation-created`: holds the seat of a new reservation, or refuses it and has its user wait.

mod claim;
mod follow;
mod handler;
mod tell;

pub use claim::PLACES_EXAMINED_MAX;
pub use handler::ReservationCreatedHandler;
